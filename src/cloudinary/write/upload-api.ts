import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { backOff, pause } from '../../lib/retry.ts'
import { AppError } from '../../model/errors.ts'
import type { Settle } from '../api.ts'
import type { Connection } from '../connection.ts'
import { type ApiAnswer, type Asking, acceptHeaders, judge, type Outcome, received, unavailable } from '../exchange.ts'
import { expectManyListeners, interrupted, transportFault } from '../faults.ts'
import { timeInRefusal } from '../rate-limit.ts'
import { authorize, type Credentials, WAYS } from './credentials.ts'
import { type Form, type FormFile, formOf, type UploadParams } from './multipart.ts'

export interface UploadCall extends Asking {
  /** After `/v1_1/<cloud>`: `/image/upload`. */
  readonly path: string
  readonly params: UploadParams
  readonly file?: FormFile
  readonly headers?: Readonly<Record<string, string>>
}

export interface UploadApi {
  /** Requests sent so far. */
  readonly uploads: number
  /**
   * Makes one Upload API call, again while its failure may pass; too many at a time (420) is waited out and told.
   * Throws API_UNAVAILABLE, API_UNEXPECTED, API_LIMIT, and what reading the file throws.
   *
   * @param settle called before a request is sent again of which the service may have had all; an answer takes its place
   */
  ask(call: UploadCall, signal: AbortSignal, settle?: Settle): Promise<ApiAnswer>
}

export interface UploadApiOptions extends Connection {
  readonly credentials: Credentials
  readonly onStrain: () => void
  /** Sleep when the service names a time; false: throw API_LIMIT. */
  readonly wait: boolean
  /** From the last byte sent to the answer's headers, in milliseconds: large media are looked into first. */
  readonly answerMs: number
}

/** Refusals of one call in a row for too many at a time before it is given up. */
const MOST_STRAINS = 24
const LONGEST_WAIT_MS = 24 * 3_600_000

const exchange = async (
  call: UploadCall,
  form: Form,
  options: UploadApiOptions & { readonly authorized: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<Outcome> => {
  try {
    const response = await options.dispatcher.request({
      origin: options.origin,
      path: options.basePath + call.path,
      method: 'POST',
      headers: {
        ...acceptHeaders(options),
        ...options.authorized,
        ...call.headers,
        'content-type': form.contentType,
        'content-length': String(form.length),
      },
      body: Readable.from(form.body(), { objectMode: false, highWaterMark: 64 * 1024 }),
      headersTimeout: options.answerMs,
      signal,
    })
    // A 4xx is an answer even as HTML: sending a large body again would not change it.
    return judge({ ...call, optional: true }, await received(call.what, response), options.clean)
  } catch (error) {
    if (signal.aborted) throw interrupted(signal)
    if (error instanceof AppError) throw error
    const { reason, permanent } = transportFault(error)
    const trouble = { what: call.what, reason, requestId: null }
    return { kind: 'failed', retryAfterMs: 0, error: unavailable(trouble, permanent, error) }
  }
}

const strained = (what: string, resumeAt: number | null): AppError =>
  new AppError('API_LIMIT', `${what}: the account refuses more uploads for now`, {
    hint: 'run again later, or with fewer uploads at a time: the run continues where it stopped',
    permanent: false,
    ...(resumeAt === null ? {} : { resumeAt }),
  })

/** Sleeps as long as the refusal says, or ever longer when it names no time. */
const sleepOff = async (
  refusal: { readonly what: string; readonly message: string; readonly strains: number },
  options: UploadApiOptions,
  signal: AbortSignal,
): Promise<void> => {
  const { now, gate, retry, random, onEvent } = options
  options.onStrain()
  const stated = timeInRefusal(refusal.message)
  const until = stated === null ? null : Math.min(stated - gate.skewMs + 1000, now() + LONGEST_WAIT_MS)
  if (refusal.strains >= MOST_STRAINS) throw strained(refusal.what, until)
  if (until === null || until <= now()) return pause(backOff(refusal.strains, retry, random()), signal)
  if (!options.wait) throw strained(refusal.what, until)
  onEvent({ type: 'waiting', until, why: 'limit' })
  await pause(until - now(), signal)
}

const boundary = (): string => `----cloudkeep${randomBytes(18).toString('hex')}`

export const createUploadApi = (options: UploadApiOptions): UploadApi => {
  let uploads = 0
  /** Index of the way that the account takes; final once a call went through. */
  let way = 0
  let proven = false

  /** Sends once by each way until one is not refused. */
  const attempt = async (call: UploadCall, signal: AbortSignal): Promise<{ outcome: Outcome; form: Form }> => {
    let first: { outcome: Outcome; form: Form } | null = null
    for (let at = way; ; at++) {
      const { headers, params } = authorize(call.params, options.credentials, WAYS[at] ?? 'basic')
      const form = formOf({ params, file: call.file ?? null, boundary: boundary() }, call.what)
      uploads += 1
      const outcome = await exchange(call, form, { ...options, authorized: headers }, signal)
      const refused = outcome.kind === 'answer' && outcome.answer.status === 401
      if (outcome.kind === 'answer' && outcome.answer.status < 400) [way, proven] = [at, true]
      first ??= { outcome, form }
      if (!refused) return { outcome, form }
      if (proven || at >= WAYS.length - 1) return first
    }
  }

  const ask = async (call: UploadCall, signal: AbortSignal, settle?: Settle): Promise<ApiAnswer> => {
    expectManyListeners(signal)
    let strains = 0
    for (let tries = 1; ; ) {
      if (signal.aborted) throw interrupted(signal)
      const { outcome, form } = await attempt(call, signal)
      if (outcome.kind === 'answer') return outcome.answer
      if (outcome.kind === 'limited') {
        strains += 1
        await sleepOff({ what: call.what, message: outcome.message, strains }, options, signal)
        continue
      }
      const { error } = outcome
      const last = error.permanent || tries >= options.retry.tries
      const delayMs = Math.max(outcome.retryAfterMs, backOff(tries, options.retry, options.random()))
      if (!last) {
        options.onEvent({ type: 'retry', what: call.what, attempt: tries, delayMs, reason: error.message })
        await pause(delayMs, signal)
      }
      const settled = settle === undefined || !form.handedOver || signal.aborted ? null : await settle()
      if (settled !== null) return settled
      if (last) throw error
      tries += 1
    }
  }

  return {
    get uploads() {
      return uploads
    },
    ask,
  }
}
