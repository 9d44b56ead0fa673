import type { CatalogWriter, StepRow } from '../catalog/catalog.ts'
import { type Entry, encodeEntry } from '../model/entry.ts'
import { nextEntry } from '../model/next-entry.ts'
import type { SegmentRef, Snapshot } from '../model/snapshot.ts'
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

/** Writes the segments in which something changed; all others are taken over from the snapshot before as they are. */
export async function writeSegments(run: Run, prefixLength: number): Promise<readonly SegmentRef[]> {
  const { catalog } = run.deps
  const before = run.base?.snapshot ?? null
  const changed = await catalog.read((tx) => tx.changedPrefixes(run.id, prefixLength))
  const sameSplit = before !== null && before.prefixLength === prefixLength
  const refs = new Map<string, SegmentRef>(sameSplit ? before.segments.map((ref) => [ref.prefix, ref]) : [])
  const prefixes = new Set<string>(changed.keys())
  if (before !== null && !sameSplit)
    for (const prefix of await splitAgain(run, before, prefixLength)) prefixes.add(prefix)
  for (const prefix of [...prefixes].sort()) {
    run.signal.throwIfAborted()
    const sources = (before?.segments ?? []).filter(
      (ref) => ref.prefix.startsWith(prefix) || prefix.startsWith(ref.prefix),
    )
    let contentBytes = 0
    const encode = async function* (entries: AsyncIterable<Entry>): AsyncIterable<string> {
      for await (const entry of entries) {
        contentBytes += entry.size ?? 0
        yield encodeEntry(entry)
      }
    }
    const { object, size, lines } = await catalog.write((tx) =>
      run.deps.vault.putLines(encode(mergedEntries(run, tx, { prefix, sources })), run.signal),
    )
    if (lines === 0) refs.delete(prefix)
    else refs.set(prefix, { prefix, object, size, entries: lines, contentBytes })
  }
  return [...refs.values()].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
}

/** The prefixes, at the new length, of everything in the old segments. */
async function splitAgain(run: Run, before: Snapshot, prefixLength: number): Promise<ReadonlySet<string>> {
  const prefixes = new Set<string>()
  for (const ref of before.segments) {
    for await (const entry of run.deps.vault.readSegment(ref.object, run.signal))
      prefixes.add(entry.assetId.slice(0, prefixLength))
  }
  return prefixes
}

/** Old entries and this run's steps, both in order of assetId, become the new ones. */
async function* mergedEntries(
  run: Run,
  tx: CatalogWriter,
  { prefix, sources }: { readonly prefix: string; readonly sources: readonly SegmentRef[] },
): AsyncIterable<Entry> {
  const gone = new Set<string>()
  for await (const id of tx.goneIds(run.id, prefix)) gone.add(id)
  const steps = peekable(tx.doneSteps(run.id, prefix))
  const takeBefore = async function* (assetId: string | null): AsyncIterable<Entry> {
    for (let step = await steps.peek(); step !== null; step = await steps.peek()) {
      if (assetId !== null && step.assetId >= assetId) return
      yield* some(await entryOf(run, tx, { before: null, step }))
      steps.take()
    }
  }
  for await (const before of oldEntries(run, prefix, sources)) {
    yield* takeBefore(before.assetId)
    const step = await steps.peek()
    if (step?.assetId === before.assetId) {
      yield* some(await entryOf(run, tx, { before, step }))
      steps.take()
    } else if (!gone.has(before.assetId)) {
      yield before
    }
  }
  yield* takeBefore(null)
}

const some = (entry: Entry | null): readonly Entry[] => (entry === null ? [] : [entry])

async function* oldEntries(run: Run, prefix: string, sources: readonly SegmentRef[]): AsyncIterable<Entry> {
  for (const ref of [...sources].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))) {
    for await (const entry of run.deps.vault.readSegment(ref.object, run.signal)) {
      if (entry.assetId.startsWith(prefix)) yield entry
    }
  }
}

async function entryOf(
  run: Run,
  tx: CatalogWriter,
  { before, step }: { readonly before: Entry | null; readonly step: StepRow },
): Promise<Entry | null> {
  const { reader } = run.deps
  const records = factsOfStep(reader, step)
  const raw = step.detailsRaw === null ? null : (JSON.parse(step.detailsRaw) as NonNullable<Entry['raw']['details']>)
  const bytes =
    step.object === null || step.size === null || step.md5 === null || step.proof === null
      ? null
      : { object: step.object, size: step.size, md5: step.md5, proof: step.proof }
  return nextEntry(before, {
    assetId: step.assetId,
    records,
    details: raw === null ? null : { facts: reader.parseRow(raw, 'details').facts, raw },
    listHash: step.listHash,
    bytes,
    path:
      records === null || (bytes === null && before?.object == null)
        ? (before?.path ?? null)
        : await choosePath(run, tx, { facts: records.facts, before: before?.path ?? null }),
    capturedAt: run.deps.now().toISOString(),
  })
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
