import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCloud } from '../../sandbox/cloud.ts'
import { contentOf, makeAsset } from '../../sandbox/make-asset.ts'
import { type Sandbox, startSandbox } from '../../sandbox/server.ts'
import { createAccountReader } from './create-reader.ts'
import type { AccountReader, BackupHistory, OpenedBody } from './reader.ts'
import { signRequest } from './signature.ts'
import {
  inTurn,
  json,
  readerOf,
  refuse,
  row,
  type Script,
  type ScriptedServer,
  SECRET,
  startScriptedServer,
} from './testing.ts'

const signal = new AbortController().signal
const ASSET = {
  assetId: '5f0c0ffee0ddba11cafe0000deadbeef',
  publicId: 'products/shoe_7',
  resourceType: 'image',
  type: 'upload',
} as const
const VERSION = '0a'.repeat(16)
const BYTES = Buffer.from('0123456789abcdefghij')

let server: ScriptedServer
const closers: (() => Promise<void>)[] = []
beforeEach(async () => {
  server = await startScriptedServer()
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await server.close()
})

const make = (options: Parameters<typeof readerOf>[1] = {}): AccountReader => {
  const { reader } = readerOf(server.url, options)
  closers.push(() => reader.close())
  return reader
}

const record = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  version_id: VERSION,
  version: '1759300000',
  format: 'jpg',
  size: 170001,
  time: '2025-10-01T06:26:40Z',
  restorable: true,
  ...more,
})

const historyOf = async (versions: unknown, more: Record<string, unknown> = {}): Promise<BackupHistory> => {
  server.answer((_, response) => json(response, row({ versions, ...more })))
  const history = await make().backupHistory(ASSET, signal)
  if (history === null) throw new Error('it is said not to exist')
  return history
}

const read = async (opened: OpenedBody): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of opened.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('the versions of an asset', () => {
  it('are asked for by its id, with one call', async () => {
    const reader = make()
    server.answer((_, response) => json(response, row({ versions: [record()] })))
    await reader.backupHistory(ASSET, signal)
    expect(server.seen.map(({ path, query }) => [path, query.get('versions')])).toEqual([
      [`/v1_1/acme/resources/${ASSET.assetId}`, 'true'],
    ])
    expect(reader.calls).toBe(1)
  })

  it('come parsed, whichever way numbers and times are written', async () => {
    const { versions } = await historyOf([
      record(),
      record({
        version_id: 'b',
        version: 1759400000,
        size: '184223',
        time: 1759400000,
        restorable: 'true',
        format: 'PNG',
      }),
    ])
    expect(versions).toMatchObject([
      {
        versionId: VERSION,
        cldVersion: 1759300000,
        format: 'jpg',
        size: 170001,
        restorable: true,
        time: '2025-10-01T06:26:40.000Z',
      },
      {
        versionId: 'b',
        cldVersion: 1759400000,
        format: 'png',
        size: 184223,
        restorable: true,
        time: '2025-10-02T10:13:20.000Z',
      },
    ])
    expect(versions[0]?.hash).toMatch(/^[0-9a-f]{32}$/)
    expect(versions[0]?.hash).not.toBe(versions[1]?.hash)
  })

  it('say null for what is absent, unknown or nonsense', async () => {
    const { versions } = await historyOf([
      { version_id: 'a' },
      record({
        version_id: 'b',
        version: 4_294_967_295,
        size: -1,
        time: 'yesterday',
        format: '../../x',
        restorable: null,
      }),
    ])
    const silent = { cldVersion: null, size: null, time: null, format: null, restorable: true }
    expect(versions).toMatchObject([
      { versionId: 'a', ...silent },
      { versionId: 'b', ...silent },
    ])
  })

  it('are oldest first, in whatever order they come, and each is there once', async () => {
    const late = record({ version_id: 'late', time: '2026-01-01T00:00:00Z' })
    const early = record({ version_id: 'early', time: '2025-01-01T00:00:00+00:00' })
    const { versions } = await historyOf([late, early, late])
    expect(versions.map(({ versionId }) => versionId)).toEqual(['early', 'late'])
  })

  it('count as unreadable when there is no id to ask for them by', async () => {
    const bad = [null, 'x', {}, record({ version_id: '' }), record({ version_id: '../x?y' }), record({ version_id: 7 })]
    expect(await historyOf([...bad, record()])).toMatchObject({ unreadable: 6, versions: [{ versionId: VERSION }] })
  })

  it.each([[[]], [undefined], [null], [{}]])('are none when the answer has %o', async (versions) => {
    expect(await historyOf(versions)).toMatchObject({ unreadable: 0, versions: [] })
  })

  it('of a deleted asset come with its placeholder', async () => {
    const { row: found, versions } = await historyOf([record({ restorable: false })], { bytes: 0, placeholder: true })
    expect(found.placeholder).toBe(true)
    expect(versions).toMatchObject([{ restorable: false }])
  })

  it('of an asset that does not exist are null', async () => {
    server.answer((_, response) => refuse(response, 404, 'Resource not found - x'))
    expect(await make().backupHistory(ASSET, signal)).toBeNull()
  })

  it('are not those of another asset that has the name by now', async () => {
    const taken = row({ asset_id: 'f'.repeat(32), versions: [record()] })
    server.answer(
      inTurn(
        (_, response) => refuse(response, 404, 'Resource not found'),
        (_, response) => json(response, taken),
      ),
    )
    expect(await make().backupHistory(ASSET, signal)).toBeNull()
  })

  it('can be read from stored records again, with what else these say about the backup', () => {
    const { backupSigns } = make()
    const nothing = { backedUp: false, bytes: null, versions: null }
    expect(backupSigns({ details: { backup: true, versions: [{ version_id: 'a' }] } })).toMatchObject({
      backedUp: true,
      versions: [{ versionId: 'a' }],
    })
    expect(backupSigns({ list: { backup: 'true' }, search: { backup_bytes: '7' } })).toEqual({
      backedUp: true,
      bytes: 7,
      versions: null,
    })
    expect(backupSigns({})).toEqual(nothing)
    expect(backupSigns({ list: { backup: false }, search: null, details: {} })).toEqual(nothing)
  })
})

describe('a version in the backup', () => {
  const part: Script = ({ headers }, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    if (start === 0) return response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES)
    const contentRange = `bytes ${start}-${BYTES.length - 1}/${BYTES.length}`
    return response.writeHead(206, { 'content-range': contentRange }).end(BYTES.subarray(start))
  }
  const openIt = (offset = 0, reader = make()): Promise<OpenedBody> =>
    reader.openBackup(ASSET.assetId, VERSION, { offset }, signal)

  it('is asked for with exactly its two ids and the time signed, and costs no API call', async () => {
    server.answer(part)
    const reader = make()
    expect(await read(await openIt(0, reader))).toBe(BYTES.toString())
    const [seen] = server.seen
    const { signature, api_key: key, ...signed } = Object.fromEntries(seen?.query ?? [])
    expect([seen?.method, seen?.path]).toEqual(['GET', '/v1_1/acme/download_backup'])
    expect(Object.keys(signed).sort()).toEqual(['asset_id', 'timestamp', 'version_id'])
    expect([key, signature]).toEqual(['1234', signRequest(signed, SECRET)])
    expect(reader.calls).toBe(0)
  })

  it('goes on where it stopped, if the service knows how', async () => {
    server.answer(part)
    const opened = await openIt(15)
    expect([opened.status, opened.start, await read(opened)]).toEqual([206, 15, 'fghij'])
    expect(server.seen[0]?.headers.range).toBe('bytes=15-')
  })

  it('comes from its start when the service knows no ranges', async () => {
    server.answer((_, response) => response.writeHead(200).end(BYTES))
    const opened = await openIt(15)
    expect(opened).toMatchObject({ status: 200, start: 0, total: null })
    expect(await read(opened)).toBe(BYTES.toString())
  })

  it('may be somewhere else, where our credentials are not sent', async () => {
    const storage = await startScriptedServer(part)
    closers.push(() => storage.close())
    server.answer((_, response) => response.writeHead(302, { location: `${storage.url}/bucket/x?signed` }).end())
    const opened = await openIt(0, make({ deliveryHosts: [storage.url] }))
    expect(await read(opened)).toBe(BYTES.toString())
    expect(server.seen[0]?.headers).toHaveProperty('authorization')
    expect(storage.seen[0]?.headers).not.toHaveProperty('authorization')
  })

  it('is not fetched from a host that nobody allowed', async () => {
    const storage = await startScriptedServer(part)
    closers.push(() => storage.close())
    server.answer((_, response) => response.writeHead(302, { location: `${storage.url}/x` }).end())
    await expect(openIt()).rejects.toMatchObject({ code: 'HOST_REFUSED' })
    expect(storage.seen).toEqual([])
  })

  it("that is not there is refused in the service's words, without the secret", async () => {
    server.answer((_, response) => refuse(response, 404, `Resource not found ${SECRET}`))
    await expect(openIt()).rejects.toMatchObject({
      code: 'DOWNLOAD_REFUSED',
      message: expect.stringMatching(/404.*found \*\*\*$/),
    })
  })
})

describe('deleted assets', () => {
  const gone = (more: Record<string, unknown> = {}) =>
    row({ bytes: 0, secure_url: undefined, status: 'deleted', ...more })

  it('come a page at a time, with their count', async () => {
    server.answer((_, response) => json(response, { total_count: 700, resources: [gone()], next_cursor: 'n' }))
    const page = await make().deletedPage('c', signal)
    expect(page).toMatchObject({ cursor: 'n', totalCount: 700, rows: [{ placeholder: true }] })
    expect(JSON.parse(server.seen[0]?.body ?? '')).toMatchObject({
      expression: 'status:deleted',
      max_results: 500,
      next_cursor: 'c',
    })
  })

  it('are only those that are said to be, or of which nothing is there', async () => {
    const resources = [
      gone({ public_id: 'a' }),
      gone({ public_id: 'b', status: undefined, placeholder: true }),
      gone({ public_id: 'c', status: undefined }),
      row({ public_id: 'active', status: 'active' }),
      row({ public_id: 'silent' }),
      gone({ public_id: 'd', resource_type: 'hologram' }),
    ]
    server.answer((_, response) => json(response, { resources }))
    const { rows } = await make().deletedPage(null, signal)
    expect(rows.map(({ facts }) => facts.publicId)).toEqual(['a', 'b', 'c'])
  })

  it('tell an old cursor from a refusal', async () => {
    server.answer((_, response) => refuse(response, 400, 'no'))
    await expect(make().deletedPage('old', signal)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(make().deletedPage(null, signal)).rejects.toMatchObject({ code: 'API_REFUSED' })
  })
})

describe('against the sandbox', () => {
  it('every version of every asset can be had, also of a deleted one', async () => {
    const cloud = createCloud({ name: 'acme', settings: { autoBackup: true } })
    const sandbox: Sandbox = await startSandbox({ clouds: [cloud] })
    closers.push(() => sandbox.close())
    const key = cloud.keys[0] ?? { key: '', secret: '' }
    const reader = createAccountReader({
      cloud: 'acme',
      apiKey: key.key,
      apiSecret: key.secret,
      uploadPrefix: sandbox.url,
      reserve: 0,
      wait: true,
    })
    closers.push(() => reader.close())
    const asset = makeAsset(cloud, { publicId: 'a', bytes: Buffer.from('second') })
    const [kept] = asset.versions
    if (kept === undefined) throw new Error('nothing was backed up')
    asset.versions.unshift({
      ...kept,
      versionId: 'e'.repeat(32),
      time: kept.time - 5000,
      content: contentOf(Buffer.from('first')),
    })
    asset.content = null
    const { rows } = await reader.deletedPage(null, signal)
    const [found] = rows
    if (found === undefined) throw new Error('it is not found')
    const history = await reader.backupHistory(found.facts, signal)
    const bytes = (history?.versions ?? []).map(async ({ versionId }) =>
      read(await reader.openBackup(found.facts.assetId, versionId, { offset: 0 }, signal)),
    )
    expect(await Promise.all(bytes)).toEqual(['first', 'second'])
    expect(history?.row.placeholder).toBe(true)
  })
})
