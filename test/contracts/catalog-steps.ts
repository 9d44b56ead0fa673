import { expect } from 'vitest'
import type { Catalog, NewStep, StepKind, StepRow, Transferred } from '../../src/catalog/catalog.ts'
import { assetIdOf, collect } from '../samples/history.ts'
import type { CatalogTest } from './catalog.ts'
import { begin } from './catalog-runs.ts'

const A = assetIdOf(1)
const IDS = Array.from({ length: 1300 }, (_, n) => assetIdOf(n)).sort()

const step = (assetId: string, changes: Partial<NewStep> = {}): NewStep => ({
  ...{ assetId, kind: 'fetch', state: 'queued', why: 'new', listHash: 'h1', listRaw: '{"list":1}' },
  ...changes,
})
const keep = (assetId: string): NewStep =>
  step(assetId, { kind: 'keep', state: 'done', why: 'unchanged', listRaw: null })
const bytesOf = (assetId: string): Transferred => ({ assetId, object: `o${assetId}`, size: 10, md5: 'm', proof: 'md5' })

const save = (catalog: Catalog, ...steps: readonly NewStep[]) => catalog.write((tx) => tx.saveSteps('r', steps))
const hash = (catalog: Catalog, assetId = A) => catalog.write((tx) => tx.markHashed('r', bytesOf(assetId)))
const one = async (catalog: Catalog, assetId = A): Promise<StepRow | undefined> =>
  (await catalog.read((tx) => tx.steps('r', { limit: 2000 }))).find((row) => row.assetId === assetId)
const mark = (assetId: string, raw: string | null = '{"search":1}') => ({ assetId, etag: 'e', updatedAt: 'u', raw })

export const steps = (test: CatalogTest): void => {
  life(test)
  again(test)
  queue(test)
  writing(test)
  marks(test)
}

const life = (test: CatalogTest): void => {
  test('a step goes from queued to hashed to done with its bytes', async (catalog) => {
    await begin(catalog)
    await save(catalog, step(A))
    const queued = await one(catalog)
    expect(queued).toEqual({
      ...step(A),
      ...{
        searchRaw: null,
        detailsRaw: null,
        object: null,
        size: null,
        md5: null,
        proof: null,
        path: null,
        code: null,
        reason: null,
      },
    })
    await hash(catalog)
    expect(await one(catalog)).toEqual({ ...queued, ...bytesOf(A), state: 'hashed' })
    await catalog.write((tx) => tx.markDone('r', [A]))
    await catalog.write((tx) => tx.savePath('r', A, 'x/y.jpg'))
    await catalog.write((tx) => tx.saveDetails('r', A, '{"details":1}'))
    await catalog.write((tx) => tx.saveSearchMarks('r', [mark(A)]))
    expect(await one(catalog)).toEqual({
      ...{
        ...queued,
        ...bytesOf(A),
        state: 'done',
        path: 'x/y.jpg',
        detailsRaw: '{"details":1}',
        searchRaw: '{"search":1}',
      },
    })
  })

  test('a failed step says why, and is queued again without it', async (catalog) => {
    await begin(catalog)
    await save(catalog, step(A), step(assetIdOf(2)))
    await catalog.write((tx) => tx.markFailed('r', A, { code: 'DOWNLOAD_REFUSED', reason: 'nö' }))
    await catalog.write((tx) => tx.markVanished('r', assetIdOf(2)))
    expect(await one(catalog)).toMatchObject({ state: 'failed', code: 'DOWNLOAD_REFUSED', reason: 'nö' })
    expect(await catalog.read((tx) => tx.steps('r', { state: 'failed', limit: 5 }))).toHaveLength(1)
    await catalog.write((tx) => tx.requeueFailed('r'))
    expect(await one(catalog)).toMatchObject({ state: 'queued', code: null, reason: null })
    expect(await one(catalog, assetIdOf(2))).toMatchObject({ state: 'vanished' })
  })

  test('steps are counted by kind, state and why', async (catalog) => {
    await begin(catalog)
    await save(catalog, step(A), step(assetIdOf(2)), keep(assetIdOf(3)), step(assetIdOf(4), { why: 'replaced' }))
    await hash(catalog)
    expect(await catalog.read((tx) => tx.stepCounts('r'))).toEqual([
      { kind: 'fetch', state: 'hashed', why: 'new', count: 1, bytes: 10 },
      { kind: 'fetch', state: 'queued', why: 'new', count: 1, bytes: 0 },
      { kind: 'fetch', state: 'queued', why: 'replaced', count: 1, bytes: 0 },
      { kind: 'keep', state: 'done', why: 'unchanged', count: 1, bytes: 0 },
    ])
  })

  test('a kept asset whose details were read becomes part of what is written', async (catalog) => {
    await begin(catalog)
    await save(catalog, keep(A), step(assetIdOf(2)))
    await catalog.write((tx) => tx.promoteKeep('r', A, '{"d":1}'))
    await catalog.write((tx) => tx.promoteKeep('r', assetIdOf(2), '{"d":2}'))
    expect(await one(catalog)).toMatchObject({
      kind: 'relabel',
      state: 'done',
      why: 'details',
      listRaw: null,
      detailsRaw: '{"d":1}',
    })
    expect(await one(catalog, assetIdOf(2))).toMatchObject({ kind: 'fetch', state: 'queued' })
    expect((await catalog.read((tx) => collect(tx.doneSteps('r', '')))).map((row) => row.assetId)).toEqual([A])
  })
}

const again = (test: CatalogTest): void => {
  test('the same record again changes nothing', async (catalog) => {
    await begin(catalog)
    await save(catalog, step(A))
    await hash(catalog)
    const before = await one(catalog)
    await save(catalog, step(A))
    await save(catalog, keep(A))
    expect(await one(catalog)).toEqual(before)
  })

  test('another record replaces the step and what was transferred for it', async (catalog) => {
    await begin(catalog)
    await save(catalog, step(A))
    await hash(catalog)
    await catalog.write((tx) => tx.savePath('r', A, 'p'))
    await catalog.write((tx) => tx.saveDetails('r', A, '{"d":1}'))
    await save(catalog, step(A, { listHash: 'h2', listRaw: '{"list":2}', why: 'replaced' }))
    expect(await one(catalog)).toMatchObject({
      ...{ state: 'queued', why: 'replaced', listHash: 'h2', listRaw: '{"list":2}', detailsRaw: null },
      ...{ object: null, size: null, md5: null, proof: null, path: null },
    })
  })

  test('the same record judged again with more knowledge may weigh more, never less', async (catalog) => {
    const after = async (first: StepKind, second: StepKind): Promise<string | undefined> => {
      await save(catalog, step(A, { kind: first, listHash: `${first} ${second}` }))
      await save(catalog, step(A, { kind: second, listHash: `${first} ${second}` }))
      return (await one(catalog))?.kind
    }
    await begin(catalog)
    expect(await after('keep', 'fetch')).toBe('fetch')
    expect(await after('keep', 'relabel')).toBe('relabel')
    expect(await after('relabel', 'fetch')).toBe('fetch')
    expect(await after('fetch', 'relabel')).toBe('fetch')
    expect(await after('fetch', 'exclude')).toBe('exclude')
    expect(await after('exclude', 'keep')).toBe('keep')
  })

  test('a forgotten scan names nobody, but knows what was transferred', async (catalog) => {
    const [queued, hashed, done, kept] = [assetIdOf(1), assetIdOf(2), assetIdOf(3), assetIdOf(4)]
    await begin(catalog)
    await save(catalog, step(queued), step(hashed), step(done), keep(kept))
    await catalog.write(async (tx) => {
      for (const id of [hashed, done]) await tx.markHashed('r', bytesOf(id))
      await tx.markDone('r', [done])
      await tx.saveSearchMarks('r', [mark(queued)])
      await tx.markGone('r', [assetIdOf(9)])
      await tx.saveScanState('r', { source: 's', cursor: null, since: null, rows: 1, done: true, savedAt: 'now' })
    })
    await catalog.write((tx) => tx.forgetScan('r'))
    await catalog.read(async (tx) => {
      expect(await tx.steps('r', { limit: 10 })).toEqual([])
      expect(await tx.stepCounts('r')).toEqual([])
      expect(await tx.scanStates('r')).toEqual([])
      expect(await tx.unlistedMarks('r', '', 10)).toEqual([])
      expect(await tx.changedPrefixes('r', 1)).toEqual(new Map())
      expect(await collect(tx.doneSteps('r', ''))).toEqual([])
    })
    await save(catalog, step(queued), step(hashed, { listHash: 'other' }), step(done))
    expect(await one(catalog, queued)).toMatchObject({ state: 'queued', object: null })
    expect(await one(catalog, hashed)).toMatchObject({ state: 'queued', object: null })
    expect(await one(catalog, done)).toMatchObject({ state: 'done', ...bytesOf(done), listRaw: '{"list":1}' })
  })
}

const queue = (test: CatalogTest): void => {
  test('queued fetches come without those under way, and with search only those that search has told of', async (catalog) => {
    await begin(catalog)
    const [before = '', after = '', none = '', busy = ''] = IDS
    await catalog.write((tx) => tx.saveSearchMarks('r', [mark(before), mark(busy, null)]))
    await save(
      catalog,
      step(before),
      step(after),
      step(none),
      step(busy),
      step(IDS[4] ?? '', { kind: 'relabel', state: 'done' }),
    )
    await catalog.write((tx) => tx.saveSearchMarks('r', [mark(after, null)]))
    const queued = async (withSearch: boolean, limit = 10) => {
      const rows = await catalog.read((tx) => tx.queuedFetches('r', { limit, except: new Set([busy]), withSearch }))
      return rows.map((row) => row.assetId).sort()
    }
    expect(await queued(true)).toEqual([before, after])
    expect(await queued(false)).toEqual([before, after, none])
    expect(await queued(false, 2)).toHaveLength(2)
    await hash(catalog, before)
    expect(await queued(true)).toEqual([after])
    const [row] = await catalog.read((tx) =>
      tx.queuedFetches('r', { limit: 1, except: new Set([busy]), withSearch: true }),
    )
    expect(row).toMatchObject({ assetId: after, listRaw: '{"list":1}', searchRaw: null })
  })
}

const writing = (test: CatalogTest): void => {
  test('what is to be written comes by prefix and in order, however much it is', async (catalog) => {
    await begin(catalog)
    await save(
      catalog,
      ...IDS.map((id, n) => (n % 4 === 0 ? keep(id) : step(id, n % 4 === 1 ? {} : { kind: 'rename', state: 'done' }))),
    )
    const gone = Array.from({ length: 1100 }, (_, n) => assetIdOf(5000 + n)).sort()
    for (let i = 0; i < gone.length; i += 500) await catalog.write((tx) => tx.markGone('r', gone.slice(i, i + 500)))
    await catalog.write((tx) => tx.markGone('r', gone.slice(0, 3)))
    const written = IDS.filter((_, n) => n % 4 > 1)
    await catalog.read(async (tx) => {
      expect((await collect(tx.doneSteps('r', ''))).map((row) => row.assetId)).toEqual(written)
      expect(await collect(tx.goneIds('r', ''))).toEqual(gone)
      const prefixes = await tx.changedPrefixes('r', 1)
      for (const digit of '0123456789abcdef') {
        const [done, left] = [written, gone].map((ids) => ids.filter((id) => id.startsWith(digit)))
        expect((await collect(tx.doneSteps('r', digit))).map((row) => row.assetId)).toEqual(done)
        expect(await collect(tx.goneIds('r', digit))).toEqual(left)
        expect(prefixes.get(digit)).toBe((done?.length ?? 0) + (left?.length ?? 0))
      }
      expect(await tx.changedPrefixes('r', 0)).toEqual(new Map([['', written.length + gone.length]]))
    })
  })

  test('steps come page by page, filtered', async (catalog) => {
    await begin(catalog)
    await save(catalog, ...IDS.slice(0, 10).map((id, n) => (n % 2 === 0 ? keep(id) : step(id))))
    const page = async (filter: { kind?: StepKind; after?: string }) =>
      (await catalog.read((tx) => tx.steps('r', { ...filter, limit: 2 }))).map((row) => IDS.indexOf(row.assetId))
    expect(await page({})).toEqual([0, 1])
    expect(await page({ kind: 'keep', after: IDS[2] ?? '' })).toEqual([4, 6])
    expect(await page({ kind: 'fetch', after: IDS[8] ?? '' })).toEqual([9])
    expect(await page({ after: IDS[9] ?? '' })).toEqual([])
  })
}

const marks = (test: CatalogTest): void => {
  test('marks are replaced by newer ones and told of assets that no list named', async (catalog) => {
    await begin(catalog)
    const ids = IDS.slice(0, 5)
    await catalog.write((tx) =>
      tx.saveSearchMarks(
        'r',
        ids.map((id) => mark(id)),
      ),
    )
    await catalog.write((tx) => tx.saveSearchMarks('r', [mark(ids[0] ?? '', null)]))
    await save(catalog, keep(ids[1] ?? ''))
    await catalog.read(async (tx) => {
      expect(await tx.searchMarks('r', [...ids.slice(0, 2), assetIdOf(7777)])).toEqual(
        new Map([
          [ids[0], mark(ids[0] ?? '', null)],
          [ids[1], mark(ids[1] ?? '')],
        ]),
      )
      const unlisted = await tx.unlistedMarks('r', ids[0] ?? '', 2)
      expect(unlisted).toEqual([mark(ids[2] ?? ''), mark(ids[3] ?? '')])
    })
  })
}
