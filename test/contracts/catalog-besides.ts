import { expect } from 'vitest'
import type { Catalog, VersionRow } from '../../src/catalog/catalog.ts'
import type { EntryChange } from '../../src/model/entry.ts'
import type { HistoryLine, HistoryOrigin } from '../../src/model/history.ts'
import { recordedAgain } from '../../src/model/purge.ts'
import {
  assetIdOf,
  CLOUD,
  collect,
  drop,
  each,
  entryOf,
  lineOf,
  purgeOf,
  put,
  storedSnapshot,
} from '../samples/history.ts'
import type { CatalogTest } from './catalog.ts'

const [A, B, C] = [assetIdOf(1), assetIdOf(2), assetIdOf(3)]

const add = async (catalog: Catalog, ...snapshots: readonly EntryChange[][]): Promise<void> => {
  for (const [i, changes] of snapshots.entries()) {
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(i + 1), each(changes)))
  }
}

const addLines = (catalog: Catalog, key: string, lines: readonly HistoryLine[], origin: HistoryOrigin = 'import') =>
  catalog.write((tx) => tx.addHistory(CLOUD, { key, origin }, each(lines)))

const versionsOf = (catalog: Catalog, assetId: string): Promise<readonly VersionRow[]> =>
  catalog.read((tx) => tx.versionsOf(CLOUD, assetId))
const bytesOf = async (catalog: Catalog, assetId: string): Promise<(number | null)[]> =>
  (await versionsOf(catalog, assetId)).map((row) => row.size)
const goneAt = async (catalog: Catalog, seq: number, filter = {}): Promise<(string | number | null)[][]> =>
  (await catalog.read((tx) => collect(tx.goneAt(CLOUD, seq, filter)))).map((row) => [row.assetId, row.size])

/** Sizes tell the versions apart: bytes are '1', '22', '333', … */
const sized = (assetId: string, size: number) => ({ assetId, bytes: String(size).repeat(size) })
const capturedAt = (line: HistoryLine, time: string): HistoryLine => ({
  ...line,
  entry: { ...line.entry, capturedAt: time },
})

export const besides = (test: CatalogTest): void => {
  test('imported versions come before the recorded ones, oldest first, and belong to no snapshot', async (catalog) => {
    await add(catalog, put(sized(A, 3)), put(sized(A, 4)))
    const since = (time: string | null) => ({ since: time, until: '2026-01-01T00:00:00Z', versionId: `v${time}` })
    await addLines(catalog, 'h1', [
      lineOf(sized(A, 2), since('2025-02-01T00:00:00Z')),
      lineOf(sized(A, 1), since('2025-01-01T00:00:00Z')),
      lineOf({ assetId: A, bytes: '' }, since(null)),
    ])
    expect(await bytesOf(catalog, A)).toEqual([0, 1, 2, 3, 4])
    const [, first, , third] = await versionsOf(catalog, A)
    expect(first).toMatchObject({ origin: 'import', historyKey: 'h1', fromSeq: 0, untilSeq: 0, change: 'replaced' })
    expect(first).toMatchObject({ ...since('2025-01-01T00:00:00Z'), purged: null })
    expect(third).toMatchObject({ origin: 'snapshot', historyKey: null, since: null, until: null, versionId: null })
    await catalog.read(async (tx) => {
      for (const seq of [0, 1, 2]) expect(await collect(tx.versionsAt(CLOUD, seq, {}))).toHaveLength(seq === 0 ? 0 : 1)
      expect(await collect(tx.diff(CLOUD, 0, 2))).toHaveLength(1)
      expect((await tx.known(CLOUD, [A])).get(A)?.size).toBe(4)
      expect(await tx.currentCount(CLOUD)).toEqual({ assets: 1, bytes: 4 })
      expect(await tx.replacedSince(CLOUD, 0)).toBe(1)
      expect(await collect(tx.currentIds(CLOUD, ''))).toEqual([A])
    })
  })

  test('a retained version stands where it was recorded, and only once', async (catalog) => {
    const entry = (size: number, minute: number) => ({
      ...entryOf(sized(A, size)),
      capturedAt: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
    })
    await add(
      catalog,
      [{ assetId: A, after: entry(1, 10) }],
      [{ assetId: A, after: entry(4, 40) }],
      [{ assetId: A, after: entry(5, 50) }],
    )
    const retained = (size: number, minute: number) =>
      capturedAt(lineOf(sized(A, size)), entry(size, minute).capturedAt)
    await addLines(catalog, 'h1', [retained(2, 20), retained(3, 30), retained(4, 40)], 'retention')
    expect(await bytesOf(catalog, A)).toEqual([1, 2, 3, 4, 5])
    expect((await versionsOf(catalog, A)).map((row) => row.origin)).toEqual([
      'snapshot',
      'retention',
      'retention',
      'snapshot',
      'snapshot',
    ])
  })

  test('the order of snapshots is kept when a clock ran backwards', async (catalog) => {
    const entry = (size: number, day: number) => ({
      ...entryOf(sized(A, size)),
      capturedAt: new Date(Date.UTC(2026, 0, day)).toISOString(),
    })
    await add(catalog, [{ assetId: A, after: entry(2, 20) }], [{ assetId: A, after: entry(3, 10) }])
    await addLines(catalog, 'h1', [lineOf(sized(A, 1), { since: '2026-01-15T00:00:00Z' })])
    expect(await bytesOf(catalog, A)).toEqual([1, 2, 3])
  })

  test('assets known only from history are found by id and name', async (catalog) => {
    await add(catalog, put(sized(A, 1)))
    await addLines(catalog, 'h1', [
      lineOf({ ...sized(B, 2), publicId: 'old' }, { since: '2025-01-01T00:00:00Z' }),
      lineOf({ ...sized(B, 3), publicId: 'old' }, { since: '2025-02-01T00:00:00Z' }),
    ])
    await catalog.read(async (tx) => {
      expect((await tx.byAssetId(CLOUD, B))?.size).toBe(3)
      expect((await tx.byPublicId(CLOUD, 'old')).map((row) => [row.assetId, row.size])).toEqual([[B, 3]])
    })
  })

  test('who bears a name now comes before whom only history knows under it', async (catalog) => {
    await add(catalog, put({ ...sized(A, 1), publicId: 'logo' }), drop(A))
    await addLines(catalog, 'h1', [lineOf({ ...sized(B, 2), publicId: 'logo' })])
    const bearers = await catalog.read((tx) => tx.byPublicId(CLOUD, 'logo'))
    expect(bearers.map((row) => row.assetId)).toEqual([A, B])
  })

  test('a record can be taken out again, and added twice is added once', async (catalog) => {
    await add(catalog, put(sized(A, 3)))
    await addLines(catalog, 'h1', [lineOf(sized(A, 1))])
    await addLines(catalog, 'h1', [lineOf(sized(A, 1))])
    await addLines(catalog, 'h2', [lineOf(sized(A, 2), { since: '2025-07-01T00:00:00Z' }), lineOf(sized(B, 2))])
    expect(await bytesOf(catalog, A)).toEqual([1, 2, 3])
    expect(await catalog.read((tx) => tx.recordKeys(CLOUD))).toEqual(['h1', 'h2'])
    await catalog.write((tx) => tx.forgetRecord(CLOUD, 'h1'))
    await catalog.write((tx) => tx.forgetRecord(CLOUD, 'h1'))
    expect(await bytesOf(catalog, A)).toEqual([2, 3])
    await catalog.write((tx) => tx.forgetRecord(CLOUD, 'h2'))
    expect(await catalog.read((tx) => tx.byAssetId(CLOUD, B))).toBeNull()
    expect(await catalog.read((tx) => tx.recordKeys(CLOUD))).toEqual([])
  })

  test('forgetting an account forgets what stood beside its snapshots', async (catalog) => {
    await add(catalog, put(sized(A, 3)))
    await addLines(catalog, 'h1', [lineOf(sized(B, 1))])
    await catalog.write((tx) => tx.addPurge(CLOUD, 'p1', purgeOf(entryOf(sized(A, 3)))))
    await catalog.write((tx) => tx.forgetAccount(CLOUD))
    expect(await catalog.read((tx) => tx.recordKeys(CLOUD))).toEqual([])
    await add(catalog, put(sized(A, 3)))
    expect((await versionsOf(catalog, A)).map((row) => row.purged)).toEqual([null])
    expect(await versionsOf(catalog, B)).toEqual([])
  })

  test('an account without snapshots has no history', async (catalog) => {
    await addLines(catalog, 'h1', [lineOf(sized(A, 1))])
    await catalog.write((tx) => tx.addPurge(CLOUD, 'p1', purgeOf(entryOf(sized(A, 3)))))
    expect(await catalog.read((tx) => tx.clouds())).toEqual([])
    expect(await catalog.read((tx) => tx.recordKeys(CLOUD))).toEqual([])
  })

  test('many lines keep their order', async (catalog) => {
    await add(catalog, put(sized(A, 3)))
    const lines = Array.from({ length: 1203 }, (_, n) => lineOf({ assetId: B, bytes: 'x'.repeat(n) }, { since: null }))
    await addLines(catalog, 'h1', lines)
    expect(await bytesOf(catalog, B)).toHaveLength(1203)
  })
}

export const gone = (test: CatalogTest): void => {
  test('what is gone is told in its last state, in order of assetId', async (catalog) => {
    await add(catalog, put(sized(A, 1), sized(B, 2), sized(C, 3)), put(sized(A, 4)), drop(A, B))
    expect(await goneAt(catalog, 3)).toEqual(
      [
        [A, 4],
        [B, 2],
      ].sort(),
    )
    expect(await goneAt(catalog, 2)).toEqual([])
    expect(await goneAt(catalog, 0)).toEqual([])
  })

  test('an asset whose name another took is gone; one that came later or came back is not', async (catalog) => {
    const logo = (assetId: string, size: number) => ({ ...sized(assetId, size), publicId: 'logo' })
    await add(catalog, put(logo(A, 1)), [...drop(A), ...put(logo(B, 2))], put(sized(C, 3)), put(logo(A, 4)))
    expect(await goneAt(catalog, 1)).toEqual([])
    expect(await goneAt(catalog, 2)).toEqual([[A, 1]])
    expect(await goneAt(catalog, 4)).toEqual([])
  })

  test('history knows of gone assets too, and of later states than the snapshots', async (catalog) => {
    await add(catalog, put(sized(A, 1), sized(C, 3)), drop(A))
    await addLines(catalog, 'h1', [lineOf(sized(B, 2)), lineOf(sized(C, 9))])
    await addLines(catalog, 'h2', [capturedAt(lineOf(sized(A, 5)), '2026-12-24T00:00:00.000Z')], 'retention')
    expect(await goneAt(catalog, 2)).toEqual(
      [
        [A, 5],
        [B, 2],
      ].sort(),
    )
  })

  test('filters, limits and pages work on the last states', async (catalog) => {
    const ids = Array.from({ length: 1100 }, (_, n) => assetIdOf(n)).sort()
    await add(catalog, put(...ids.map((assetId, n) => ({ assetId, tags: n % 2 === 0 ? ['even'] : [] }))), drop(...ids))
    expect((await goneAt(catalog, 2)).map(([id]) => id)).toEqual(ids)
    expect(await goneAt(catalog, 2, { tag: 'even' })).toHaveLength(550)
    const after = { publicId: '', assetId: ids[9] ?? '' }
    expect((await goneAt(catalog, 2, { after, limit: 2, tag: 'even' })).map(([id]) => id)).toEqual([ids[10], ids[12]])
    expect(await goneAt(catalog, 2, { limit: 0 })).toEqual([])
  })

  test('who has the same bytes is found, in snapshots and in history', async (catalog) => {
    await add(catalog, put(sized(A, 3), sized(B, 2)), put({ ...sized(A, 3), tags: ['t'] }))
    await addLines(catalog, 'h1', [lineOf({ ...sized(C, 3), publicId: 'c' })])
    const object = entryOf(sized(A, 3)).object ?? ''
    const named = await catalog.read((tx) => tx.namedBy(CLOUD, object))
    expect(named.map((row) => [row.assetId, row.origin]).sort()).toEqual(
      [
        [A, 'snapshot'],
        [A, 'snapshot'],
        [C, 'import'],
      ].sort(),
    )
    expect(await catalog.read((tx) => tx.namedBy(CLOUD, `${object.slice(0, 8)}${'0'.repeat(56)}`))).toEqual([])
    expect(await catalog.read((tx) => tx.namedBy('nobody', object))).toEqual([])
  })
}

export const purges = (test: CatalogTest): void => {
  const state = sized(A, 3)
  const told = { at: '2027-01-01T00:00:00.000Z', reason: 'asked for' }
  const purgedOf = async (catalog: Catalog): Promise<unknown[]> =>
    (await versionsOf(catalog, A)).map((row) => row.purged)

  test('a purged version says so, and its bytes are not known any more', async (catalog) => {
    await add(catalog, put(sized(A, 1)), put(state), put({ ...state, tags: ['t'] }, sized(B, 2)))
    await catalog.write((tx) => tx.addPurge(CLOUD, 'p1', purgeOf(entryOf(state), entryOf({ ...state, tags: ['t'] }))))
    expect(await purgedOf(catalog)).toEqual([null, told, told])
    const known = await catalog.read((tx) => tx.known(CLOUD, [A, B]))
    expect(known.get(A)).toMatchObject({ object: null, size: 3 })
    expect(known.get(B)?.object).toBe(entryOf(sized(B, 2)).object)
    const [row] = await catalog.read((tx) => collect(tx.versionsAt(CLOUD, 3, { glob: `name-${A.slice(0, 6)}` })))
    expect(row).toMatchObject({ object: entryOf(state).object, purged: told })
  })

  test('what comes after its purge is marked as well: a snapshot, a history record', async (catalog) => {
    await add(catalog, put(sized(A, 1)))
    await catalog.write((tx) => tx.addPurge(CLOUD, 'p1', purgeOf(entryOf(state), entryOf(sized(A, 2)))))
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(2), each(put(state))))
    await addLines(catalog, 'h1', [lineOf(sized(A, 2))])
    expect((await versionsOf(catalog, A)).map((row) => [row.size, row.purged])).toEqual([
      [2, told],
      [1, null],
      [3, told],
    ])
  })

  test('what is recorded again after its purge is another version, and there', async (catalog) => {
    await add(catalog, put(state))
    await catalog.write((tx) => tx.addPurge(CLOUD, 'p1', purgeOf(entryOf(state))))
    expect(await catalog.read((tx) => tx.purgedVersions(CLOUD))).toEqual(new Set([`${A} ${entryOf(state).version}`]))
    const again = recordedAgain({ ...entryOf(state), capturedAt: '2027-01-02T00:00:00.000Z' })
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(2), each([{ assetId: A, after: again }])))
    expect(await purgedOf(catalog)).toEqual([told, null])
    expect((await catalog.read((tx) => tx.known(CLOUD, [A]))).get(A)?.object).toBe(again.object)
  })

  test('of several purges the last one counts, and without any the mark goes', async (catalog) => {
    await add(catalog, put(state))
    const later = { ...purgeOf(entryOf(state)), at: '2028-01-01T00:00:00Z', reason: 'a\0gain' }
    await catalog.write((tx) => tx.addPurge(CLOUD, 'p2', later))
    await catalog.write((tx) => tx.addPurge(CLOUD, 'p1', purgeOf(entryOf(state))))
    expect(await purgedOf(catalog)).toEqual([{ at: '2028-01-01T00:00:00.000Z', reason: 'a\0gain' }])
    await catalog.write((tx) => tx.forgetRecord(CLOUD, 'p2'))
    expect(await purgedOf(catalog)).toEqual([told])
    await catalog.write((tx) => tx.forgetRecord(CLOUD, 'p1'))
    expect(await purgedOf(catalog)).toEqual([null])
  })
}
