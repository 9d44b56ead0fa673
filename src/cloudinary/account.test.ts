import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONFIGURATION_PARTS } from '../model/account.ts'
import type { AccountReader } from './reader.ts'
import { json, readerOf, refuse, row, type ScriptedServer, type Seen, startScriptedServer } from './testing.ts'

let server: ScriptedServer
let reader: AccountReader
let notes: string[]
const signal = new AbortController().signal
const BASE = '/v1_1/acme'

beforeEach(async () => {
  server = await startScriptedServer()
  const made = readerOf(server.url)
  reader = made.reader
  notes = made.notes
})
afterEach(async () => {
  await reader.close()
  await server.close()
})

/** Answers by path; everything else does not exist. */
const serve = (routes: Readonly<Record<string, (seen: Seen) => unknown>>): void => {
  server.answer((seen, response) => {
    const body = routes[seen.path.slice(BASE.length)]?.(seen)
    return body === undefined ? refuse(response, 404, 'Not found') : json(response, body)
  })
}

describe('the profile', () => {
  it('tells folder mode, plan and Cloudinary’s own counts', async () => {
    serve({
      '/config': () => ({ cloud_name: 'acme', settings: { folder_mode: 'dynamic' } }),
      '/usage': () => ({ plan: 'Free', resources: 1200, storage: { usage: 123456789 } }),
    })
    expect(await reader.profile(signal)).toMatchObject({
      folderMode: 'dynamic',
      plan: 'Free',
      assets: 1200,
      storageBytes: 123456789,
    })
    expect(reader.calls).toBe(2)
  })

  it('does without usage', async () => {
    serve({ '/config': () => ({ cloud_name: 'acme' }) })
    expect(await reader.profile(signal)).toMatchObject({
      folderMode: null,
      plan: null,
      assets: null,
      storageBytes: null,
    })
  })

  it('does not do without credentials', async () => {
    server.answer((_, response) => refuse(response, 401, 'api_secret mismatch'))
    await expect(reader.profile(signal)).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
  })
})

describe('resource types', () => {
  it('are those that the account holds, and unknown ones are told', async () => {
    serve({ '/resources': () => ({ resource_types: ['video', 'image', 'model'] }) })
    expect(await reader.resourceTypes(signal)).toEqual(['image', 'video'])
    expect(notes).toEqual([expect.stringContaining('model')])
  })

  it('are all three where the service does not tell', async () => {
    server.answer((_, response) => response.writeHead(404).end('<html>Cannot GET</html>'))
    expect(await reader.resourceTypes(signal)).toEqual(['image', 'video', 'raw'])
    expect(server.seen).toHaveLength(1)
  })
})

const folder = (path: string, createdAt = '2026-01-01T00:00:00Z') => ({
  path,
  name: path.slice(path.lastIndexOf('/') + 1),
  external_id: `id-${path}`,
  created_at: createdAt,
})

describe('folders', () => {
  const paths = async (): Promise<readonly string[]> => (await reader.folders(signal)).map(({ path }) => path)
  const tree: Readonly<Record<string, readonly string[]>> = {
    '': ['b', 'a', '100%'],
    a: ['a/x y', 'a/z'],
    'a/x y': ['a/x y/deep'],
  }
  const walkRoutes = (decode: (path: string) => string) =>
    server.answer(({ path }, response) => {
      if (!path.startsWith(`${BASE}/folders`) || path.endsWith('/search')) return refuse(response, 400, 'no search')
      const at = decode(path.slice(`${BASE}/folders`.length + 1))
      const known = Object.values(tree).flat().includes(at) || at === ''
      if (!known) return refuse(response, 404, `Can't find folder with path ${at}`)
      return json(response, { folders: (tree[at] ?? []).map((one) => folder(one)), next_cursor: null })
    })
  const ALL = ['100%', 'a', 'a/x y', 'a/x y/deep', 'a/z', 'b']

  it('are searched for, page by page', async () => {
    serve({
      '/folders/search': ({ body }) =>
        body.includes('next_cursor')
          ? { total_count: 3, folders: [folder('a/b')] }
          : { total_count: 3, folders: [folder('b'), folder('a')], next_cursor: 'n' },
    })
    expect(await reader.folders(signal)).toEqual([
      { path: 'a', name: 'a', externalId: 'id-a', createdAt: '2026-01-01T00:00:00Z' },
      { path: 'a/b', name: 'b', externalId: 'id-a/b', createdAt: '2026-01-01T00:00:00Z' },
      { path: 'b', name: 'b', externalId: 'id-b', createdAt: '2026-01-01T00:00:00Z' },
    ])
    expect(reader.calls).toBe(2)
  })

  it('beyond the cap of a search are searched for by the time of their creation', async () => {
    const all = Array.from({ length: 4500 }, (_, n) => folder(`f${n}`, new Date(n * 1000).toISOString()))
    serve({
      '/folders/search': ({ body }) => {
        const { expression = '', next_cursor = '0' } = JSON.parse(body) as { expression?: string; next_cursor?: string }
        const since = /^created_at>="(.*)"$/.exec(expression)?.[1] ?? ''
        const found = all.filter((one) => one.created_at >= since).slice(0, 2000)
        const at = Number(next_cursor)
        const more = at + 500 < found.length ? String(at + 500) : null
        return { total_count: found.length, folders: found.slice(at, at + 500), next_cursor: more }
      },
    })
    expect(await reader.folders(signal)).toHaveLength(4500)
    expect(reader.calls).toBe(10)
  })

  it.each([
    ['reads % twice', (path: string) => decodeURIComponent(decodeURIComponent(path))],
    ['reads % once', (path: string) => decodeURIComponent(path)],
    ['wants plain slashes', (path: string) => (path.includes('%2F') ? '?' : decodeURIComponent(path))],
  ])('are walked where the search is refused, and the service %s', async (_, decode) => {
    walkRoutes((path) => {
      try {
        return decode(path)
      } catch {
        return '?'
      }
    })
    expect(await paths()).toEqual(ALL)
  })

  it('are walked when the counts of the search disagree', async () => {
    serve({
      '/folders/search': () => ({ total_count: 3, folders: [folder('a')] }),
      '/folders': () => ({ folders: [folder('a'), folder('b')] }),
      '/folders/a': () => ({ folders: [folder('a/c')] }),
      '/folders/b': () => ({ folders: [] }),
      '/folders/a%2Fc': () => ({ folders: [] }),
    })
    expect(await paths()).toEqual(['a', 'a/b', 'a/c', 'b'].filter((path) => path !== 'a/b'))
  })

  it('are none only when the tree says so too', async () => {
    serve({ '/folders/search': () => ({ total_count: 0, folders: [] }), '/folders': () => ({ folders: [] }) })
    expect(await paths()).toEqual([])
    expect(reader.calls).toBe(2)
  })
})

describe('the configuration', () => {
  const routes = {
    '/config': () => ({ cloud_name: 'acme', settings: { folder_mode: 'fixed' } }),
    '/upload_presets': ({ query }: Seen) =>
      query.has('next_cursor') ? { presets: [{ name: 'b' }] } : { presets: [{ name: 'a' }], next_cursor: 'n' },
    '/transformations': () => ({ transformations: [{ name: 't_small', named: true, used: true }] }),
    '/transformations/small': () => ({
      name: 'small',
      allowed_for_strict: true,
      used: true,
      info: [{ width: 100 }],
      derived: [{ id: 'x' }],
      next_cursor: 'y',
    }),
    '/upload_mappings': () => ({ mappings: [{ folder: 'f', template: 'https://x.test/' }] }),
    '/streaming_profiles': () => ({ data: [{ name: 'hd', representations: [] }, { name: 'own' }] }),
    '/streaming_profiles/own': () => ({ data: { name: 'own', representations: [{ transformation: [] }] } }),
    '/metadata_fields': () => ({ metadata_fields: [{ external_id: 'sku' }] }),
    '/triggers': () => ({ triggers: [], total: 0 }),
    '/tags/image': () => ({ tags: ['x'] }),
    '/tags/video': () => ({ tags: [] }),
    '/tags/raw': () => ({ tags: [] }),
  }

  it('is every part, complete, and names what is not to be had', async () => {
    serve(routes)
    const told: string[] = []
    const { parts, unavailable } = await reader.configuration(signal, (part) => told.push(part))
    expect(told).toEqual(CONFIGURATION_PARTS)
    expect(parts).toEqual({
      settings: { cloud_name: 'acme', settings: { folder_mode: 'fixed' } },
      upload_presets: [{ name: 'a' }, { name: 'b' }],
      transformations: [{ name: 't_small', named: true, allowed_for_strict: true, info: [{ width: 100 }] }],
      upload_mappings: [{ folder: 'f', template: 'https://x.test/' }],
      streaming_profiles: [
        { name: 'hd', representations: [] },
        { name: 'own', representations: [{ transformation: [] }] },
      ],
      metadata_fields: [{ external_id: 'sku' }],
      metadata_rules: null,
      triggers: [],
      tags: { image: ['x'], video: [], raw: [] },
    })
    expect(unavailable).toEqual({ metadata_rules: 'HTTP 404: Not found' })
  })

  it('fails as a whole when a part fails for another reason', async () => {
    const { reader: impatient } = readerOf(server.url, { retry: { tries: 2, firstMs: 1, maxMs: 1 } })
    server.answer((seen, response) =>
      seen.path.endsWith('/triggers') ? refuse(response, 500, 'General error') : json(response, answerOf(seen)),
    )
    await expect(impatient.configuration(signal)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' })
    await impatient.close()
  })

  const answerOf = (seen: Seen): unknown => {
    const route = Object.entries(routes).find(([path]) => path === seen.path.slice(BASE.length))
    return route === undefined ? { metadata_rules: [] } : route[1](seen)
  }
})

it('makes no request that could change the account', async () => {
  server.answer((seen, response) => {
    if (/\/resources\/(search|image|by_asset_ids)/.test(seen.path)) return json(response, { resources: [row()] })
    if (/\/resources\/[0-9a-f]{32}$/.test(seen.path)) return json(response, row())
    if (seen.path.endsWith('/download')) return response.writeHead(200).end('x')
    return refuse(response, 404, 'Not found')
  })
  const { facts } = reader.parseRow(
    row({ secure_url: `${server.url}/a.jpg` }) as Parameters<AccountReader['parseRow']>[0],
    'list',
  )
  const everything: Readonly<
    Record<Exclude<keyof AccountReader, 'account' | 'calls' | 'budget' | 'close'>, () => unknown>
  > = {
    profile: () => reader.profile(signal),
    resourceTypes: () => reader.resourceTypes(signal),
    listPage: () => reader.listPage({ resourceType: 'image', type: 'upload' }, { cursor: 'c', since: 's' }, signal),
    searchPage: () => reader.searchPage(null, signal),
    byAssetIds: () => reader.byAssetIds([facts.assetId], signal),
    byNames: () => reader.byNames([facts], signal),
    details: () => reader.details(facts, signal),
    backupHistory: () => reader.backupHistory(facts, signal),
    backupSigns: () => reader.backupSigns({ details: { versions: [] } }),
    deletedPage: () => reader.deletedPage(null, signal),
    openBackup: async () => (await reader.openBackup(facts.assetId, 'a'.repeat(32), { offset: 3 }, signal)).destroy(),
    folders: () => reader.folders(signal),
    configuration: () => reader.configuration(signal),
    parseRow: () => reader.parseRow(row() as Parameters<AccountReader['parseRow']>[0], 'list'),
    sources: () => reader.sources(facts),
    openSource: async () => {
      for (const source of reader.sources(facts)) {
        const opened = await reader.openSource(facts, source, { offset: 0, etag: null }, signal).catch(() => null)
        opened?.destroy()
      }
    },
  }
  for (const use of Object.values(everything)) await Promise.resolve(use()).catch(() => undefined)
  const made = new Set(server.seen.map(({ method, path }) => `${method} ${path.replace(BASE, '')}`))
  expect([...made].filter((one) => !one.startsWith('GET ')).sort()).toEqual([
    'POST /folders/search',
    'POST /resources/search',
  ])
  expect(server.seen.filter(({ method, body }) => method === 'GET' && body !== '')).toEqual([])
})
