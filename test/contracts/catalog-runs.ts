import { expect } from 'vitest'
import type { Catalog, RunRow } from '../../src/catalog/catalog.ts'
import { NO_TOTALS } from '../../src/model/snapshot.ts'
import { assetIdOf, CLOUD, each, put, storedSnapshot } from '../samples/history.ts'
import type { CatalogTest } from './catalog.ts'

const END = {
  status: 'done',
  finishedAt: 'later',
  snapshotId: 's',
  totals: NO_TOTALS,
  apiCalls: 7,
  message: null,
} as const

export const begin = (catalog: Catalog, id = 'r', command = 'backup'): Promise<void> =>
  catalog.write((tx) => tx.beginRun({ id, cloud: CLOUD, command, startedAt: `start ${id}` }))

export const runs = (test: CatalogTest): void => {
  test('a run is open until it is finished, and then remembered', async (catalog) => {
    const open: RunRow = {
      ...{ id: 'r', cloud: CLOUD, command: 'backup', startedAt: 'start r', finishedAt: null, status: 'running' },
      ...{ snapshotId: null, totals: null, apiCalls: 0, message: null },
    }
    await begin(catalog)
    expect(await catalog.read((tx) => tx.openRun(CLOUD))).toEqual(open)
    expect(await catalog.read((tx) => tx.openRun('other'))).toBeNull()
    await catalog.write((tx) => tx.finishRun('r', { ...END, message: 'ö' }))
    expect(await catalog.read((tx) => tx.openRun(CLOUD))).toBeNull()
    const finished = { ...open, ...END, message: 'ö' }
    expect(await catalog.read((tx) => tx.runs(null, 5))).toEqual([finished])
    expect(await catalog.read((tx) => tx.runs('other', 5))).toEqual([])
  })

  test('only a backup is resumed, the newest one', async (catalog) => {
    await begin(catalog, 'old')
    await begin(catalog, 'new')
    await begin(catalog, 'dry', 'backup --dry-run')
    expect((await catalog.read((tx) => tx.openRun(CLOUD)))?.id).toBe('new')
    expect((await catalog.read((tx) => tx.runs(CLOUD, 2))).map((run) => run.id)).toEqual(['dry', 'new'])
  })

  test('a scan state is replaced by the next one of its source', async (catalog) => {
    await begin(catalog)
    const state = { source: 'search', cursor: 'c', since: null, rows: 5, done: false, savedAt: 'now' }
    await catalog.write((tx) => tx.saveScanState('r', state))
    await catalog.write((tx) => tx.saveScanState('r', { ...state, source: 'list:image/upload', since: 's' }))
    await catalog.write((tx) => tx.saveScanState('r', { ...state, cursor: null, rows: 9, done: true }))
    expect(await catalog.read((tx) => tx.scanStates('r'))).toEqual([
      { ...state, source: 'list:image/upload', since: 's' },
      { ...state, cursor: null, rows: 9, done: true },
    ])
  })

  test('finishing drops what the run noted, and not what another run did', async (catalog) => {
    // More than is dropped in one transaction, and little.
    for (const [id, count] of [
      ['r', 11_000],
      ['other', 40],
    ] as const) {
      await begin(catalog, id)
      const step = { kind: 'fetch', state: 'queued', why: 'new', listHash: 'h', listRaw: '{}' } as const
      const ids = Array.from({ length: count }, (_, n) => assetIdOf(n))
      await catalog.write(async (tx) => {
        await tx.saveSteps(
          id,
          ids.map((assetId) => ({ assetId, ...step })),
        )
        await tx.saveSearchMarks(
          id,
          ids.map((assetId) => ({ assetId, etag: null, updatedAt: null, raw: '{}' })),
        )
        await tx.markGone(id, ids)
        await tx.saveScanState(id, { source: 's', cursor: null, since: null, rows: 1, done: true, savedAt: 'now' })
      })
    }
    const left = (id: string) =>
      catalog.read(async (tx) => ({
        steps: (await tx.steps(id, { limit: 100 })).length,
        marks: (await tx.unlistedMarks(id, '', 100)).length + (await tx.searchMarks(id, [assetIdOf(1)])).size,
        states: (await tx.scanStates(id)).length,
        changed: (await tx.changedPrefixes(id, 0)).get('') ?? 0,
      }))
    await catalog.write((tx) => tx.finishRun('r', END))
    expect(await left('r')).toEqual({ steps: 0, marks: 0, states: 0, changed: 0 })
    expect(await left('other')).toEqual({ steps: 40, marks: 1, states: 1, changed: 40 })
    await catalog.write((tx) => tx.finishRun('other', END))
    expect(await left('other')).toEqual({ steps: 0, marks: 0, states: 0, changed: 0 })
  })

  test('an unknown run is refused', async (catalog) => {
    await expect(catalog.write((tx) => tx.saveSteps('nobody', []))).rejects.toThrow('nobody')
  })

  test('missing are the current versions of the partitions that no step names', async (catalog) => {
    const ids = Array.from({ length: 6 }, (_, n) => assetIdOf(n)).sort()
    const [seen = '', lost = '', video = '', gone = '', alsoLost = ''] = ids
    await catalog.write((tx) =>
      tx.addSnapshot(
        storedSnapshot(1),
        each(
          put(
            { assetId: seen },
            { assetId: lost },
            { assetId: alsoLost },
            { assetId: gone },
            { assetId: video, resourceType: 'video' },
          ),
        ),
      ),
    )
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(2), each([{ assetId: gone, after: null }])))
    await begin(catalog)
    const keep = { kind: 'keep', state: 'done', why: 'unchanged', listHash: 'h', listRaw: null } as const
    await catalog.write((tx) => tx.saveSteps('r', [{ assetId: seen, ...keep }]))
    const images = [{ resourceType: 'image', type: 'upload' }]
    const missing = async (partitions: typeof images, after = '', limit = 10) =>
      (await catalog.read((tx) => tx.missing(CLOUD, 'r', partitions, after, limit))).map((known) => known.assetId)
    expect(await missing(images)).toEqual([lost, alsoLost])
    expect(await missing(images, '', 1)).toEqual([lost])
    expect(await missing(images, lost)).toEqual([alsoLost])
    expect(await missing([...images, { resourceType: 'video', type: 'upload' }])).toEqual([lost, video, alsoLost])
    expect(await missing([])).toEqual([])
  })
}
