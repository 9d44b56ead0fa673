import type { CatalogWriter, Known, StepRow } from '../catalog/catalog.ts'
import { isLoss } from '../catalog/snapshot-changes.ts'
import { type Entry, encodeEntry } from '../model/entry.ts'
import { nextEntry } from '../model/next-entry.ts'
import { recordedAgain } from '../model/purge.ts'
import type { SegmentRef } from '../model/snapshot.ts'
import { lostSegments, recordAgain } from './lost-segments.ts'
import { choosePath } from './paths.ts'
import { factsOfStep, type Run } from './run-state.ts'

/** Entries a segment holds at most, roughly, before segments are split finer. */
const SEGMENT_TARGET = 1024
const MAX_PREFIX = 4

/**
 * By how many characters of assetId segments are split. Grows by one when segments become too large on average; goes
 * back only when they are far too small, so that an account at the edge does not rewrite its manifest every run.
 */
export function choosePrefixLength(assets: number, before: number | null): number {
  let length = 0
  while (length < MAX_PREFIX && assets / 16 ** length > SEGMENT_TARGET) length += 1
  if (before === null || length > before) return length
  return assets / 16 ** before < 32 && before > 0 ? length : before
}

/** The segments of the snapshot before that can be read. */
interface Base {
  readonly prefixLength: number | null
  readonly segments: readonly SegmentRef[]
  /** Set when a segment turns out to be unreadable while it is merged. */
  found: SegmentRef | null
}

/**
 * Writes the segments in which something changed; all others are taken over from the snapshot before as they are. A
 * segment that cannot be read any more must not end all backups: its lines are made again.
 */
export async function writeSegments(run: Run, prefixLength: number): Promise<readonly SegmentRef[]> {
  const before = run.base?.snapshot ?? null
  const lost = new Map(before === null ? [] : await lostSegments(run, before))
  for (const ref of lost.values()) await recordAgain(run, ref)
  for (;;) {
    const base: Base = {
      prefixLength: before?.prefixLength ?? null,
      segments: (before?.segments ?? []).filter((ref) => !lost.has(ref.object)),
      found: null,
    }
    try {
      return await writeOver(run, prefixLength, base)
    } catch (error) {
      const { found } = base
      if (found === null || !isLoss(error)) throw error
      lost.set(found.object, found)
      await recordAgain(run, found)
    }
  }
}

async function writeOver(run: Run, prefixLength: number, base: Base): Promise<readonly SegmentRef[]> {
  const { catalog } = run.deps
  const changed = await catalog.read((tx) => tx.changedPrefixes(run.id, prefixLength))
  const sameSplit = base.prefixLength === prefixLength
  const refs = new Map<string, SegmentRef>(sameSplit ? base.segments.map((ref) => [ref.prefix, ref]) : [])
  const prefixes = new Set<string>(changed.keys())
  if (!sameSplit) for (const prefix of await splitAgain(run, base, prefixLength)) prefixes.add(prefix)
  for (const prefix of [...prefixes].sort()) {
    run.signal.throwIfAborted()
    const sources = base.segments.filter((ref) => ref.prefix.startsWith(prefix) || prefix.startsWith(ref.prefix))
    let contentBytes = 0
    const encode = async function* (entries: AsyncIterable<Entry>): AsyncIterable<string> {
      for await (const entry of entries) {
        contentBytes += entry.size ?? 0
        yield encodeEntry(entry)
      }
    }
    const { object, size, lines } = await catalog.write((tx) =>
      run.deps.vault.putLines(encode(mergedEntries(run, tx, { prefix, sources, base })), run.signal),
    )
    if (lines === 0) refs.delete(prefix)
    else refs.set(prefix, { prefix, object, size, entries: lines, contentBytes })
  }
  return [...refs.values()].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
}

/** The prefixes, at the new length, of everything in the old segments. */
async function splitAgain(run: Run, base: Base, prefixLength: number): Promise<ReadonlySet<string>> {
  const prefixes = new Set<string>()
  for await (const { assetId } of oldEntries(run, '', { sources: base.segments, base }))
    prefixes.add(assetId.slice(0, prefixLength))
  return prefixes
}

/** Old entries and this run's steps, both in order of assetId, become the new ones. */
async function* mergedEntries(
  run: Run,
  tx: CatalogWriter,
  { prefix, sources, base }: { readonly prefix: string; readonly sources: readonly SegmentRef[]; readonly base: Base },
): AsyncIterable<Entry> {
  const purged = await tx.purgedVersions(run.cloud)
  const gone = new Set<string>()
  for await (const id of tx.goneIds(run.id, prefix)) gone.add(id)
  const steps = peekable(tx.doneSteps(run.id, prefix))
  const takeBefore = async function* (assetId: string | null): AsyncIterable<Entry> {
    for (let step = await steps.peek(); step !== null; step = await steps.peek()) {
      if (assetId !== null && step.assetId >= assetId) return
      yield* some(again(purged, await entryOf(run, tx, { before: null, step })))
      steps.take()
    }
  }
  for await (const before of oldEntries(run, prefix, { sources, base })) {
    yield* takeBefore(before.assetId)
    const step = await steps.peek()
    if (step?.assetId === before.assetId) {
      yield* some(again(purged, await entryOf(run, tx, { before: left(purged, before), step })))
      steps.take()
    } else if (!gone.has(before.assetId)) {
      yield before
    }
  }
  yield* takeBefore(null)
}

/** What was purged and is in the account all the same has been fetched again, and is another version by now. */
const again = (purged: ReadonlySet<string>, entry: Entry | null): Entry | null =>
  entry !== null && entry.object !== null && isPurged(purged, entry) ? recordedAgain(entry) : entry

/** What is left of a purged version to go on from: bytes that are gone must not be taken for those of the next one. */
const left = (purged: ReadonlySet<string>, entry: Entry): Entry =>
  isPurged(purged, entry) ? { ...entry, object: null, size: null, md5: null, proof: null } : entry

const isPurged = (purged: ReadonlySet<string>, { assetId, version }: Entry): boolean =>
  purged.has(`${assetId} ${version}`)

const some = (entry: Entry | null): readonly Entry[] => (entry === null ? [] : [entry])

async function* oldEntries(
  run: Run,
  prefix: string,
  { sources, base }: { readonly sources: readonly SegmentRef[]; readonly base: Base },
): AsyncIterable<Entry> {
  for (const ref of [...sources].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))) {
    try {
      for await (const entry of run.deps.vault.readSegment(ref.object, run.signal)) {
        if (entry.assetId.startsWith(prefix)) yield entry
      }
    } catch (error) {
      if (isLoss(error)) base.found = ref
      throw error
    }
  }
}

async function entryOf(
  run: Run,
  tx: CatalogWriter,
  { before, step }: { readonly before: Entry | null; readonly step: StepRow },
): Promise<Entry | null> {
  const { reader } = run.deps
  const known = before === null ? await standIn(run, tx, step) : null
  const records = withKnown(factsOfStep(reader, step), known)
  const raw = step.detailsRaw === null ? null : (JSON.parse(step.detailsRaw) as NonNullable<Entry['raw']['details']>)
  const bytes = bytesOf(step) ?? (known === null ? null : bytesOf(known))
  const path = before?.path ?? known?.path ?? null
  return nextEntry(before, {
    assetId: step.assetId,
    records,
    details: raw === null ? null : { facts: reader.parseRow(raw, 'details').facts, raw },
    listHash: step.listHash,
    bytes,
    path:
      records === null || (bytes === null && before?.object == null)
        ? path
        : await choosePath(run, tx, {
            facts: records.facts,
            before: path,
            object: bytes?.object ?? before?.object ?? null,
          }),
    capturedAt: run.deps.now().toISOString(),
  })
}

const bytesOf = ({ object, size, md5, proof }: Pick<StepRow, 'object' | 'size' | 'md5' | 'proof'>) =>
  object === null || size === null || md5 === null || proof === null ? null : { object, size, md5, proof }

/** What the catalog knows stands in for a line that was lost; for an asset that is new there is none. */
async function standIn(run: Run, tx: CatalogWriter, { kind, assetId }: StepRow): Promise<Known | null> {
  if (kind !== 'relabel' && kind !== 'rename') return null
  return (await tx.known(run.cloud, [assetId])).get(assetId) ?? null
}

/** So that the same state gets the same version as before: the listing alone does not carry these. */
const withKnown = (records: ReturnType<typeof factsOfStep>, known: Known | null): ReturnType<typeof factsOfStep> => {
  if (records === null || known === null) return records
  const { etag, updatedAt } = records.facts
  return { ...records, facts: { ...records.facts, etag: etag ?? known.etag, updatedAt: updatedAt ?? known.updatedAt } }
}

/** One value ahead of an async iterable. */
function peekable<T>(source: AsyncIterable<T>): { peek(): Promise<T | null>; take(): void } {
  const iterator = source[Symbol.asyncIterator]()
  let ahead: T | null | undefined
  return {
    async peek() {
      if (ahead === undefined) {
        const next = await iterator.next()
        ahead = next.done === true ? null : next.value
      }
      return ahead
    },
    take() {
      ahead = undefined
    },
  }
}
