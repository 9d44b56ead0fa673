import { type Crew, createCrew } from '../../lib/crew.ts'
import { createDigestSet, type DigestSet } from '../../lib/digest-set.ts'
import { derivedRows } from '../../model/derived.ts'
import type { Entry } from '../../model/entry.ts'
import { isAppError } from '../../model/errors.ts'
import { decodeHistoryLine } from '../../model/history.ts'
import type { StoredSnapshot } from '../../model/snapshot.ts'
import { checkSignal } from '../../vault/interrupt.ts'
import type { Store } from '../../vault/store.ts'
import { objectKey, type Vault } from '../../vault/vault.ts'
import { readHistories, type StoredHistory } from '../prune/history.ts'
import { isLost, purgedVersions, versionName } from '../restorable/point.ts'
import type { LockMemory } from './lock-memory.ts'

const DAY = 86_400_000
/** So many failing one after the other is no matter of single objects. */
const HOPELESS = 50
/** Failures that are named; beyond that only the first ones are. */
const NAMED = 1000

export interface ExtendDeps {
  readonly vault: Vault
  readonly snapshot: StoredSnapshot
  /** That of the snapshot's account. */
  readonly memory: LockMemory
  readonly now: Date
  /** Told after each list. */
  readonly listen: (event: ExtendEvent) => void
  /** Calls at a time. @default what the store can take */
  readonly concurrency?: number
}

export interface ExtendEvent {
  readonly type: 'locks'
  readonly sealed: number
  readonly known: number
  readonly failed: number
}

/** Something that may be unprotected, or protected for too short. */
export interface ExtendFailure {
  readonly key: string
  readonly code: string
  readonly reason: string
}

export interface ExtendReport {
  /** Keys whose lock was prolonged. */
  readonly sealed: number
  /** Names of objects and lists that are known to be locked for long enough; an object named twice counts twice. */
  readonly known: number
  /** Not empty: the run has to say so and exit 3; everything else was done. */
  readonly failed: readonly ExtendFailure[]
  /** True when it stopped because everything failed; the last failure says why. */
  readonly gaveUp: boolean
}

interface Extending {
  readonly deps: ExtendDeps
  readonly seal: NonNullable<Store['seal']>
  /** What is sealed now is held until then. */
  readonly until: number
  /** What is held until then is left alone. */
  readonly enough: number
  readonly crew: Crew
  readonly signal: AbortSignal
  /** Digests that this run sealed. */
  readonly done: DigestSet
  readonly purged: ReadonlySet<string>
  readonly failed: ExtendFailure[]
  failures: number
  inARow: number
  sealed: number
  known: number
}

/** A list of what is needed: a segment of the snapshot, or the lines of a history record. */
interface NeededList {
  /** Its place in the memory: what stands there later took over most of what stood there before. */
  readonly part: string
  readonly object: string
  readonly entries: number
  read(object: string): AsyncIterable<Entry>
}

/**
 * Sees to it that everything the snapshot needs (its head, lists, objects, the records that explain what was purged), and
 * everything that the account's history records hold besides, stays locked: what would be free within half of the wished days is sealed for all of them, counted from now. So after
 * every run each thing is held for at least half of the days, and costs one call in that time. Lists that did not
 * change are known by one line of memory and not read. Does nothing where the store has no lock or cannot seal. Safe
 * to repeat and to kill anywhere. A failure is named and the rest goes on; only INTERRUPTED is thrown.
 */
export async function extendLocks(deps: ExtendDeps, signal: AbortSignal): Promise<ExtendReport> {
  const { store } = deps.vault
  const { lock, maxConcurrency } = store.traits
  if (lock === undefined || lock === null || store.seal === undefined)
    return { sealed: 0, known: 0, failed: [], gaveUp: false }
  const { cloud } = deps.snapshot.snapshot
  const state: Extending = {
    deps,
    seal: store.seal.bind(store),
    until: deps.now.getTime() + lock.days * DAY,
    enough: deps.now.getTime() + (lock.days / 2) * DAY,
    crew: createCrew(deps.concurrency ?? maxConcurrency),
    signal,
    done: createDigestSet(),
    purged: await purgedVersions(deps.vault, cloud, signal),
    failed: [],
    failures: 0,
    inARow: 0,
    sealed: 0,
    known: 0,
  }
  const histories = await historiesOf(state)
  const keys = [...(await singleKeys(deps, signal)), ...histories.map(({ key }) => key)]
  for (const key of keys) await extendKey(state, key)
  const lists = [...segmentsOf(deps, signal), ...histories.map((each) => historyList(deps, each, signal))]
  for (const list of lists) {
    if (isHopeless(state)) break
    await extendList(state, list)
    tell(state)
  }
  const { sealed, known, failed } = state
  // Whoever gave up knows less than what is written down.
  if (!isHopeless(state)) await deps.memory.keepOnly(new Set(lists.map(({ part }) => part)), new Set(keys))
  return { sealed, known, failed, gaveUp: isHopeless(state) }
}

const isHopeless = ({ inARow }: Extending): boolean => inARow >= HOPELESS

const tell = ({ deps, sealed, known, failures }: Extending): void =>
  deps.listen({ type: 'locks', sealed, known, failed: failures })

const segmentsOf = ({ snapshot, vault }: ExtendDeps, signal: AbortSignal): readonly NeededList[] =>
  snapshot.snapshot.segments.map(({ prefix, object, entries }) => ({
    // The same letters at another depth are another part.
    part: `${snapshot.snapshot.prefixLength}:${prefix}`,
    object,
    entries,
    read: (list) => vault.readSegment(list, signal),
  }))

/** What no snapshot names and is kept all the same. A record that cannot be read is named; what it holds is unknown. */
async function historiesOf(state: Extending): Promise<readonly StoredHistory[]> {
  const { vault, snapshot } = state.deps
  const { cloud } = snapshot.snapshot
  try {
    return await readHistories(vault, cloud, state.signal)
  } catch (error) {
    // Written encrypted by the owner elsewhere: his `cloudkeep protect` renews it, this machine cannot know what it names.
    if (!isAppError(error, 'KEY_MISSING')) fail(state, `accounts/${cloud}/history`, error)
    return []
  }
}

const historyList = ({ vault }: ExtendDeps, { head }: StoredHistory, signal: AbortSignal): NeededList => ({
  part: `history:${head.id}`,
  object: head.lines,
  entries: head.entries,
  read: async function* (list) {
    for await (const line of vault.readLines(list, signal)) yield decodeHistoryLine(line).entry
  },
})

/** What names the vault and opens it, the head, what it names besides lists, and the records that explain absences. */
async function singleKeys({ vault, snapshot }: ExtendDeps, signal: AbortSignal): Promise<readonly string[]> {
  const { cloud, folders, configuration, failures } = snapshot.snapshot
  const objects = [folders, configuration, failures].filter((digest) => digest !== null).map(objectKey)
  const opening: string[] = []
  for await (const { key } of vault.store.list('keys/', signal)) opening.push(key)
  const purges = await vault.recordKeys({ kind: 'purges', cloud }, signal)
  return ['cloudkeep.json', ...opening, snapshot.key, ...objects, ...purges]
}

async function extendKey(state: Extending, key: string): Promise<void> {
  const { memory } = state.deps
  if (isHopeless(state)) return
  if ((memory.untilOf(key) ?? 0) >= state.enough) {
    state.known += 1
    return
  }
  if (await sealOne(state, key)) await memory.saveKey(key, state.until)
}

/**
 * A list that changed shares most of its objects with the one before it in its place, and those are held at least as
 * long as that one was: only what came to it is sealed.
 */
async function extendList(state: Extending, needed: NeededList): Promise<void> {
  const { memory } = state.deps
  const { part, object } = needed
  const before = memory.listOf(part)
  const isHeld = before !== null && before.until >= state.enough
  if (isHeld && before.object === object) {
    state.known += needed.entries + 1
    return
  }
  const covered = isHeld ? await digestsOf(state, needed, before.object) : null
  const list = { until: covered === null ? state.until : Math.min(state.until, before?.until ?? 0), isWhole: true }
  const need = async (digest: string): Promise<void> => {
    const created = memory.createdUntil(objectKey(digest)) ?? 0
    const isKnown = covered?.has(digest) === true || created >= state.enough || state.done.has(digest)
    if (created >= state.enough) list.until = Math.min(list.until, created)
    if (isKnown) {
      state.known += 1
      return
    }
    await state.crew.run(async () => {
      if (await sealOne(state, objectKey(digest))) state.done.add(digest)
      else list.isWhole = false
    })
  }
  await need(object)
  try {
    for await (const entry of needed.read(object)) {
      if (isHopeless(state)) break
      if (!state.purged.has(versionName(entry))) for (const digest of objectsOf(entry)) await need(digest)
    }
  } catch (error) {
    list.isWhole = false
    fail(state, objectKey(object), error)
  }
  await state.crew.finished()
  if (list.isWhole && !isHopeless(state)) await memory.saveList(part, { object, until: list.until })
}

const objectsOf = ({ object, raw }: Entry): readonly string[] => [
  ...(object === null ? [] : [object]),
  ...derivedRows(raw.details).flatMap((row) => row.object ?? []),
]

/** Null when the list cannot be read any more: then nothing is known of what it named. */
async function digestsOf({ signal }: Extending, { read }: NeededList, list: string): Promise<DigestSet | null> {
  const digests = createDigestSet()
  try {
    for await (const entry of read(list)) for (const digest of objectsOf(entry)) digests.add(digest)
    return digests
  } catch (error) {
    checkSignal(signal, 'reading a list')
    if (isLost(error) || isAppError(error)) return null
    throw error
  }
}

async function sealOne(state: Extending, key: string): Promise<boolean> {
  if (isHopeless(state)) return false
  try {
    await state.seal(key, state.until, state.signal)
    state.sealed += 1
    state.inARow = 0
    return true
  } catch (error) {
    fail(state, key, error)
    return false
  }
}

/** Throws what is no failure of a key: an interruption, a bug. */
function fail(state: Extending, key: string, error: unknown): void {
  checkSignal(state.signal, `sealing ${key}`)
  if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
  state.failures += 1
  state.inARow += 1
  if (state.failed.length < NAMED) state.failed.push({ key, code: error.code, reason: error.message })
}
