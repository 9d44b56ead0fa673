import type { Dispatcher } from 'undici'
import type { Headers } from './rate-limit.ts'

/** Bytes held for a reader that is slower than the network before the network is told to wait. */
const MOST_QUEUED = 512 * 1024

/** Given to the connection when the reader has gone; nobody sees it. */
const LET_GO = new Error('not read to the end')

interface Waiting {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void
  readonly reject: (error: unknown) => void
}

/**
 * One response as it arrives, without a stream in between: at thousands of small bodies a second, streams are a
 * quarter of the cost. Reads as an iterator, once. What breaks waits for the reader, whenever it comes.
 */
export class Arrival implements Dispatcher.DispatchHandler, AsyncIterableIterator<Uint8Array, undefined> {
  status = 0
  headers: Headers = {}
  readonly #signal: AbortSignal
  readonly #started: (error: unknown) => void
  #controller: Dispatcher.DispatchController | null = null
  #chunks: Uint8Array[] = []
  #queued = 0
  #waiting: Waiting | null = null
  #ended = false
  #error: unknown = null
  /** Bytes still thrown away before the connection is given up; null while somebody reads. */
  #toDiscard: number | null = null

  /** `started` is called once: with null when status and headers are there, or with what prevented it. */
  constructor(signal: AbortSignal, started: (error: unknown) => void) {
    this.#signal = signal
    this.#started = started
    signal.addEventListener('abort', this.#onAbort)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#ended) controller.abort(LET_GO)
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200 || this.#ended) return
    this.status = status
    this.headers = headers
    this.#started(null)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#toDiscard !== null) {
      this.#toDiscard -= chunk.length
      if (this.#toDiscard < 0) controller.abort(LET_GO)
      return
    }
    const waiting = this.#waiting
    if (waiting !== null) {
      this.#waiting = null
      waiting.resolve({ value: chunk, done: false })
      return
    }
    this.#chunks.push(chunk)
    this.#queued += chunk.length
    if (this.#queued > MOST_QUEUED) controller.pause()
  }

  onResponseEnd(): void {
    this.#end(null)
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#end(error)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#queued -= chunk.length
      if (this.#controller?.paused === true && this.#queued <= MOST_QUEUED / 2) this.#controller.resume()
      return Promise.resolve({ value: chunk, done: false })
    }
    if (this.#error !== null) return Promise.reject(this.#error)
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  /** A reader that leaves early. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.discard(0)
    return Promise.resolve({ value: undefined, done: true })
  }

  /** Nobody will read. Up to `limit` more bytes are taken in, so that the connection can be used again. */
  discard(limit: number): void {
    if (this.#ended) return
    this.#toDiscard = limit - this.#queued
    this.#chunks = []
    this.#queued = 0
    if (this.#toDiscard <= 0) this.#controller?.abort(LET_GO)
    else if (this.#controller?.paused === true) this.#controller.resume()
  }

  readonly #onAbort = (): void => {
    const controller = this.#controller
    this.#end(this.#signal.reason ?? LET_GO)
    controller?.abort(LET_GO)
  }

  #end(error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#signal.removeEventListener('abort', this.#onAbort)
    if (this.status === 0) this.#started(error ?? LET_GO)
    const waiting = this.#waiting
    this.#waiting = null
    if (error !== null) waiting?.reject(error)
    else waiting?.resolve({ value: undefined, done: true })
  }
}

/** Sends a GET; resolves with status and headers. Throws what the connection throws, or the reason of the signal. */
export const fetchArrival = (
  dispatcher: Dispatcher,
  request: { readonly url: URL; readonly headers: Record<string, string> },
  signal: AbortSignal,
): Promise<Arrival> =>
  new Promise((resolve, reject) => {
    const arrival: Arrival = new Arrival(signal, (error) => (error === null ? resolve(arrival) : reject(error)))
    const { url, headers } = request
    dispatcher.dispatch({ origin: url.origin, path: url.pathname + url.search, method: 'GET', headers }, arrival)
  })
