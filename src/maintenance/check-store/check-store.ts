import { randomBytes } from 'node:crypto'
import { sha256Hex, sha256Of } from '../../lib/hash.ts'
import { type AppError, isAppError } from '../../model/errors.ts'
import { memoryBody, textBody } from '../../vault/body.ts'
import type { Bucket } from '../../vault/bucket.ts'
import type { Bytes, Store } from '../../vault/store.ts'

export interface StoreCheck {
  readonly name: StoreCheckName
  /** `refused`: these credentials may not; `failed`: the store does not do what a vault relies on. */
  readonly status: 'ok' | 'refused' | 'failed' | 'skipped'
  readonly message: string
  readonly hint?: string
}

export type StoreCheckName =
  | 'write'
  | 'create once'
  | 'read'
  | 'read a part'
  | 'absence'
  | 'list'
  | 'large'
  | 'protect'
  | 'consent'
  | 'remove'

export interface StoreReport {
  readonly checks: readonly StoreCheck[]
  /** Everything that a backup needs works and is allowed. */
  readonly ok: boolean
  /** Whether these credentials can remove what they wrote; null when nothing could be written. */
  readonly canRemove: boolean | null
  /** Keys that this check wrote and could not remove. */
  readonly left: readonly string[]
  /** Milliseconds of a small write; null when it failed. */
  readonly roundTripMs: number | null
  /** Bytes a second of the large body, up and down; null when it was left out. */
  readonly up: number | null
  readonly down: number | null
}

export interface CheckOptions {
  readonly id: string
  readonly now: () => number
  /** The account whose consent is looked for; null: nobody's. */
  readonly cloud: string | null
  /** Bytes of the large body. 0 leaves it out. */
  readonly large: number
  readonly listen: (check: StoreCheck) => void
}

interface Work {
  readonly store: Store
  readonly options: CheckOptions
  readonly signal: AbortSignal
  readonly checks: StoreCheck[]
  readonly written: Set<string>
  readonly speed: { roundTripMs: number | null; up: number | null; down: number | null }
}

const SMALL = 'cloudkeep check-store wrote this and removes it again; it may be removed at any time\n'
/** Without these no backup can be made there, or none can be relied on. */
const NEEDED: readonly StoreCheckName[] = [
  'write',
  'create once',
  'read',
  'read a part',
  'absence',
  'list',
  'large',
  'protect',
  'consent',
]

/**
 * Does to a store what a vault will do to it, under keys of its own (`check/<id>/…`), and takes away what it wrote. Tells
 * each outcome as it comes; a refusal is an outcome and never throws. Throws INTERRUPTED after clearing up.
 */
export async function checkStore(
  { store, bucket }: { readonly store: Store; readonly bucket: Bucket | null },
  options: CheckOptions,
  signal: AbortSignal,
): Promise<StoreReport> {
  const speed = { roundTripMs: null, up: null, down: null }
  const work: Work = { store, options, signal, checks: [], written: new Set(), speed }
  let canRemove: boolean | null = null
  try {
    if (await writes(work)) {
      await readsBack(work)
      await lists(work)
      await carriesLarge(work)
      await protects(work)
    }
    await consents(work, bucket)
  } finally {
    canRemove = await clears(work)
  }
  signal.throwIfAborted()
  const bad = work.checks.filter(({ name, status }) => NEEDED.includes(name) && status !== 'ok' && status !== 'skipped')
  return { checks: work.checks, ok: bad.length === 0, canRemove, left: [...work.written], ...work.speed }
}

const keyOf = ({ options }: Work, name: string): string => `check/${options.id}/${name}`

type Outcome = Omit<StoreCheck, 'name'>

/** Runs one check; what it throws becomes its outcome. */
async function attempt(work: Work, name: StoreCheckName, check: () => Promise<Outcome>): Promise<boolean> {
  const outcome = await check().catch((error: unknown): Outcome => {
    if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
    return failure(error)
  })
  const found = { name, ...outcome }
  work.checks.push(found)
  work.options.listen(found)
  return outcome.status === 'ok'
}

const failure = (error: AppError): Outcome => ({
  status: error.code === 'STORE_REFUSED' || error.code === 'VAULT_SEALED' ? 'refused' : 'failed',
  message: error.message,
  ...(error.hint === undefined ? {} : { hint: error.hint }),
})

const ok = (message: string): Outcome => ({ status: 'ok', message })
const failed = (message: string): Outcome => ({ status: 'failed', message })

async function writes(work: Work): Promise<boolean> {
  const { store, options, signal, written, speed } = work
  const key = keyOf(work, 'small')
  const isWritten = await attempt(work, 'write', async () => {
    const began = options.now()
    // Named before it is there: what was cut off half way may be there all the same.
    written.add(key)
    await store.put(key, textBody(SMALL), signal, 'create')
    speed.roundTripMs = options.now() - began
    return ok(`a small object was written in ${Math.round(speed.roundTripMs)} ms`)
  })
  if (!isWritten) return false
  await attempt(work, 'create once', async () => {
    const again = await store.put(key, textBody('something else'), signal, 'create')
    return again
      ? failed('a second writer was told that it created what was there')
      : ok('what is there is not overwritten')
  })
  return true
}

const textOf = async (bytes: Bytes): Promise<string> => {
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}

async function readsBack(work: Work): Promise<void> {
  const { store, signal } = work
  const key = keyOf(work, 'small')
  await attempt(work, 'read', async () =>
    (await textOf(await store.get(key, signal))) === SMALL
      ? ok('it came back as it was')
      : failed('other bytes came back'),
  )
  await attempt(work, 'read a part', async () => {
    const part = await textOf(await store.get(key, signal, { start: 10, end: 20 }))
    return part === SMALL.slice(10, 21) ? ok('a part of it came back') : failed('a part of it came back wrong')
  })
  await attempt(work, 'absence', async () =>
    (await store.stat(keyOf(work, 'nothing-here'), signal)) === null
      ? ok('absence is told from refusal')
      : failed('what was never written is said to be there'),
  )
}

async function lists(work: Work): Promise<void> {
  await attempt(work, 'list', async () => {
    const found: string[] = []
    for await (const { key } of work.store.list(keyOf(work, ''), work.signal)) found.push(key)
    return found.includes(keyOf(work, 'small')) ? ok('it is listed') : failed('it is not listed')
  })
}

async function carriesLarge(work: Work): Promise<void> {
  const { store, options, signal, speed, written } = work
  if (options.large === 0) {
    return void (await attempt(work, 'large', async () => ({
      status: 'skipped',
      message: 'no large object was written',
    })))
  }
  const key = keyOf(work, 'large')
  const bytes = randomBytes(options.large)
  await attempt(work, 'large', async () => {
    const began = options.now()
    written.add(key)
    await store.put(key, memoryBody(bytes), signal, 'create')
    const there = options.now()
    const same = (await sha256Of(await store.get(key, signal))) === sha256Hex(bytes)
    speed.up = rate(options.large, there - began)
    speed.down = rate(options.large, options.now() - there)
    return same
      ? ok('a large object went up in parts and came back as it was')
      : failed('a large object came back changed')
  })
}

const rate = (bytes: number, ms: number): number => Math.round((bytes * 1000) / Math.max(1, ms))

async function protects(work: Work): Promise<void> {
  const { store, options, signal } = work
  const wish = store.traits.lock ?? null
  if (wish === null) return
  await attempt(work, 'protect', async () => {
    if (store.seal === undefined) return failed('this place cannot protect single objects')
    await store.seal(keyOf(work, 'small'), options.now() + 60_000, signal)
    return ok(`objects are locked for ${wish.days} days (${wish.mode})`)
  })
}

async function consents(work: Work, bucket: Bucket | null): Promise<void> {
  const { cloud } = work.options
  if (bucket === null || cloud === null) return
  await attempt(work, 'consent', async () => {
    if (await bucket.hasConsent(cloud, work.signal)) return ok(`the bucket may be used by ${cloud}`)
    return {
      status: 'failed',
      message: `the owner has not put .wellknown/cloudinary/${cloud} into the bucket`,
      hint: 'cloudkeep init puts it there, with credentials that may',
    }
  })
}

/** Runs also after an interrupt, with nothing that could interrupt it. Returns whether these credentials can remove. */
async function clears(work: Work): Promise<boolean | null> {
  if (work.written.size === 0) return null
  let refused: AppError | null = null
  for (const key of [...work.written]) {
    try {
      await work.store.delete(key)
      work.written.delete(key)
    } catch (error) {
      if (!isAppError(error)) throw error
      refused = error
    }
  }
  const isWritten = work.checks.some(({ name, status }) => name === 'write' && status === 'ok')
  if (!isWritten) return null
  const outcome: Outcome =
    refused === null
      ? ok('these credentials can remove objects')
      : { status: 'refused', message: `these credentials cannot remove objects: ${refused.message}` }
  await attempt(work, 'remove', () => Promise.resolve(outcome))
  return refused === null
}
