import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AccountReader } from './reader.ts'
import { json, readerOf, refuse, row, type ScriptedServer, type Seen, startScriptedServer } from './testing.ts'
import { LIST_FIELDS } from './wire/fields.ts'

let server: ScriptedServer
let reader: AccountReader
let notes: string[]
const signal = new AbortController().signal
const partition = { resourceType: 'image', type: 'upload' } as const
const START = { cursor: null, since: null }

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

const bodyOf = (seen: Seen | undefined): Record<string, unknown> =>
  JSON.parse(seen?.body ?? '{}') as Record<string, unknown>

describe('a list', () => {
  it('asks for everything a row can carry, oldest first', async () => {
    server.answer((_, response) => json(response, { resources: [row()], next_cursor: 'c/1+=' }))
    const page = await reader.listPage(partition, { cursor: null, since: '2025-10-01T06:26:40Z' }, signal)
    expect(page.cursor).toBe('c/1+=')
    const [first] = server.seen
    expect(first?.path).toBe('/v1_1/acme/resources/image/upload')
    expect(Object.fromEntries(first?.query ?? [])).toEqual({
      max_results: '500',
      direction: 'asc',
      tags: 'true',
      context: 'true',
      metadata: 'true',
      moderations: 'true',
      fields: LIST_FIELDS.join(','),
      start_at: '2025-10-01T06:26:40Z',
    })
    server.answer((_, response) => json(response, { resources: [] }))
    expect(await reader.listPage(partition, { cursor: page.cursor, since: null }, signal)).toEqual({
      rows: [],
      cursor: null,
    })
    expect(server.seen[1]?.query.get('next_cursor')).toBe('c/1+=')
  })

  it('does without `fields` where they are refused, for the rest of the run', async () => {
    server.answer(({ query }, response) =>
      query.has('fields') ? refuse(response, 400, 'Invalid fields') : json(response, { resources: [row()] }),
    )
    expect((await reader.listPage(partition, START, signal)).rows).toHaveLength(1)
    await reader.listPage(partition, START, signal)
    await reader.byAssetIds(['5f0c0ffee0ddba11cafe0000deadbeef'], signal)
    expect(server.seen.map(({ query }) => query.has('fields'))).toEqual([true, false, false, false])
  })

  it.each([400, 404, 410, 422])(
    'says with a %i that its cursor is dead, never that it is at its end',
    async (status) => {
      server.answer((_, response) => refuse(response, status, 'Invalid next_cursor'))
      const listing = reader.listPage(partition, { cursor: 'old', since: null }, signal)
      await expect(listing).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    },
  )

  it('of a type that does not exist is empty, if the API itself says so', async () => {
    server.answer((_, response) => refuse(response, 404, 'Resource type not found'))
    expect(await reader.listPage(partition, START, signal)).toEqual({ rows: [], cursor: null })
    server.answer((_, response) => json(response, { message: 'Route not found' }, 404))
    await expect(reader.listPage(partition, START, signal)).rejects.toMatchObject({ code: 'API_UNEXPECTED' })
  })

  it('does not run in a circle', async () => {
    server.answer((_, response) => json(response, { resources: [row()], next_cursor: 'same' }))
    const listing = reader.listPage(partition, { cursor: 'same', since: null }, signal)
    await expect(listing).rejects.toMatchObject({ code: 'API_UNEXPECTED' })
  })

  it('names placeholders', async () => {
    server.answer((_, response) => json(response, { resources: [row({ placeholder: true, bytes: 0 })] }))
    expect((await reader.listPage(partition, START, signal)).rows).toMatchObject([{ placeholder: true }])
  })
})

describe('a search', () => {
  it('asks for every status, last updated first', async () => {
    server.answer((_, response) =>
      json(response, { total_count: 1, resources: [row({ etag: 'A'.repeat(32) })], next_cursor: 'n' }),
    )
    const page = await reader.searchPage(null, signal)
    expect(page).toMatchObject({ cursor: 'n', totalCount: 1, rows: [{ facts: { etag: 'a'.repeat(32) } }] })
    expect(server.seen[0]).toMatchObject({ method: 'POST', path: '/v1_1/acme/resources/search' })
    expect(bodyOf(server.seen[0])).toEqual({
      expression: 'status:(active OR pending OR inactive)',
      sort_by: [{ updated_at: 'desc' }],
      with_field: ['tags', 'context', 'metadata'],
      max_results: 500,
    })
    await reader.searchPage('n', signal).catch(() => undefined)
    expect(bodyOf(server.seen[1])['next_cursor']).toBe('n')
  })

  it.each([
    ['metadata', 403, (body: Record<string, unknown>) => JSON.stringify(body['with_field']).includes('metadata')],
    ['updated_at', 400, (body: Record<string, unknown>) => JSON.stringify(body['sort_by']).includes('updated_at')],
    ['the status clause', 400, (body: Record<string, unknown>) => 'expression' in body],
    [
      'all of it',
      400,
      (body: Record<string, unknown>) =>
        'expression' in body ||
        JSON.stringify(body).includes('metadata') ||
        JSON.stringify(body).includes('updated_at'),
    ],
  ] as const)('does without %s where it is refused, for the rest of the run', async (_, status, refused) => {
    server.answer((seen, response) =>
      refused(bodyOf(seen))
        ? refuse(response, status, 'not on this plan')
        : json(response, { resources: [row()], next_cursor: 'n' }),
    )
    expect((await reader.searchPage(null, signal)).rows).toHaveLength(1)
    const calls = server.seen.length
    await reader.searchPage(null, signal)
    expect(server.seen).toHaveLength(calls + 1)
  })

  it('can come in the order of creation', async () => {
    server.answer((_, response) => json(response, { resources: [row()], next_cursor: 'n' }))
    await reader.searchPage(null, signal, 'created')
    await reader.searchPage('n', signal, 'created').catch(() => undefined)
    expect(server.seen.map((seen) => bodyOf(seen)['sort_by'])).toEqual([
      [{ created_at: 'asc' }],
      [{ created_at: 'asc' }],
    ])
  })

  it('that is refused altogether is an error', async () => {
    server.answer((_, response) => refuse(response, 403, 'Not allowed'))
    await expect(reader.searchPage(null, signal)).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
  })

  it('is not taken for empty because the service does not know the status clause', async () => {
    server.answer((seen, response) => json(response, { resources: 'expression' in bodyOf(seen) ? [] : [row()] }))
    expect((await reader.searchPage(null, signal)).rows).toHaveLength(1)
  })

  it('tells that its cursor is dead', async () => {
    server.answer((_, response) => refuse(response, 400, 'Invalid next_cursor'))
    await expect(reader.searchPage('old', signal)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(server.seen).toHaveLength(1)
  })

  it('reports assets of an unknown kind once and goes on', async () => {
    server.answer((_, response) => json(response, { resources: [row({ resource_type: 'model' }), row()] }))
    expect((await reader.searchPage(null, signal)).rows).toHaveLength(1)
    await reader.searchPage(null, signal)
    expect(notes).toEqual([expect.stringContaining('"model"')])
  })
})

describe('asking by ids', () => {
  const ids = ['a'.repeat(32), 'b'.repeat(32)]

  it('answers those that exist', async () => {
    server.answer((_, response) =>
      json(response, { resources: [row({ asset_id: ids[0] }), row({ asset_id: ids[1], placeholder: true })] }),
    )
    const rows = await reader.byAssetIds(ids, signal)
    expect(rows.map((found) => found.facts.assetId)).toEqual([ids[0]])
    expect(server.seen[0]?.query.getAll('asset_ids[]')).toEqual(ids)
  })

  it('answers none when the API says that none exist, and only then', async () => {
    server.answer((_, response) => refuse(response, 404, 'Resources not found'))
    expect(await reader.byAssetIds(ids, signal)).toEqual([])
    server.answer((_, response) => response.writeHead(404).end('<html>'))
    await expect(reader.byAssetIds(ids, signal)).rejects.toMatchObject({ code: 'API_UNEXPECTED' })
  })

  it('answers what a partial 404 carries', async () => {
    server.answer((_, response) => json(response, { resources: [row({ asset_id: ids[0] })] }, 404))
    expect(await reader.byAssetIds(ids, signal)).toHaveLength(1)
  })

  it('makes no call for nothing', async () => {
    expect(await reader.byAssetIds([], signal)).toEqual([])
    expect(server.seen).toEqual([])
  })
})

describe('details', () => {
  const facts = () => reader.parseRow(row() as Parameters<AccountReader['parseRow']>[0], 'list').facts

  it('are asked for by asset_id, with versions and coordinates', async () => {
    server.answer((_, response) => json(response, row({ coordinates: { custom: [[1, 2, 3, 4]] }, versions: [] })))
    const found = await reader.details(facts(), signal)
    expect(found).toMatchObject({ found: true, row: { facts: { coordinates: { custom: [[1, 2, 3, 4]] } } } })
    expect(server.seen[0]?.path).toBe('/v1_1/acme/resources/5f0c0ffee0ddba11cafe0000deadbeef')
    expect(server.seen[0]?.query.get('versions')).toBe('true')
    expect(server.seen[0]?.query.get('coordinates')).toBe('true')
  })

  it('are asked for by name where the service does not know ids', async () => {
    const name = '/v1_1/acme/resources/image/upload/products/shoe_7'
    server.answer(({ path }, response) =>
      path === name ? json(response, row({ asset_id: undefined })) : response.writeHead(404).end('<html>'),
    )
    expect(await reader.details(facts(), signal)).toMatchObject({ found: true })
    expect(server.seen.map(({ path }) => path).slice(1)).toEqual([name.replace('s/shoe', 's%2Fshoe'), name])
  })

  it('of an asset that took over the name are not those of the asset', async () => {
    server.answer(({ path }, response) =>
      path.includes('5f0c') ? refuse(response, 404, 'Not found') : json(response, row({ asset_id: 'f'.repeat(32) })),
    )
    expect(await reader.details(facts(), signal)).toEqual({ found: false, placeholder: false })
  })

  it('of an asset that is gone take one call, once ids are known to work', async () => {
    server.answer((_, response) => json(response, row()))
    await reader.details(facts(), signal)
    server.answer((_, response) => refuse(response, 404, 'Resource not found'))
    expect(await reader.details(facts(), signal)).toEqual({ found: false, placeholder: false })
    expect(server.seen).toHaveLength(2)
  })

  it('of a deleted asset with a backup name the placeholder', async () => {
    server.answer((_, response) => json(response, row({ placeholder: true, bytes: 0 })))
    expect(await reader.details(facts(), signal)).toEqual({ found: false, placeholder: true })
  })

  it('are not absent because something in between says 404', async () => {
    server.answer((_, response) => response.writeHead(404).end('<html>nginx</html>'))
    await expect(reader.details(facts(), signal)).rejects.toMatchObject({ code: 'API_UNEXPECTED' })
  })

  it('do with fewer flags where some are refused', async () => {
    server.answer(({ query }, response) =>
      query.has('phash') ? refuse(response, 400, 'Invalid value for parameter phash') : json(response, row()),
    )
    await reader.details(facts(), signal)
    await reader.details(facts(), signal)
    expect(server.seen.map(({ query }) => query.has('phash'))).toEqual([true, false, false])
  })
})
