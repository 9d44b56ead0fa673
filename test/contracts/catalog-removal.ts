import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Catalog, VersionRow } from '../../src/catalog/catalog.ts'
import type { Entry, EntryChange } from '../../src/model/entry.ts'
import { CLOUD, collect, each, storedSnapshot } from '../samples/history.ts'
import type { CatalogUnderTest } from './catalog.ts'
import { histories, IDS, replay } from './catalog-laws.ts'

type State = ReadonlyMap<string, Entry>

const between = (before: State, after: State): EntryChange[] =>
  IDS.flatMap((assetId): EntryChange[] => {
    const [was, is] = [before.get(assetId), after.get(assetId)]
    if (was === is) return []
    return [{ assetId, after: is ?? null }]
  })

/** Adds the n-th states, each as the difference from the one before it in the list. */
const add = async (catalog: Catalog, states: readonly State[], numbers: readonly number[]): Promise<void> => {
  let before: State = new Map()
  for (const n of numbers) {
    const after: State = states[n] ?? new Map()
    const changes = between(before, after)
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(n), each(changes)))
    before = after
  }
}

/** Path and details may be those of a snapshot that is not there any more; the current ones never are. */
const shown = (row: VersionRow) => {
  const { path: _, hasDetails: __, ...rest } = row
  return row.untilSeq === null ? row : rest
}

/** All that a catalog tells, its snapshots counted from the first one that is there. */
const told = async (catalog: Catalog): Promise<unknown> =>
  catalog.read(async (tx) => {
    const snapshots = await tx.snapshots(CLOUD)
    const place = new Map(snapshots.map(({ seq }, i) => [seq, i + 1]))
    const placed = (row: VersionRow) => ({
      ...shown(row),
      fromSeq: place.get(row.fromSeq) ?? `no snapshot ${row.fromSeq}`,
      untilSeq: row.untilSeq === null ? null : (place.get(row.untilSeq) ?? `no snapshot ${row.untilSeq}`),
    })
    const versions = []
    for (const id of IDS) versions.push((await tx.versionsOf(CLOUD, id)).map(placed))
    const at = []
    for (const { seq } of snapshots) at.push((await collect(tx.versionsAt(CLOUD, seq, {}))).map((row) => row.version))
    const diffs = []
    for (const [i, { seq }] of snapshots.entries()) {
      const rows = await collect(tx.diff(CLOUD, snapshots[i - 1]?.seq ?? 0, seq))
      diffs.push(rows.map((row) => `${row.assetId} ${row.kind}`).sort())
    }
    const counts = (await tx.changeCounts(CLOUD)).map((row) => ({ ...row, seq: place.get(row.seq) ?? row.seq }))
    const keys = snapshots.map(({ key }) => key)
    return {
      keys,
      versions,
      at,
      diffs,
      counts,
      current: await tx.currentCount(CLOUD),
      known: await tx.known(CLOUD, IDS),
    }
  })

export const removal = (make: () => Promise<CatalogUnderTest>): void => {
  const using = async (work: (catalog: Catalog) => Promise<void>): Promise<void> => {
    const { catalog, remove } = await make()
    try {
      await work(catalog)
    } finally {
      await catalog.close()
      await remove()
    }
  }

  it('a catalog from which snapshots are taken out tells what one tells that never had them', async () => {
    const lists = fc.array(fc.boolean(), { minLength: 5, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(histories, lists, async (history, stays) => {
        const states = replay(history)
        const numbers = history.map((_, i) => i + 1)
        const left = numbers.filter((n) => n === history.length || stays[n - 1])
        await using(async (catalog) => {
          await add(catalog, states, numbers)
          const gone = numbers.filter((n) => !left.includes(n)).map((n) => storedSnapshot(n).key)
          await catalog.write((tx) => tx.removeSnapshots(CLOUD, gone))
          expect((await catalog.read((tx) => tx.snapshots(CLOUD))).map((row) => row.seq)).toEqual(left)
          await using(async (fresh) => {
            await add(fresh, states, left)
            expect(await told(catalog)).toEqual(await told(fresh))
          })
          // And it goes on like any other.
          await catalog.write((tx) =>
            tx.addSnapshot(storedSnapshot(9), each(between(states.at(-1) ?? new Map(), new Map()))),
          )
          expect((await catalog.read((tx) => tx.currentCount(CLOUD))).assets).toBe(0)
        })
      }),
      { numRuns: 40 },
    )
  })

  it('what is not there cannot be taken out, and the newest snapshot never', async () => {
    await using(async (catalog) => {
      await catalog.write((tx) => tx.removeSnapshots(CLOUD, ['x']))
      const states: State[] = [new Map(), new Map(), new Map()]
      await add(catalog, states, [1, 2])
      await catalog.write((tx) => tx.removeSnapshots(CLOUD, ['x']))
      expect(await catalog.read((tx) => tx.snapshotKeys(CLOUD))).toHaveLength(2)
      await expect(catalog.write((tx) => tx.removeSnapshots(CLOUD, [storedSnapshot(2).key]))).rejects.toThrow('newest')
    })
  })
}
