import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, isAppError } from '../model/errors.ts'
import { count, fieldsOf, oneOf, parseJson, text, textLike, time } from '../model/shape.ts'
import { textBody } from './body.ts'
import { readText } from './content.ts'
import type { LockName, VaultLock } from './lock.ts'
import type { Store } from './store.ts'

export interface LeaseOptions {
  readonly name: LockName
  /** What the holder does, for the one who is refused: `backup`. */
  readonly command: string
  /** Of this holder alone; letters, digits, - and _. */
  readonly id: string
  readonly host: string
  readonly pid: number
  /**
   * The id of the system's lock that this holder has on its machine; see `idOfLock`. Whoever else took a lease under
   * that lock was killed, since two cannot have it, and is not waited for. 16 hex digits.
   */
  readonly under?: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** How long a lease lasts that nobody renews, as after a kill. @default 5 minutes */
  readonly lastsMs?: number
  /** How long a release tries to tell the others; what it did not tell ends by itself. @default 10 seconds */
  readonly partingMs?: number
  /** Told when a lease could not be renewed; the run goes on, since no lease is needed for it to be safe. */
  readonly note?: (message: string) => void
}

interface Lease {
  readonly id: string
  readonly command: string
  readonly host: string
  readonly pid: number
  readonly since: string
  /** Milliseconds since the epoch, by the holder's clock. */
  readonly until: number
  readonly state: 'held' | 'released'
}

const LASTS_MS = 5 * 60_000
const PARTING_MS = 10_000
/** Clocks of two machines differ by less, or their owners have other troubles. */
const SKEW_MS = 30_000
const ID = { pattern: /^[A-Za-z0-9_-]{1,64}$/, wanted: 'an id' }

const folderOf = (name: LockName): string => `locks/${name}/`

/** Each word about a lease is an object of its own, so that nothing has to be overwritten or removed. */
const keyOf = (name: LockName, { id, until, state }: Lease): string =>
  `${folderOf(name)}${until}-${id}${state === 'released' ? '-released' : ''}.json`

const decode = (content: string): Lease => {
  const fields = fieldsOf(parseJson(content), 'a lease')
  return {
    id: textLike(fields, 'id', ID),
    command: text(fields, 'command'),
    host: text(fields, 'host'),
    pid: count(fields, 'pid'),
    since: time(fields, 'since'),
    until: count(fields, 'until'),
    state: oneOf(fields, 'state', ['held', 'released']),
  }
}

/** A word that cannot be read is nobody's: what it stood for ends by itself. */
const readLease = async (store: Store, key: string): Promise<Lease | null> => {
  try {
    return decode(await readText(store, key, { limit: 4096 }))
  } catch (error) {
    if (isAppError(error, 'OBJECT_NOT_FOUND') || isAppError(error, 'VAULT_INVALID')) return null
    throw error
  }
}

/** What the names alone say: until when, whose, and whether it is over. */
const KEY = /(\d{13,15})-([A-Za-z0-9_-]{1,64}?)(-released)?\.json$/
/** A lease that was taken under a lock of its machine begins with the id of that. */
const UNDER = /^[0-9a-f]{16}-/

interface Word {
  readonly key: string
  /** Of the holder. */
  readonly id: string
  /** What only one can have at a time: a lock of some machine, or else the holder's own id. */
  readonly chair: string
  readonly until: number
  readonly isEnd: boolean
}

const wordOf = (key: string): Word | null => {
  const [, until, id, end] = KEY.exec(key) ?? []
  if (id === undefined) return null
  return { key, id, chair: UNDER.exec(id)?.[0] ?? id, until: Number(until), isEnd: end !== undefined }
}

const ownId = ({ id, under }: LeaseOptions): string => (under === undefined ? id : `${under}-${id}`)

interface Standing {
  readonly live: readonly string[]
  readonly over: readonly string[]
}

/**
 * Dead are: who said so, whose time is over, who was followed by another under the same lock, and whoever had the lock that
 * is this holder's now.
 */
const lookAround = async (store: Store, options: LeaseOptions, signal?: AbortSignal): Promise<Standing> => {
  const mine = ownId(options)
  const words: Word[] = []
  const ended = new Set<string>()
  const newest = new Map<string, number>()
  for await (const { key } of store.list(folderOf(options.name), signal)) {
    const word = wordOf(key)
    if (word === null) continue
    words.push(word)
    if (word.isEnd) ended.add(word.id)
    newest.set(word.chair, Math.max(newest.get(word.chair) ?? 0, word.until))
  }
  const isLive = ({ id, chair, until, isEnd }: Word): boolean =>
    !isEnd &&
    !ended.has(id) &&
    until === newest.get(chair) &&
    until + SKEW_MS > options.now() &&
    (id === mine || chair !== `${options.under}-`)
  const live = words.filter(isLive)
  const living = new Set(live.map(({ id }) => id))
  return { live: live.map(({ key }) => key), over: words.filter(({ id }) => !living.has(id)).map(({ key }) => key) }
}

const others = async (store: Store, options: LeaseOptions): Promise<readonly Lease[]> => {
  const { live } = await lookAround(store, options)
  const leases = await Promise.all(live.map((key) => readLease(store, key)))
  return leases.filter((lease) => lease !== null).filter(({ id }) => id !== ownId(options))
}

const plain = (value: string): string => value.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)

const refusal = (store: Store, { command, pid, host, since }: Lease): AppError =>
  new AppError(
    'VAULT_LOCKED',
    `${store.traits.place ?? 'the vault'} is locked by "${plain(command)}", process ${pid} on ${plain(host)}, since ${since}`,
    { hint: 'wait until it ends, or end it; what was killed on another machine lets go by itself after five minutes' },
  )

/** Of two who came at once the one that says it came first stays; names settle a tie. */
const cameBefore = (one: Lease, other: Lease): boolean =>
  one.since === other.since ? one.id < other.id : one.since < other.since

/**
 * Keeps the runs of several machines out of one another's way in a bucket. It needs the right to write and to list and
 * nothing else: a lease is renewed and ended by writing more. It is a courtesy and no safeguard: two runs at once do work
 * twice and harm nothing, which is why a clock that goes wrong cannot cost anything either.
 *
 * Throws VAULT_LOCKED naming the holder.
 */
export const takeLease = async (store: Store, options: LeaseOptions): Promise<VaultLock> => {
  const { name, command, host, pid, now, lastsMs = LASTS_MS } = options
  const id = ownId(options)
  const [holder] = await others(store, options)
  if (holder !== undefined) throw refusal(store, holder)
  const began = new Date(now()).toISOString()
  const written: string[] = []
  const say = async (state: Lease['state'], signal?: AbortSignal): Promise<Lease> => {
    const lease: Lease = { id, command, host, pid, since: began, until: now() + lastsMs, state }
    const key = keyOf(name, lease)
    await store.put(key, textBody(`${JSON.stringify(lease)}\n`), signal)
    written.push(key)
    return lease
  }
  const mine = await say('held')
  const earlier = (await others(store, options)).find((other) => cameBefore(other, mine))
  if (earlier !== undefined) {
    await say('released')
    throw refusal(store, earlier)
  }
  const renewing = keepAlive(() => say('held'), options)
  return {
    release: async () => {
      if (!(await renewing.stop())) return
      // After an outage ended the run, nobody should have to wait for the same outage again.
      const signal = AbortSignal.timeout(options.partingMs ?? PARTING_MS)
      await say('released', signal).catch(() => undefined)
      await clear(store, options, { written, signal })
    },
  }
}

function keepAlive(
  renew: () => Promise<unknown>,
  { lastsMs = LASTS_MS, note }: LeaseOptions,
): { stop(): Promise<boolean> } {
  const stopping = new AbortController()
  const loop = async (): Promise<void> => {
    for (;;) {
      await sleep(lastsMs / 3, undefined, { signal: stopping.signal, ref: false })
      await renew().catch((error: unknown) => {
        note?.(
          `other machines may think that this run has ended: ${error instanceof Error ? error.message : 'no answer'}`,
        )
      })
    }
  }
  const done = loop().catch(() => undefined)
  return {
    stop: async () => {
      if (stopping.signal.aborted) return false
      stopping.abort()
      await done
      return true
    },
  }
}

/** What is over may go, where these credentials can remove anything; the last word of a run goes last. */
async function clear(
  store: Store,
  options: LeaseOptions,
  { written, signal }: { readonly written: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const { over } = await lookAround(store, options, signal).catch(() => ({ over: [] }))
  const mine = new Set(written)
  for (const key of [...over.filter((each) => !mine.has(each)), ...written]) {
    try {
      await store.delete(key, signal)
    } catch {
      return
    }
  }
}
