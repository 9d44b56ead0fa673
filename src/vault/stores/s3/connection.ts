import type { BucketPlace } from '../../../model/vault-place.ts'
import { bucketName } from '../../../model/vault-place.ts'
import { checkSignal, interrupted } from '../../interrupt.ts'
import { type Persistence, repeat } from '../../steady.ts'
import { failureOf, s3Error } from './errors.ts'
import { type ClientOptions, loadSdk, makeClient, type S3Client, type Sdk } from './sdk.ts'

interface Request {
  /** `read objects/ab/…`, as in "cannot …". */
  readonly what: string
  /** The right that it needs: `s3:GetObject`. */
  readonly right: string
  readonly signal?: AbortSignal | undefined
}

/** What a caller has to say to answers that are no failure to it, by S3's code. Told which try it is; 1 is the first. */
type Answers<T> = Readonly<Record<string, (attempt: number) => T | Promise<T>>>

/** Sends one request with `client` and the given options. */
type Send<T> = (options: { abortSignal?: AbortSignal }) => Promise<T>

/** One bucket, with everything that its requests have in common. */
export interface Connection {
  readonly sdk: Sdk
  readonly client: S3Client
  readonly place: BucketPlace
  /** `s3://bucket/prefix` */
  readonly name: string
  readonly bucket: string
  /** What all keys of the vault begin with: empty, or ends in a slash. */
  readonly base: string
  readonly how: Persistence
  /** One request, once. Throws `AppError`s only; INTERRUPTED when the signal was aborted. */
  once<T>(request: Request, send: Send<T>, answers?: Answers<T>): Promise<T>
  /** The same, tried again while it fails and may pass. For requests that may arrive twice. */
  ask<T>(request: Request, send: Send<T>, answers?: Answers<T>): Promise<T>
}

export interface ConnectOptions extends ClientOptions, Persistence {}

export const connect = async (place: BucketPlace, options: ConnectOptions): Promise<Connection> => {
  const sdk = await loadSdk()
  const client = await makeClient(sdk, place, options)
  const name = bucketName(place)

  const attemptOnce = async <T>(
    { what, right, signal }: Request,
    send: Send<T>,
    answers: Answers<T>,
    attempt: number,
  ): Promise<T> => {
    checkSignal(signal, what)
    try {
      return await send(signal === undefined ? {} : { abortSignal: signal })
    } catch (error) {
      if (signal?.aborted === true) throw interrupted(signal, what)
      const answer = answers[failureOf(error)?.code ?? '']
      if (answer !== undefined) return await answer(attempt)
      throw s3Error(error, { what, right, place: name })
    }
  }
  return {
    sdk,
    client,
    place,
    name,
    bucket: place.bucket,
    base: place.prefix === '' ? '' : `${place.prefix}/`,
    how: options,
    once: (request, send, answers = {}) => attemptOnce(request, send, answers, 1),
    ask: (request, send, answers = {}) =>
      repeat((attempt) => attemptOnce(request, send, answers, attempt), request.signal, options),
  }
}
