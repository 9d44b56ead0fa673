import type { Context } from './context.ts'
import { type ExtendFailure, extendLocks } from './maintenance/protection/extend.ts'
import { protectionLines } from './maintenance/protection/lines.ts'
import { type LookedKey, lookAtProtection } from './maintenance/protection/look.ts'
import { isAppError } from './model/errors.ts'
import type { LockWish, Protection } from './model/protection.ts'
import type { Place } from './places.ts'

/** What became of the locks of what an account needs. */
export interface SealReport {
  /** Keys whose lock was prolonged. */
  readonly sealed: number
  /** Names of objects and lists that are known to be locked for long enough. */
  readonly known: number
  /** What may be unlocked, or locked for too short; at most 1,000 of them. */
  readonly failed: readonly ExtendFailure[]
}

/** What became of the immutable flag on a disk. */
export interface FlagReport {
  readonly flagged: number
  readonly already: number
  /** Files that should have it and do not. */
  readonly failed: number
  readonly linked: number
  /** False where none has it: this process may not set it, or this file system knows none. */
  readonly isThere: boolean
  /** Why; for people. */
  readonly notes: readonly string[]
}

/** What a run did to keep what it wrote; null: not asked for. */
export interface Held {
  readonly sealed: SealReport | null
  readonly flagged: FlagReport | null
}

export const NOTHING_HELD: Held = { sealed: null, flagged: null }

export interface HoldOptions {
  readonly cloud: string
  readonly listen: (event: { readonly type: 'note'; readonly message: string }) => void
  readonly signal: AbortSignal
}

/**
 * The last act of a run that wrote to a vault: what the newest snapshot of the account needs stays locked where the place
 * has a lock, and gets the immutable flag where the configuration asks for it. Never throws but for an interruption or a
 * bug: the snapshot is there already, and what could not be held is named. Safe to repeat.
 */
export async function holdFast(context: Context, place: Place, options: HoldOptions): Promise<Held> {
  return { sealed: await renewLocks(context, place, options), flagged: await flagFiles(context, place, options) }
}

/** `afresh`: everything is locked again, whatever this machine remembers. Null where the place has no lock. */
export async function renewLocks(
  context: Pick<Context, 'now'>,
  place: Place,
  { cloud, listen, signal }: HoldOptions,
  how?: 'afresh',
): Promise<SealReport | null> {
  const { vault } = place
  if (!hasLock(place)) return null
  try {
    const newest = (await vault.snapshotKeys(cloud, signal)).at(-1)
    if (newest === undefined) return { sealed: 0, known: 0, failed: [] }
    const { sealed, known, failed, gaveUp } = await extendLocks(
      {
        vault,
        snapshot: await vault.readSnapshot(newest, signal),
        memory: await place.lockMemory(cloud, how),
        now: context.now(),
        listen: tellNowAndThen(listen),
      },
      signal,
    )
    if (gaveUp) listen({ type: 'note', message: 'locks are refused one after the other; no more were tried' })
    return { sealed, known, failed }
  } catch (error) {
    if (signal.aborted || !isAppError(error) || error.code === 'INTERRUPTED') throw error
    const key = `accounts/${cloud}`
    return { sealed: 0, known: 0, failed: [{ key, code: error.code, reason: error.message }] }
  }
}

export const hasLock = ({ vault }: Pick<Place, 'vault'>): boolean =>
  (vault.store.traits.lock ?? null) !== null && vault.store.seal !== undefined

const TELL_MS = 15_000

/** A million locks take hours, and nobody should wonder whether it still lives. */
function tellNowAndThen(listen: HoldOptions['listen']): (event: { readonly sealed: number }) => void {
  let told = Date.now()
  return ({ sealed }) => {
    if (sealed === 0 || Date.now() - told < TELL_MS) return
    told = Date.now()
    listen({ type: 'note', message: `${sealed} locks renewed so far` })
  }
}

async function flagFiles(
  { config }: Pick<Context, 'config'>,
  { flags }: Place,
  { listen, signal }: HoldOptions,
): Promise<FlagReport | null> {
  if (!config.immutable) return null
  if (flags === null) {
    listen({
      type: 'note',
      message: 'the immutable flag is for vaults on a disk; a bucket has locks, see docs/protection.md',
    })
    return null
  }
  try {
    const report = await setFlags(flags, { signal })
    const why = report.notes.join('; ')
    if (!report.isThere) listen({ type: 'note', message: `no file has the immutable flag: ${why}` })
    else if (why !== '') listen({ type: 'note', message: `the immutable flag: ${why}` })
    return report
  } catch (error) {
    if (signal.aborted || !isAppError(error) || error.code === 'INTERRUPTED') throw error
    listen({ type: 'note', message: `the immutable flag could not be set: ${error.message}` })
    return { ...{ flagged: 0, already: 0, linked: 0, failed: 0, isThere: false }, notes: [error.message] }
  }
}

/** Throws the errors of a store when the folders cannot be read, INTERRUPTED. */
export async function setFlags(
  flags: NonNullable<Place['flags']>,
  options: { readonly signal: AbortSignal; readonly full?: boolean },
): Promise<FlagReport> {
  const report = await flags.set(options)
  return { ...report, isThere: report.flagged + report.already > 0 || report.notes.length === 0 }
}

/** What protects a vault, as `status` tells it. */
export interface ProtectionStatus {
  /** Null: the place did not answer, or could not be read. */
  readonly protection: Protection | null
  readonly looked: readonly LookedKey[]
  readonly sentences: readonly string[]
}

/** Keys looked at for `status`: each costs up to three calls in a bucket with locks. */
const LOOKED_AT = 12

/**
 * Looks at the vault's own objects, for as long as `budgetMs`. Never throws but for an interruption or a bug: what cannot
 * be seen is said to be unknown.
 */
export async function protectionStatus(
  { now }: Pick<Context, 'now'>,
  place: Place,
  { budgetMs, signal }: { readonly budgetMs: number; readonly signal: AbortSignal },
): Promise<ProtectionStatus> {
  const late = new AbortController()
  const until = AbortSignal.any([signal, late.signal])
  const looking = lookAtProtection(place.vault, (keys) => place.protection(keys, until), until, LOOKED_AT)
  try {
    const seen = await within(budgetMs, looking, late)
    if (seen === null) return unknown(`${place.name} did not answer within ${seconds(budgetMs)}`)
    const { protection, looked } = seen
    const kind = place.bucket === null ? 'disk' : 'bucket'
    const facts = { place: kind, lock: wishOf(place), now: now().getTime() } as const
    return { protection, looked, sentences: protectionLines(protection, facts) }
  } catch (error) {
    if (signal.aborted || !isAppError(error)) throw error
    return unknown(error.message)
  }
}

const seconds = (ms: number): string => (ms < 1500 ? '1 second' : `${Math.round(ms / 1000)} seconds`)

const wishOf = ({ vault }: Place): LockWish | null => vault.store.traits.lock ?? null

const unknown = (why: string): ProtectionStatus => ({
  protection: null,
  looked: [],
  sentences: [`It is unknown what protects this vault: ${why}.`],
})

/** Null when the time is over; then the work is told to stop, and nobody waits for it to do so. */
async function within<T>(ms: number, work: Promise<T>, late: AbortController): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      resolve(null)
      late.abort()
    }, ms)
  })
  work.catch(() => undefined)
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}
