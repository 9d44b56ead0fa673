import { pause } from '../lib/retry.ts'
import type { Budget } from '../model/account.ts'
import { AppError } from '../model/errors.ts'
import type { ReaderListener } from './events.ts'
import { interrupted } from './faults.ts'
import { decide, type Headers, observe, refuse, UNKNOWN_LIMIT } from './rate-limit.ts'

export interface GateOptions {
  readonly reserve: number | null
  /** False: throw API_LIMIT instead of sleeping. */
  readonly wait: boolean
  readonly onEvent: ReaderListener
  readonly now: () => number
}

/** A laptop that sleeps wakes up with its timers late; looking at the clock in between keeps the wait honest. */
const LONGEST_NAP_MS = 30_000

/** Lets Admin API calls through one by one as far as the quota allows, and holds back the rest. */
export class Gate {
  #state = UNKNOWN_LIMIT
  #inFlight = 0
  #announced = 0
  #waiters: (() => void)[] = []
  readonly #options: GateOptions

  constructor(options: GateOptions) {
    this.#options = options
  }

  get budget(): Budget | null {
    return this.#state.budget
  }

  /** The service's clock minus this machine's, in milliseconds. */
  get skewMs(): number {
    return this.#state.skewMs
  }

  /** Returns when a call may be made; each must be followed by one `leave`. Throws API_LIMIT when told not to wait. */
  async enter(signal: AbortSignal): Promise<void> {
    for (;;) {
      if (signal.aborted) throw interrupted(signal)
      const { now, reserve } = this.#options
      const decision = decide(this.#state, { now: now(), inFlight: this.#inFlight, reserve })
      if (decision.kind === 'go') {
        this.#inFlight += 1
        return
      }
      if (decision.kind === 'busy') await this.#nextAnswer(signal)
      else await this.#sleep(decision.until, decision.why, signal)
    }
  }

  /** The call was answered with these headers, or (null) not at all. */
  leave(headers: Headers | null): void {
    this.#inFlight -= 1
    if (headers !== null) this.#state = observe(this.#state, headers, this.#options.now())
    this.#wake()
  }

  /** The call was refused for the limit; takes the place of `leave`. */
  leaveRefused(answer: { headers: Headers; message: string; refusals: number }): void {
    this.#inFlight -= 1
    const now = this.#options.now()
    this.#state = refuse(observe(this.#state, answer.headers, now), answer, now)
    this.#wake()
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter()
  }

  #nextAnswer(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        signal.removeEventListener('abort', finish)
        resolve()
      }
      signal.addEventListener('abort', finish, { once: true })
      this.#waiters.push(finish)
    })
  }

  async #sleep(until: number, why: 'limit' | 'reserve', signal: AbortSignal): Promise<void> {
    const { wait, onEvent, now } = this.#options
    if (!wait) throw limitReached(until, why)
    if (this.#announced !== until) {
      this.#announced = until
      onEvent({ type: 'waiting', until, why })
    }
    await pause(Math.max(1, Math.min(until - now(), LONGEST_NAP_MS)), signal)
  }
}

const limitReached = (until: number, why: 'limit' | 'reserve'): AppError => {
  const time = new Date(until).toISOString()
  const what = why === 'limit' ? 'are used up' : 'that are not reserved for other use are used up'
  return new AppError('API_LIMIT', `this hour's Admin API calls ${what} until ${time}`, {
    hint: 'run again after that time: the run continues where it stopped; or let it wait (the default)',
    permanent: false,
    resumeAt: until,
  })
}
