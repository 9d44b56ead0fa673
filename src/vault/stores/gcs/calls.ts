import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Bucket } from '@google-cloud/storage'
import { z } from 'zod'
import { checkSignal, interrupted } from '../../interrupt.ts'
import type { Bytes } from '../../store.ts'
import { type Answer, answerError, faultError, jsonOf, type Purpose, refusalOf } from './errors.ts'
import type { Access } from './sdk.ts'
import { startWatch, type Watch } from './watch.ts'

/** Milliseconds. */
export interface Timeouts {
  /** Without a single byte in either direction. @default 60000 */
  readonly idleMs?: number
}

/** One call of the vendor's package. */
export interface Deed extends Omit<Purpose, 'place'> {
  readonly signal?: AbortSignal | undefined
  /** Statuses that are answers here; any other refusal throws what it means. */
  readonly accept?: readonly number[]
}

/** One request of an upload session. */
export interface Ask extends Deed {
  readonly method: 'POST' | 'PUT' | 'DELETE'
  /** Below the endpoint, as in `/upload/storage/v1/b/…`, or the whole URL of a session. */
  readonly target: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: readonly Uint8Array[]
}

export interface Replied extends Answer {
  header?(name: string): string | null
}

export interface Opened {
  readonly status: number
  /** The generation that is read. */
  readonly generation?: string | undefined
  /** The body as it comes; absent for an accepted status that is no success. */
  readonly bytes?: Bytes
}

/** The service as the store uses it. Tries once: whoever calls repeats. */
export interface Calls {
  /** The vendor's package. */
  readonly bucket: Bucket
  /** Does work that has a small request and a small answer. An interrupted call is not waited for, but may still happen. */
  call(deed: Deed, work: (bucket: Bucket) => Promise<unknown>): Promise<Answer>
  /** Writes everything to the stream of an upload, and waits for the answer. */
  send(deed: Deed, parts: readonly Uint8Array[], start: () => Writable, json: () => unknown): Promise<Answer>
  /** Resolves as soon as the service begins to send a body. */
  open(deed: Deed, start: () => Readable): Promise<Opened>
  /** Of upload sessions, for which the package has no calls that could be used: docs/decisions/0014-google-cloud-storage.md. */
  request(ask: Ask): Promise<Replied>
}

/** Large bodies go out in pieces of this size, so that a slow line that moves is not taken for a dead one. */
const PIECE = 256 * 1024
const IDLE_MS = 60_000
/**
 * A download that broke looks to the package like one that stands still: it never hears of the end of a connection whose
 * answer announced its length. So nobody waits long for the next piece of one.
 */
const BODY_IDLE_MS = 20_000

async function* piecesOf(parts: readonly Uint8Array[], watch: Watch): AsyncGenerator<Uint8Array, void, void> {
  for (const part of parts)
    for (let at = 0; at < part.byteLength; at += PIECE) {
      watch.alive()
      yield part.subarray(at, at + PIECE)
    }
  watch.alive()
}

const Response = z.object({ statusCode: z.number(), headers: z.record(z.string(), z.unknown()) })

/** Headers of a success; rejects with what the package makes of anything else. */
const begun = (stream: Readable): Promise<Readonly<Record<string, unknown>>> =>
  new Promise((resolve, reject) => {
    stream.on('error', reject)
    stream.once('response', (response: unknown) => {
      const parsed = Response.safeParse(response)
      if (parsed.success && parsed.data.statusCode < 300) resolve(parsed.data.headers)
    })
    // The package asks when somebody wants to read.
    stream.read(0)
  })

export interface CallsOptions {
  readonly access: Access
  /** `gs://bucket/prefix`, for messages. */
  readonly place: string
  /** Who pays. */
  readonly project?: string | undefined
  readonly timeouts?: Timeouts | undefined
}

export const idleOf = (timeouts: Timeouts | undefined): number => timeouts?.idleMs ?? IDLE_MS

const failure = (error: unknown, deed: Deed, place: string): unknown =>
  deed.signal?.aborted === true
    ? interrupted(deed.signal, `trying to ${deed.doing}`)
    : faultError(error, { ...deed, place })

/** The body of a success; ends when nothing moves although somebody wants to read. */
async function* reading(
  stream: Readable,
  deed: Deed,
  { place, timeouts }: CallsOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const watch = startWatch(Math.min(idleOf(timeouts), BODY_IDLE_MS), deed.signal)
  const stop = (): void => void stream.destroy(watch.reason())
  watch.signal.addEventListener('abort', stop)
  try {
    for await (const piece of stream) {
      // However long the reader takes: only the service has to be quick.
      watch.rest()
      checkSignal(deed.signal, `trying to ${deed.doing}`)
      yield piece
      watch.alive()
    }
  } catch (error) {
    throw failure(error, deed, place)
  } finally {
    watch.signal.removeEventListener('abort', stop)
    watch.end()
    stream.destroy()
  }
}

const paramsOf = (ask: Ask, project: string | undefined): Record<string, string> => {
  const params: Record<string, string> = {}
  for (const [name, value] of Object.entries({ ...ask.query, userProject: project }))
    if (value !== undefined) params[name] = value
  return params
}

/** One request by what the package makes its own resumable uploads with; any status is an answer. */
const replyTo = async (ask: Ask, watch: Watch, { access, project }: CallsOptions): Promise<Replied> => {
  const length = (ask.body ?? []).reduce((sum, part) => sum + part.byteLength, 0)
  const isSession = !ask.target.startsWith('/')
  const response = await access.client.request({
    ...(isSession ? { url: ask.target } : { url: access.endpoint + ask.target, params: paramsOf(ask, project) }),
    method: ask.method,
    headers: { ...ask.headers, 'content-length': String(length) },
    ...(length > 0 && { data: Readable.from(piecesOf(ask.body ?? [], watch)) }),
    responseType: 'text',
    validateStatus: () => true,
    signal: watch.signal,
  })
  const text = z.string().catch('').parse(response.data)
  const headers = new Headers(response.headers)
  return { status: response.status, json: jsonOf(text), header: (name) => headers.get(name) }
}

export const createCalls = (options: CallsOptions): Calls => {
  const { access, place } = options

  const refused = (answer: Answer, deed: Deed): Answer => {
    if (deed.accept?.includes(answer.status) === true) return answer
    throw answerError(answer, { ...deed, place })
  }
  /** Does it under a watch, which ends it when the signal says so or nothing moves. */
  const guarded = async <T>(deed: Deed, work: (watch: Watch) => Promise<T>): Promise<T | Answer> => {
    checkSignal(deed.signal, `trying to ${deed.doing}`)
    const watch = startWatch(idleOf(options.timeouts), deed.signal)
    try {
      await watch.race(access.prove())
      watch.alive()
      return await work(watch)
    } catch (error) {
      const answer = watch.signal.aborted ? null : refusalOf(error)
      if (answer !== null) return refused(answer, deed)
      throw failure(watch.fault(error), deed, place)
    } finally {
      watch.end()
    }
  }

  return {
    bucket: access.bucket,
    call: (deed, work) =>
      guarded(deed, async (watch) => ({ status: 200, json: await watch.race(work(access.bucket)) })),
    send: (deed, parts, start, json) =>
      guarded(deed, async (watch) => {
        await pipeline(Readable.from(piecesOf(parts, watch)), start(), { signal: watch.signal })
        return { status: 200, json: json() }
      }),
    open: (deed, start) =>
      guarded(deed, async (watch) => {
        const stream = start()
        try {
          const headers = await watch.race(begun(stream))
          const generation = z.string().safeParse(headers['x-goog-generation']).data
          return { status: 200, generation, bytes: reading(stream, deed, options) }
        } catch (error) {
          stream.destroy()
          throw error
        }
      }),
    request: (ask) =>
      guarded(ask, async (watch) => {
        const reply = await replyTo(ask, watch, options)
        if (reply.status < 200 || reply.status >= 300) refused(reply, ask)
        return reply
      }),
  }
}
