import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Catalog, DiffRow, VersionRow } from '../../src/catalog/catalog.ts'
import type { Entry, EntryChange } from '../../src/model/entry.ts'
import { assetIdOf, CLOUD, collect, each, entryOf, type State, storedSnapshot } from '../samples/history.ts'
import type { CatalogUnderTest } from './catalog.ts'

export const IDS = Array.from({ length: 7 }, (_, n) => assetIdOf(n)).sort()

/** Few values of each, so that things meet: shared names, bytes that come back, states that return. */
const state = (assetId: string): fc.Arbitrary<State> =>
  fc.record({
    assetId: fc.constant(assetId),
    bytes: fc.constantFrom('one', 'second', null),
    publicId: fc.constantFrom('a', 'b', '\uffee', '\u{1f600}'),
    resourceType: fc.constantFrom('image', 'video'),
    folder: fc.constantFrom('', 'f'),
    tags: fc.constantFrom([], ['t']),
    path: fc.constantFrom(null, 'p.jpg'),
    hasDetails: fc.boolean(),
  })

/** What becomes of each asset in one snapshot: nothing, another state, or gone. */
const step: fc.Arbitrary<readonly EntryChange[]> = fc
  .tuple(...IDS.map((id) => fc.option(fc.oneof({ weight: 3, arbitrary: state(id) }, fc.constant('gone' as const)))))
  .map((all) =>
    all.flatMap((next, i): EntryChange[] => {
      const assetId = IDS[i]
      if (assetId === null || assetId === undefined || next === null) return []
      return [{ assetId, after: next === 'gone' ? null : entryOf(next) }]
    }),
  )

export const histories = fc.array(step, { minLength: 1, maxLength: 5 })

/** The account at each snapshot; at 0 nothing. */
export function replay(history: readonly (readonly EntryChange[])[]): ReadonlyMap<string, Entry>[] {
  const states: ReadonlyMap<string, Entry>[] = [new Map()]
  for (const changes of history) {
    const next = new Map(states.at(-1))
    for (const { assetId, after } of changes) {
      if (after === null) next.delete(assetId)
      else next.set(assetId, after)
    }
    states.push(next)
  }
  return states
}

const kindOf = (before: Entry, after: Entry): 'replaced' | 'renamed' | 'relabelled' => {
  if (before.object !== after.object) return 'replaced'
  const place = (entry: Entry) =>
    JSON.stringify([entry.publicId, entry.resourceType, entry.type, entry.facts.folder, entry.facts.displayName])
  return place(before) === place(after) ? 'relabelled' : 'renamed'
}

interface Stretch {
  readonly version: string
  readonly change: VersionRow['change']
  readonly fromSeq: number
  untilSeq: number | null
}

function stretches(states: readonly ReadonlyMap<string, Entry>[], assetId: string): Stretch[] {
  const made: Stretch[] = []
  for (let seq = 1; seq < states.length; seq += 1) {
    const [before, after] = [states[seq - 1]?.get(assetId), states[seq]?.get(assetId)]
    if (before?.version === after?.version) continue
    const last = made.at(-1)
    if (before !== undefined && last !== undefined) last.untilSeq = seq
    if (after === undefined) continue
    const change = before === undefined ? 'new' : kindOf(before, after)
    made.push({ version: after.version, change, fromSeq: seq, untilSeq: null })
  }
  return made
}

const byName = (a: Entry, b: Entry): number =>
  Buffer.compare(Buffer.from(a.publicId), Buffer.from(b.publicId)) || (a.assetId < b.assetId ? -1 : 1)

const add = async (catalog: Catalog, history: readonly (readonly EntryChange[])[]): Promise<void> => {
  for (const [i, changes] of history.entries()) {
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(i + 1), each(changes)))
  }
}

async function checkStates(catalog: Catalog, states: readonly ReadonlyMap<string, Entry>[]): Promise<void> {
  await catalog.read(async (tx) => {
    for (const [seq, entries] of states.entries()) {
      const rows = await collect(tx.versionsAt(CLOUD, seq, {}))
      expect(rows.map((row) => row.version)).toEqual([...entries.values()].sort(byName).map((entry) => entry.version))
    }
    const current = states.at(-1) ?? new Map<string, Entry>()
    const known = await tx.known(CLOUD, IDS)
    expect([...known.keys()].sort()).toEqual([...current.keys()].sort())
    for (const [id, entry] of current) {
      const { version, path } = entry
      expect(known.get(id)).toMatchObject({ version, path, hasDetails: entry.raw.details !== undefined })
    }
    const bytes = [...current.values()].reduce((sum, entry) => sum + (entry.size ?? 0), 0)
    expect(await tx.currentCount(CLOUD)).toEqual({ assets: current.size, bytes })
    const videos = [...current.values()].filter((entry) => entry.resourceType === 'video').length
    const partitions = await tx.knownPartitions(CLOUD)
    expect(partitions.find((p) => p.resourceType === 'video')?.assets ?? 0).toBe(videos)
  })
}

async function checkStretches(catalog: Catalog, states: readonly ReadonlyMap<string, Entry>[]): Promise<void> {
  const counts = new Map<string, number>()
  const count = (seq: number, change: string) =>
    counts.set(`${seq} ${change}`, (counts.get(`${seq} ${change}`) ?? 0) + 1)
  await catalog.read(async (tx) => {
    for (const id of IDS) {
      const expected = stretches(states, id)
      const found = await tx.versionsOf(CLOUD, id)
      expect(found.map(({ version, change, fromSeq, untilSeq }) => ({ version, change, fromSeq, untilSeq }))).toEqual(
        expected,
      )
      for (const { change, fromSeq, untilSeq } of expected) {
        count(fromSeq, change)
        if (untilSeq !== null && !expected.some((next) => next.fromSeq === untilSeq)) count(untilSeq, 'gone')
      }
    }
    const told = await tx.changeCounts(CLOUD)
    expect(new Map(told.map((row) => [`${row.seq} ${row.change}`, row.count]))).toEqual(counts)
    expect(told.map((row) => row.seq)).toEqual(told.map((row) => row.seq).sort((a, b) => b - a))
  })
}

function naiveDiff(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): string[] {
  return IDS.flatMap((id) => {
    const [a, b] = [before.get(id), after.get(id)]
    if (a?.version === b?.version) return []
    if (a === undefined) return [`${id} added`]
    return [`${id} ${b === undefined ? 'removed' : kindOf(a, b)}`]
  })
}

async function checkDiffs(catalog: Catalog, states: readonly ReadonlyMap<string, Entry>[]): Promise<void> {
  await catalog.read(async (tx) => {
    for (const [from, before] of states.entries()) {
      for (const [to, after] of states.entries()) {
        if (to < from && from - to !== 1) continue
        const rows: DiffRow[] = await collect(tx.diff(CLOUD, from, to))
        expect(rows.map((row) => `${row.assetId} ${row.kind}`).sort()).toEqual(naiveDiff(before, after))
        for (const row of rows) {
          expect(row.before?.version).toBe(before.get(row.assetId)?.version)
          expect(row.after?.version).toBe(after.get(row.assetId)?.version)
        }
      }
    }
  })
}

export const laws = (make: () => Promise<CatalogUnderTest>): void => {
  it('any history is told as a plain replay of it would tell it', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const { catalog, remove } = await make()
        try {
          await add(catalog, history)
          const states = replay(history)
          await checkStates(catalog, states)
          await checkStretches(catalog, states)
          await checkDiffs(catalog, states)
        } finally {
          await catalog.close()
          await remove()
        }
      }),
      { numRuns: 20 },
    )
  })
}
