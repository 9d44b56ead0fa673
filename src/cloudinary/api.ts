import { backOff, pause, type RetryTiming } from '../lib/retry.ts'
import { AppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import type { ReaderListener } from './events.ts'
import {
  type ApiAnswer,
  type ApiRequest,
  type Asking,
  type ExchangeOptions,
  judge,
  type Outcome,
  type Received,
  receive,
  unavailable,
  unexpected,
  withId,
} from './exchange.ts'
import { expectManyListeners, interrupted, transportFault } from './faults.ts'
import type { Gate } from './gate.ts'
import type { Headers } from './rate-limit.ts'

/** What may be asked is in the type: a reader's requests change nothing. */
export interface Api<Request extends Asking = ApiRequest> {
  readonly calls: number
  /**
   * Makes one Admin API call, again while its failure may pass. Throws API_UNAVAILABLE, API_UNEXPECTED, API_LIMIT.
   *
   * @param settle called before a request is sent again that may have had its effect; an answer takes its place
   */
  ask(request: Request, signal: AbortSignal, settle?: Settle): Promise<ApiAnswer>
  /** `ask`, and anything but success is an error too. */
  get(request: Request, signal: AbortSignal): Promise<Json>
  /** The error that an unsuccessful answer is. */
  failure(request: Request, answer: ApiAnswer): AppError
}

export type Settle = () => Promise<ApiAnswer | null>

/** Sends a request once and reads the whole answer. Throws whatever the connection throws. */
type Send<Request> = (request: Request, options: ExchangeOptions, signal: AbortSignal) => Promise<Received>

export interface ApiOptions extends ExchangeOptions {
  readonly gate: Gate
  readonly retry: RetryTiming
  readonly onEvent: ReaderListener
  readonly random: () => number
}

/** Refusals of one call in a row, each slept out, before the run gives up. */
const MOST_REFUSALS = 48

/** One try, let through by the gate, which learns from the answer. */
const attempt = async <Request extends Asking>(
  request: Request,
  options: ApiOptions & { readonly send: Send<Request> },
  at: { readonly refusals: number; readonly signal: AbortSignal; readonly onSend: () => void },
): Promise<Outcome> => {
  const { gate } = options
  await gate.enter(at.signal)
  at.onSend()
  let headers: Headers | null = null
  let refused: string | null = null
  try {
    const received = await options.send(request, options, at.signal)
    headers = received.headers
    const outcome = judge(request, received, options.clean)
    if (outcome.kind === 'limited') refused = outcome.message
    return outcome
  } catch (error) {
    if (at.signal.aborted) throw interrupted(at.signal)
    if (error instanceof AppError) throw error
    const { reason, permanent } = transportFault(error)
    const trouble = { what: request.what, reason, requestId: null }
    return { kind: 'failed', retryAfterMs: 0, error: unavailable(trouble, permanent, error) }
  } finally {
    if (headers !== null && refused !== null) gate.leaveRefused({ headers, message: refused, refusals: at.refusals })
    else gate.leave(headers)
  }
}

/** An API of the requests that `send` can form. */
export const createApiOf = <Request extends Asking>(
  options: ApiOptions & { readonly send: Send<Request> },
): Api<Request> => {
  let calls = 0
  const onSend = (): void => {
    calls += 1
  }

  const ask = async (request: Request, signal: AbortSignal, settle?: Settle): Promise<ApiAnswer> => {
    expectManyListeners(signal)
    let refusals = 0
    for (let tries = 1; ; ) {
      const outcome = await attempt(request, options, { refusals: refusals + 1, signal, onSend })
      if (outcome.kind === 'answer') return outcome.answer
      if (outcome.kind === 'limited') {
        refusals += 1
        if (refusals >= MOST_REFUSALS) throw refusedForever(request.what, refusals)
        continue
      }
      if (outcome.error.permanent || tries >= options.retry.tries) throw outcome.error
      const delayMs = Math.max(outcome.retryAfterMs, backOff(tries, options.retry, options.random()))
      options.onEvent({ type: 'retry', what: request.what, attempt: tries, delayMs, reason: outcome.error.message })
      await pause(delayMs, signal)
      tries += 1
      const settled = settle === undefined || signal.aborted ? null : await settle()
      if (settled !== null) return settled
    }
  }

  const failure = (request: Request, answer: ApiAnswer): AppError => answerFailure(request.what, answer)

  const get = async (request: Request, signal: AbortSignal): Promise<Json> => {
    const answer = await ask(request, signal)
    if (!succeeded(answer)) throw failure(request, answer)
    return answer.json
  }

  return {
    get calls() {
      return calls
    },
    ask,
    get,
    failure,
  }
}

/** The reader's. */
export const createApi = (options: ApiOptions): Api => createApiOf<ApiRequest>({ ...options, send: receive })

export const succeeded = (answer: ApiAnswer): boolean =>
  answer.status >= 200 && answer.status < 300 && answer.isJson && answer.error === null

/** The service itself, not something in between, says that there is no such thing. */
export const saysNotFound = (answer: ApiAnswer): boolean => answer.status === 404 && answer.error !== null

const refusedForever = (what: string, refusals: number): AppError =>
  new AppError('API_LIMIT', `${what}: refused ${refusals} times in a row for the API limit`, {
    hint: 'something else uses up the hourly Admin API calls of this account',
    permanent: false,
  })

export const answerFailure = (what: string, answer: ApiAnswer): AppError => {
  const { status } = answer
  const text = `${what}: HTTP ${status}${answer.error === null ? '' : `: ${answer.error}`}${withId(answer.requestId)}`
  if (status === 401 || status === 403) {
    return new AppError('CREDENTIALS_REFUSED', text, {
      hint: 'check cloud name, API key and secret, and the permissions of the key',
    })
  }
  if (saysNotFound(answer)) return new AppError('RESOURCE_NOT_FOUND', text)
  if (status === 404) return unexpected({ what, reason: 'HTTP 404, but not from the API', requestId: answer.requestId })
  if (status >= 300 && status < 400) {
    return new AppError('API_UNEXPECTED', text, {
      hint: 'the API redirects; check upload_prefix (https, host, no path)',
    })
  }
  return new AppError(status < 300 && answer.error === null ? 'API_UNEXPECTED' : 'API_REFUSED', text)
}
