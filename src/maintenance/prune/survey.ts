import type { DigestSet } from '../../lib/digest-set.ts'
import { derivedRows } from '../../model/derived.ts'
import type { Entry } from '../../model/entry.ts'
import { decodeHistoryLine, type HistoryHead, type HistoryLine } from '../../model/history.ts'
import type { Vault } from '../../vault/vault.ts'
import { type Group, groupsOf, type Part } from './groups.ts'
import type { Verdict } from './retention.ts'
import { keepsVersions, type Outliving, outlives, type VersionPolicy } from './retention-versions.ts'

/** One account, as a prune looks at it. */
export interface AccountView {
  readonly cloud: string
  /** Oldest first; the newest one stays. */
  readonly verdicts: readonly Verdict[]
  readonly versions: VersionPolicy
  /** What earlier prunes wrote down. */
  readonly retained: readonly HistoryHead[]
  /** Purged versions, as `versionKey` names them. */
  readonly purged: ReadonlySet<string>
  /** Milliseconds since the epoch. */
  readonly now: number
}

export interface Surveying {
  readonly vault: Pick<Vault, 'readSegment' | 'readLines'>
  /** Filled with the objects of all entries that stay. */
  readonly needed: DigestSet
  readonly signal: AbortSignal
  /** Told of each segment. */
  readonly onRead: () => void
}

export const versionKey = (version: { readonly assetId: string; readonly version: string }): string =>
  `${version.assetId} ${version.version}`

/** The original's bytes, and those of derived assets that were asked for. */
export const objectsOf = (entry: Entry): readonly string[] =>
  [entry.object, ...derivedRows(entry.raw.details).map((derived) => derived.object)].filter((object) => object !== null)

/**
 * Reads each segment of an account once, names what the snapshots that stay need, and gives the versions that outlive
 * their snapshots, sorted by assetId and then by time: those that a rule keeps, and those that an earlier prune promised to
 * keep until a date that has not come. Anything that cannot be read is thrown: nobody knows what it needs.
 */
export async function* surveyAccount(work: Surveying, view: AccountView): AsyncGenerator<HistoryLine, void, void> {
  const newestFirst = view.verdicts.toReversed()
  const { length, groups } = groupsOf(newestFirst)
  const earlier = new Earlier(await openEarlier(work, view.retained), length)
  for (const group of groups) {
    // Of assets whose ids begin like none that a snapshot has.
    for (;;) {
      const prefix = await earlier.before(group.prefix)
      if (prefix === null) break
      yield* surveyGroup(work, { view, newestFirst, group: { prefix, parts: [] }, lines: await earlier.take(prefix) })
    }
    yield* surveyGroup(work, { view, newestFirst, group, lines: await earlier.take(group.prefix) })
  }
  for (let prefix = await earlier.before(null); prefix !== null; prefix = await earlier.before(null)) {
    yield* surveyGroup(work, { view, newestFirst, group: { prefix, parts: [] }, lines: await earlier.take(prefix) })
  }
}

interface Piece {
  readonly view: AccountView
  readonly newestFirst: readonly Verdict[]
  readonly group: Group
  /** Of earlier prunes. */
  readonly lines: readonly HistoryLine[]
}

/** A version that no snapshot names any more, or soon. */
interface Past {
  readonly entry: Entry
  readonly since: string | null
  readonly until: number
  readonly versionId: string | null
  /** What an earlier prune promised. */
  readonly promise: Outliving | null
}

interface Seen {
  /** Versions of snapshots that stay. */
  readonly kept: Set<string>
  /** The newest snapshot that has an asset. */
  readonly latest: Map<string, number>
  readonly past: Map<string, Past>
}

async function* surveyGroup(work: Surveying, piece: Piece): AsyncGenerator<HistoryLine, void, void> {
  const { view, group, lines } = piece
  const looksBack = keepsVersions(view.versions)
  const seen: Seen = { kept: new Set(), latest: new Map(), past: new Map() }
  for (const part of group.parts) {
    // What goes is read only to find what outlives it.
    if (!part.keep && !looksBack) continue
    work.onRead()
    for await (const entry of work.vault.readSegment(part.digest, work.signal)) {
      if (part.keep) for (const object of objectsOf(entry)) work.needed.add(object)
      if (looksBack || lines.length > 0) see(piece, seen, { part, entry })
    }
  }
  for (const line of lines) remember(view, seen, line)
  for (const line of outliving(piece, seen)) {
    for (const object of objectsOf(line.entry)) work.needed.add(object)
    yield line
  }
}

function see({ view, newestFirst }: Piece, seen: Seen, { part, entry }: { part: Part; entry: Entry }): void {
  const key = versionKey(entry)
  const isLatest = !seen.latest.has(entry.assetId)
  if (isLatest) seen.latest.set(entry.assetId, part.newest)
  if (part.keep) {
    seen.kept.add(key)
    seen.past.delete(key)
    return
  }
  // The one after it is the first without it; the newest snapshot stays, so there is one.
  const next = newestFirst[part.newest - 1]
  if (next === undefined || seen.kept.has(key) || seen.past.has(key) || view.purged.has(key)) return
  const until = timeOf(next)
  const isGone = isLatest && part.newest > 0
  const rule = outlives({ facts: entry.facts, until, isGone }, view.versions)
  if (rule === null || rule.keepUntil <= view.now) return
  seen.past.set(key, { entry, since: entry.capturedAt, until, versionId: null, promise: null })
}

const timeOf = ({ stored }: Verdict): number => Date.parse(stored.snapshot.takenAt)

function remember(view: AccountView, seen: Seen, line: HistoryLine): void {
  const key = versionKey(line.entry)
  if (seen.kept.has(key) || view.purged.has(key)) return
  const keepUntil = line.keepUntil === null ? Number.POSITIVE_INFINITY : Date.parse(line.keepUntil)
  const promise = { keepUntil, reason: line.reason }
  const known = seen.past.get(key)
  if (known !== undefined) {
    seen.past.set(key, { ...known, promise })
    return
  }
  const { entry, since, versionId } = line
  const until = Date.parse(line.until ?? entry.capturedAt)
  seen.past.set(key, { entry, since, until, versionId, promise })
}

/** Judges by the rules of today, but never takes back what was promised. */
function* outliving({ view, newestFirst }: Piece, { latest, past }: Seen): Iterable<HistoryLine> {
  const ordered = [...past.values()].sort((a, b) =>
    a.entry.assetId === b.entry.assetId ? a.until - b.until : a.entry.assetId < b.entry.assetId ? -1 : 1,
  )
  for (const [i, { entry, since, until, versionId, promise }] of ordered.entries()) {
    const isLast = ordered[i + 1]?.entry.assetId !== entry.assetId
    const newest = latest.get(entry.assetId)
    const lastSeen = newest === undefined ? undefined : newestFirst[newest]
    const isGone = isLast && newest !== 0 && (lastSeen === undefined || timeOf(lastSeen) < until)
    const rule = outlives({ facts: entry.facts, until, isGone }, view.versions)
    const why = promise !== null && (rule === null || promise.keepUntil >= rule.keepUntil) ? promise : rule
    if (why === null || why.keepUntil <= view.now) continue
    yield {
      entry,
      since,
      until: new Date(until).toISOString(),
      reason: why.reason,
      // A year has four digits.
      keepUntil: why.keepUntil < Date.UTC(9999, 0) ? new Date(why.keepUntil).toISOString() : null,
      versionId,
    }
  }
}

async function openEarlier(
  work: Surveying,
  heads: readonly HistoryHead[],
): Promise<readonly AsyncIterator<HistoryLine>[]> {
  return heads.map((head) => historyLines(work, head)[Symbol.asyncIterator]())
}

async function* historyLines(
  { vault, signal }: Pick<Surveying, 'vault' | 'signal'>,
  head: HistoryHead,
): AsyncGenerator<HistoryLine, void, void> {
  for await (const line of vault.readLines(head.lines, signal)) yield decodeHistoryLine(line)
}

/** Names what a history record needs. */
export async function surveyHistory(work: Surveying, head: HistoryHead): Promise<void> {
  work.needed.add(head.lines)
  work.onRead()
  for await (const { entry } of historyLines(work, head)) for (const object of objectsOf(entry)) work.needed.add(object)
}

/** The lines of earlier prunes, taken in the order of the groups. After a kill there are two records instead of one. */
class Earlier {
  readonly #sources: readonly AsyncIterator<HistoryLine>[]
  readonly #length: number
  #heads: (HistoryLine | null)[] | null = null

  constructor(sources: readonly AsyncIterator<HistoryLine>[], length: number) {
    this.#sources = sources
    this.#length = length
  }

  /** The first prefix that has lines and lies before `limit` (null: the end); null when there is none. */
  async before(limit: string | null): Promise<string | null> {
    const prefixes = (await this.#ahead()).flatMap((line) => (line === null ? [] : [this.#prefixOf(line)]))
    const first = prefixes.sort((a, b) => (a < b ? -1 : 1))[0]
    return first !== undefined && (limit === null || first < limit) ? first : null
  }

  /** All lines with this prefix; those before it were taken. */
  async take(prefix: string): Promise<readonly HistoryLine[]> {
    const heads = await this.#ahead()
    const taken: HistoryLine[] = []
    for (const [i, source] of this.#sources.entries()) {
      for (let line = heads[i] ?? null; line !== null && this.#prefixOf(line) === prefix; ) {
        taken.push(line)
        line = await next(source)
        heads[i] = line
      }
    }
    return taken
  }

  #prefixOf(line: HistoryLine): string {
    return line.entry.assetId.slice(0, this.#length)
  }

  async #ahead(): Promise<(HistoryLine | null)[]> {
    this.#heads ??= await Promise.all(this.#sources.map(next))
    return this.#heads
  }
}

async function next(source: AsyncIterator<HistoryLine>): Promise<HistoryLine | null> {
  const { done, value } = await source.next()
  return done === true ? null : value
}
