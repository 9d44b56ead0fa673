import { backOff, pause, type RetryTiming } from '../../../lib/retry.ts'
import { AppError, isAppError } from '../../../model/errors.ts'
import { checkSignal } from '../../interrupt.ts'
import { type Chunk, tailOf } from './body.ts'
import type { Replied } from './calls.ts'
import { type Answer, answerError, troubleOf } from './errors.ts'
import type { Gcs } from './place.ts'

/**
 * One of Google's resumable uploads ("Perform resumable uploads" in its documentation). The session's URL lives in memory
 * only: after a kill the service forgets the session by itself within a week, and nobody ever sees anything of it.
 */
export interface Session {
  /** Null once the chunk is stored; after the last one the answer: the object, or 412 when the key was taken meanwhile. */
  send(chunk: Chunk): Promise<Answer | null>
  /** Gives the session up. Never throws; what cannot be given up now ends by itself. */
  cancel(): Promise<void>
}

export interface SessionOptions {
  readonly key: string
  /** The "Objects" resource to be made. */
  readonly resource: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, string | undefined>>
  readonly size: number
  /** Of the tries without progress. */
  readonly timing: RetryTiming
  readonly signal?: AbortSignal | undefined
}

const CANCEL_MS = 5000
const NEVER = new AbortController().signal

/** How much of the body has arrived; an answer without the header means nothing of it. */
const arrivedOf = (answer: Replied): number => {
  const end = /^bytes=0-(\d+)$/u.exec(answer.header?.('range') ?? '')?.[1]
  return end === undefined ? 0 : Number(end) + 1
}

const anew = (key: string, why: string): AppError =>
  new AppError('STORE_UNAVAILABLE', `the upload of ${key} ${why} and has to begin anew`, { permanent: false })

const purposeOf = (key: string) => ({ doing: `write ${key}`, right: 'storage.objects.create', isUpload: true }) as const

/** Throws when a 412 says something else than that the key is taken. */
export const checkTaken = (answer: Answer, gcs: Gcs, key: string): void => {
  if (troubleOf(answer.json).reason === 'orgPolicyConstraintFailed')
    throw answerError(answer, { ...purposeOf(key), place: gcs.name })
}

/** Null when the key was taken before the first byte was sent. */
export const beginSession = async (gcs: Gcs, options: SessionOptions): Promise<Session | null> => {
  const { key, resource, query, size, signal } = options
  const answer = await gcs.calls.request({
    ...purposeOf(key),
    method: 'POST',
    target: gcs.uploadPath,
    query: { ...query, uploadType: 'resumable' },
    headers: { 'content-type': 'application/json', 'x-upload-content-length': String(size) },
    body: [Buffer.from(JSON.stringify(resource))],
    signal,
    accept: [412],
  })
  if (answer.status === 412) {
    checkTaken(answer, gcs, key)
    return null
  }
  const target = answer.header?.('location') ?? null
  if (target === null || !URL.canParse(target)) throw anew(key, 'got no session')
  return sessionAt(gcs, target, options)
}

/** Where an upload stands: so many bytes have arrived, or it is over, or nobody knows it any more. */
type Standing = { readonly arrived: number } | { readonly end: Answer } | { readonly lost: string }

const sessionAt = (gcs: Gcs, target: string, options: SessionOptions): Session => {
  const { key, size, signal } = options

  const standingOf = (answer: Replied): Standing => {
    if (answer.status === 308) return { arrived: arrivedOf(answer) }
    if (answer.status === 404 || answer.status === 410) return { lost: 'was forgotten by the service' }
    if (answer.status === 412) checkTaken(answer, gcs, key)
    return { end: answer }
  }
  const ask = async (headers: Readonly<Record<string, string>>, body: readonly Uint8Array[]): Promise<Standing> =>
    standingOf(
      await gcs.calls.request({
        ...purposeOf(key),
        method: 'PUT',
        target,
        headers,
        body,
        signal,
        accept: [308, 404, 410, 412],
      }),
    )
  const sendFrom = (chunk: Chunk, at: number): Promise<Standing> => {
    const range = `bytes ${at}-${chunk.start + chunk.size - 1}/${size}`
    // With the last bytes the service learns what all of them must be, and makes no object of others.
    const hash = chunk.md5 === null ? {} : { 'x-goog-hash': `md5=${chunk.md5}` }
    return ask({ 'content-range': range, ...hash }, tailOf(chunk.parts, at - chunk.start))
  }
  const standing = (): Promise<Standing> => ask({ 'content-range': `bytes */${size}` }, [])

  return {
    send: (chunk) => sendChunk({ chunk, key, timing: options.timing, signal, sendFrom, standing }),
    cancel: async () => {
      const giveUp = AbortSignal.timeout(CANCEL_MS)
      // 499 is what the service answers when it did.
      const request = { ...purposeOf(key), method: 'DELETE', target, signal: giveUp, accept: [404, 410, 499] } as const
      await gcs.calls.request(request).catch(() => undefined)
    },
  }
}

interface Sending {
  readonly chunk: Chunk
  readonly key: string
  readonly timing: RetryTiming
  readonly signal: AbortSignal | undefined
  sendFrom(chunk: Chunk, at: number): Promise<Standing>
  standing(): Promise<Standing>
}

/** Sends one chunk, and after trouble only what of it has not arrived; progress gives all tries back. */
const sendChunk = async (sending: Sending): Promise<Answer | null> => {
  const { chunk, key, timing, signal } = sending
  const end = chunk.start + chunk.size
  let at = chunk.start
  let failed = 0
  let mustAsk = false
  for (;;) {
    const found: Standing | null = await (mustAsk ? sending.standing() : sending.sendFrom(chunk, at)).catch(
      (error: unknown) => {
        if (!isAppError(error) || error.permanent || failed + 1 >= timing.tries) throw error
        return null
      },
    )
    if (found !== null && 'end' in found) return found.end
    if (found !== null && 'lost' in found) throw anew(key, found.lost)
    if (found !== null && (found.arrived < chunk.start || found.arrived > end)) throw anew(key, 'lost bytes it had')
    const isThere: boolean = found?.arrived === end
    if (isThere && chunk.md5 === null) return null
    if (found !== null && found.arrived > at) failed = 0
    else if (found === null || !mustAsk) failed += 1
    if (failed >= timing.tries) throw anew(key, 'does not move')
    // After the last byte of all there is nothing to send: asking ends the upload.
    mustAsk = found === null || isThere
    at = found?.arrived ?? at
    if (failed > 0) await pause(backOff(failed, timing, Math.random()), signal ?? NEVER)
    checkSignal(signal, `writing ${key}`)
  }
}
