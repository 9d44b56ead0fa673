import { backOff, pause, type RetryTiming } from '../lib/retry.ts'
import { AppError, isAppError } from '../model/errors.ts'
import { checkSignal } from './interrupt.ts'
import type { Bytes, Store, Variant } from './store.ts'

export interface Persistence {
  /** @default 8 tries, the first pause up to a quarter of a second, none above 15 seconds */
  readonly timing?: RetryTiming
  /** @default `pause` of `lib/retry.ts` */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>
  /** A number in [0, 1). @default Math.random */
  readonly random?: () => number
}

const TIMING: RetryTiming = { tries: 8, firstMs: 250, maxMs: 15_000 }

const mayPass = (error: unknown): error is AppError => isAppError(error) && !error.permanent

/** The last failure, which says how often was tried; it may still pass, only not while this caller waits. */
const givenUp = (error: AppError, tries: number): AppError =>
  new AppError(error.code, `${error.message} (tried ${tries} times)`, {
    cause: error,
    permanent: false,
    ...(error.hint !== undefined && { hint: error.hint }),
  })

/** Waits after failed try number `attempt` (1 is the first), or throws: INTERRUPTED, or `error` when it was the last. */
const waitAfter = async (
  error: unknown,
  attempt: number,
  signal: AbortSignal | undefined,
  how: Persistence,
): Promise<void> => {
  checkSignal(signal, 'talking to the store')
  if (!mayPass(error)) throw error
  const timing = how.timing ?? TIMING
  if (attempt >= timing.tries) throw timing.tries > 1 ? givenUp(error, attempt) : error
  await (how.pause ?? pause)(
    backOff(attempt, timing, (how.random ?? Math.random)()),
    signal ?? new AbortController().signal,
  )
  checkSignal(signal, 'waiting for the store')
}

/**
 * Does the work again, after a pause, while it fails with an `AppError` that is not permanent. For single requests that
 * may be repeated: one page of a list, one part of a body.
 *
 * @param work is told which try it is; 1 is the first
 */
export const repeat = async <T>(
  work: (attempt: number) => Promise<T>,
  signal?: AbortSignal,
  how: Persistence = {},
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      await waitAfter(error, attempt, signal, how)
    }
  }
}

/**
 * Bytes of a store that can go on after a break: `resume(start)` opens the same body again, `start` bytes after the
 * beginning of these ones, and throws when the key has got another body meanwhile. Without it the key is read again,
 * which only holds for keys that are never replaced.
 */
export interface ResumableBytes extends Bytes {
  resume?(start: number): Promise<Bytes>
}

type Range = { start: number; end: number }
type Open = (signal?: AbortSignal, range?: Range) => Promise<ResumableBytes>

async function* goOn(
  first: Bytes,
  again: (start: number) => Promise<Bytes>,
  signal: AbortSignal | undefined,
  how: Persistence,
): AsyncGenerator<Uint8Array, void, void> {
  let bytes = first
  let got = 0
  for (let failures = 0; ; ) {
    try {
      for await (const piece of bytes) {
        got += piece.byteLength
        if (piece.byteLength > 0) failures = 0
        yield piece
      }
      return
    } catch (error) {
      failures += 1
      await waitAfter(error, failures, signal, how)
    }
    // An opening that fails counts like a body that breaks: only bytes are progress.
    const broken = failures
    bytes = await repeat(() => again(got), signal, {
      ...how,
      timing: { ...(how.timing ?? TIMING), tries: Math.max(1, (how.timing ?? TIMING).tries - broken) },
    })
  }
}

/** Opens, again if need be, and gives bytes that go on where a connection broke; progress resets the count of tries. */
export const openSteadily = async (
  open: Open,
  signal?: AbortSignal,
  range?: Range,
  how: Persistence = {},
): Promise<Bytes> => {
  let current = await repeat(() => open(signal, range), signal, how)
  const start = range?.start ?? 0
  const end = range?.end ?? Number.MAX_SAFE_INTEGER
  const again = async (got: number): Promise<Bytes> => {
    // Nothing is left of the range: the break came after its last byte.
    if (start + got > end) return NOTHING
    // Before the first byte it need not be the same body.
    if (got === 0) current = await open(signal, range)
    return got === 0 ? current : (current.resume?.(got) ?? open(signal, { start: start + got, end }))
  }
  return goOn(current, again, signal, how)
}

const NOTHING: Bytes = {
  async *[Symbol.asyncIterator]() {},
}

const steadyVariant = (variant: Variant, how: Persistence): Variant => ({
  ...variant,
  open: (signal, range) => openSteadily(variant.open, signal, range, how),
})

/**
 * The same store, but what fails and may pass (`permanent: false`) is tried again; a body is opened again for each try,
 * and reading goes on where it broke. Lists are passed through: a store repeats its own pages with `repeat`, because
 * nobody else knows where to go on.
 */
export const steady = (store: Store, how: Persistence = {}): Store => {
  const again = <T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> => repeat(work, signal, how)
  const { touch, move, variants, seal, close } = store
  return {
    traits: store.traits,
    put: (key, body, signal, mode) => again(signal, () => store.put(key, body, signal, mode)),
    get: (key, signal, range) => openSteadily((...at) => store.get(key, ...at), signal, range, how),
    stat: (key, signal) => again(signal, () => store.stat(key, signal)),
    list: (prefix, signal) => store.list(prefix, signal),
    delete: (key, signal) => again(signal, () => store.delete(key, signal)),
    ...(touch && { touch: (key, signal) => again(signal, () => touch.call(store, key, signal)) }),
    ...(move && { move: (from, to, signal) => again(signal, () => move.call(store, from, to, signal)) }),
    ...(variants && {
      variants: async (key, signal) =>
        (await again(signal, () => variants.call(store, key, signal))).map((variant) => steadyVariant(variant, how)),
    }),
    ...(seal && { seal: (key, until, signal) => again(signal, () => seal.call(store, key, until, signal)) }),
    ...(close && { close: () => close.call(store) }),
  }
}
