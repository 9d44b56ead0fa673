import type { EntryChange } from '../model/entry.ts'
import { decodeEntry } from '../model/entry-codec.ts'
import { type AppError, isAppError } from '../model/errors.ts'
import type { SegmentRef, Snapshot } from '../model/snapshot.ts'

export interface DamagedSegment {
  readonly object: string
  readonly error: AppError
}

export interface ChangeSources {
  readLines(digest: string): AsyncIterable<string>
  /** What the catalog holds as current, in order: stands in for a segment of the snapshot before that is lost. */
  currentIds(prefix: string): AsyncIterable<string>
  onDamage(damaged: DamagedSegment): void
}

/** True when bytes are lost or wrong, and no waiting or trying again will bring them back. */
export const isLoss = (error: unknown): error is AppError =>
  isAppError(error, 'OBJECT_CORRUPT') || isAppError(error, 'OBJECT_NOT_FOUND') || isAppError(error, 'VAULT_INVALID')

/**
 * The same, or closed to this machine: what the owner of an encrypted vault, or another machine, wrote into it cannot be
 * read by one that can only write, and must not keep it from its own work.
 */
export const isOutOfReach = (error: unknown): error is AppError => isLoss(error) || isAppError(error, 'KEY_MISSING')

/**
 * What differs between two snapshots, in order of assetId. Segments that are the same object are not read; lines that
 * are the same text are not parsed. A segment counts only when it was read to its end: until then its bytes are not
 * proven. The entries of one that cannot be read stay as the catalog has them.
 */
export async function* snapshotChanges(
  before: Snapshot | null,
  after: Snapshot,
  sources: ChangeSources,
): AsyncIterable<EntryChange> {
  for (const group of groups(before, after)) {
    const fresh = await groupChanges(group, sources)
    // One entry at a time, so that a group's lines are in memory but not all that is in them.
    for (const change of fresh) yield* decoded(change, sources)
  }
}

function decoded({ assetId, line }: LineChange, sources: ChangeSources): readonly EntryChange[] {
  if (line === null) return [{ assetId, after: null }]
  try {
    return [{ assetId, after: decodeEntry(line.text) }]
  } catch (error) {
    if (!isLoss(error)) throw error
    sources.onDamage({ object: line.object, error })
    return []
  }
}

interface Group {
  readonly prefix: string
  readonly before: readonly SegmentRef[]
  readonly after: readonly SegmentRef[]
}

/** Segments that can hold the same assets: pairs, or one and its finer parts where the lengths of the prefixes differ. */
function groups(before: Snapshot | null, after: Snapshot): readonly Group[] {
  const length = Math.min(before?.prefixLength ?? after.prefixLength, after.prefixLength)
  const made = new Map<string, { before: SegmentRef[]; after: SegmentRef[] }>()
  const add = (side: 'before' | 'after', ref: SegmentRef): void => {
    const prefix = ref.prefix.slice(0, length)
    const group = made.get(prefix) ?? { before: [], after: [] }
    group[side].push(ref)
    made.set(prefix, group)
  }
  for (const ref of before?.segments ?? []) add('before', ref)
  for (const ref of after.segments) add('after', ref)
  return [...made]
    .map(([prefix, group]) => ({ prefix, before: inOrder(group.before), after: inOrder(group.after) }))
    .filter((group) => !isSame(group))
    .sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
}

const inOrder = (refs: readonly SegmentRef[]): readonly SegmentRef[] =>
  [...refs].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))

const isSame = ({ before, after }: Group): boolean =>
  before.length === after.length && before.every((ref, i) => ref.object === after[i]?.object)

interface LineChange {
  readonly assetId: string
  /** Null when the asset is gone. */
  readonly line: Line | null
}

async function groupChanges(group: Group, sources: ChangeSources): Promise<readonly LineChange[]> {
  const damage: DamagedSegment[] = []
  try {
    return await compare(linesOf(group.before, sources, damage), linesOf(group.after, sources, damage))
  } catch (error) {
    if (!isLoss(error)) throw error
    const lost = damage.at(-1)
    if (lost === undefined) throw error
    if (group.after.some((ref) => ref.object === lost.object)) {
      sources.onDamage(lost)
      return []
    }
    return await compareWithCatalog(group, sources)
  }
}

/** The segment before is lost: everything in the new one is given, and what the catalog has beyond it is gone. */
async function compareWithCatalog(group: Group, sources: ChangeSources): Promise<readonly LineChange[]> {
  const damage: DamagedSegment[] = []
  try {
    return await compare(asLines(sources.currentIds(group.prefix)), linesOf(group.after, sources, damage))
  } catch (error) {
    const lost = damage.at(-1)
    if (!isLoss(error) || lost === undefined) throw error
    sources.onDamage(lost)
    return []
  }
}

async function* asLines(ids: AsyncIterable<string>): AsyncIterable<Line> {
  for await (const assetId of ids) yield { assetId, text: '', object: '' }
}

interface Line {
  readonly assetId: string
  readonly text: string
  /** The segment it stands in. */
  readonly object: string
}

/** Remembers which segment failed, because an error does not say whose it is. */
async function* linesOf(
  refs: readonly SegmentRef[],
  sources: ChangeSources,
  damage: DamagedSegment[],
): AsyncIterable<Line> {
  for (const { object } of refs) {
    try {
      for await (const text of sources.readLines(object)) yield { assetId: assetIdOf(text), text, object }
    } catch (error) {
      if (isLoss(error)) damage.push({ object, error })
      throw error
    }
  }
}

const START = '{"assetId":"'

/** `assetId` is the first key of every line, and is made of characters that JSON writes as they are. */
function assetIdOf(line: string): string {
  const end = line.indexOf('"', START.length)
  return line.startsWith(START) && end !== -1 ? line.slice(START.length, end) : decodeEntry(line).assetId
}

/** Both sides are in order of assetId. */
async function compare(before: AsyncIterable<Line>, after: AsyncIterable<Line>): Promise<readonly LineChange[]> {
  const changes: LineChange[] = []
  const old = before[Symbol.asyncIterator]()
  try {
    let left = await old.next()
    for await (const line of after) {
      for (; left.done !== true && left.value.assetId < line.assetId; left = await old.next()) {
        changes.push({ assetId: left.value.assetId, line: null })
      }
      const isKnown = left.done !== true && left.value.assetId === line.assetId
      if (!isKnown || left.value?.text !== line.text) changes.push({ assetId: line.assetId, line })
      if (isKnown) left = await old.next()
    }
    for (; left.done !== true; left = await old.next()) changes.push({ assetId: left.value.assetId, line: null })
    return changes
  } finally {
    await old.return?.()
  }
}
