import { Readable } from 'node:stream'
import { AppError } from '../../../model/errors.ts'
import { interrupted } from '../../interrupt.ts'
import { openSteadily, type ResumableBytes } from '../../steady.ts'
import type { Bytes, Stat } from '../../store.ts'
import type { Connection } from './connection.ts'
import { bare } from './uploads.ts'

type Range = { start: number; end: number }

/**
 * Without the right to list, the service answers a look for an absent key with a refusal (Amazon S3 API Reference,
 * HeadObject, "Permissions").
 */
const LOOK = 's3:GetObject and s3:ListBucket'

/**
 * The service says whole seconds in one answer and milliseconds in another; the end of that second is the same in both,
 * and never earlier than the truth.
 */
export const changedAt = (modified: Date | undefined): { changedAt?: number } =>
  modified === undefined ? {} : { changedAt: Math.floor(modified.getTime() / 1000) * 1000 + 999 }

export const notFound = (key: string): AppError => new AppError('OBJECT_NOT_FOUND', `${key} is not in the vault`)

const unavailable = (key: string, why: string, cause?: unknown, permanent = false): AppError =>
  new AppError('STORE_UNAVAILABLE', `cannot read ${key}: ${why}`, { permanent, cause })

export interface Head {
  readonly size: number
  readonly modified: Date | undefined
  readonly etag: string
  readonly versionId: string | undefined
}

/**
 * The answer to HEAD does not say whether the key or the whole bucket is missing; that to GET does. Throws STORE_REFUSED
 * when the bucket is gone.
 */
export const checkAbsence = ({ sdk, client, bucket, base, ask }: Connection, key: string, signal?: AbortSignal) =>
  ask<void>(
    { what: `look at ${key}`, right: LOOK, signal },
    async (options) => {
      const input = { Bucket: bucket, Key: base + key, Range: 'bytes=0-0' }
      const { Body: body } = await client.send(new sdk.GetObjectCommand(input), options)
      if (body instanceof Readable) body.destroy()
    },
    { NoSuchKey: () => undefined, InvalidRange: () => undefined },
  )

/** What the service says of a key without its bytes; null only when it says that there is no such key. */
export const headOf = (connection: Connection, key: string, signal?: AbortSignal): Promise<Head | null> => {
  const { sdk, client, bucket, base, ask } = connection
  return ask<Head | null>(
    { what: `look at ${key}`, right: LOOK, signal },
    async (options) => {
      const found = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: base + key }), options)
      if (found.ContentLength === undefined) throw unavailable(key, 'the service does not say its length')
      const { ContentLength: size, LastModified: modified, ETag: etag, VersionId: versionId } = found
      return { size, modified, etag: bare(etag), versionId }
    },
    {
      NotFound: async () => {
        await checkAbsence(connection, key, signal)
        return null
      },
    },
  )
}

export const statKey = async (connection: Connection, key: string, signal?: AbortSignal): Promise<Stat | null> => {
  const head = await headOf(connection, key, signal)
  return head === null ? null : { size: head.size, ...changedAt(head.modified) }
}

export interface Wanted {
  readonly key: string
  /** One version of it. @default the one on top */
  readonly versionId?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Whatever breaks a body on its way may pass. */
async function* piecesOf(body: Readable, { key, signal }: Wanted): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of body) {
      if (signal?.aborted === true) throw interrupted(signal, `reading ${key}`)
      yield piece
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    if (signal?.aborted === true) throw interrupted(signal, `reading ${key}`)
    throw unavailable(key, 'the connection broke', error)
  } finally {
    body.destroy()
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}

const rangeHeader = (start: number, end: number | undefined): string => `bytes=${start}-${end ?? ''}`

/** One request; the bytes go on, when asked, only with the very same body. */
const openOnce = async (
  connection: Connection,
  wanted: Wanted,
  range: Range | undefined,
  onlyEtag?: { readonly etag: string; readonly start: number; readonly end: number | undefined },
): Promise<ResumableBytes> => {
  const { sdk, client, bucket, base } = connection
  const { key, versionId, signal } = wanted
  const asked = onlyEtag ?? range
  const input = {
    ...{ Bucket: bucket, Key: base + key },
    ...(versionId !== undefined && { VersionId: versionId }),
    ...(asked !== undefined && { Range: rangeHeader(asked.start, asked.end) }),
    ...(onlyEtag !== undefined && { IfMatch: onlyEtag.etag }),
  }
  const answer = await connection.once(
    { what: `read ${key}`, right: versionId === undefined ? LOOK : 's3:GetObjectVersion', signal },
    (options) => client.send(new sdk.GetObjectCommand(input), options),
    {
      NoSuchKey: () => Promise.reject(notFound(key)),
      NoSuchVersion: () => Promise.reject(notFound(key)),
      InvalidRange: () => null,
      PreconditionFailed: () => Promise.reject(unavailable(key, 'it was replaced meanwhile', undefined, true)),
    },
  )
  if (answer === null) return nothing()
  const { Body: body, ETag: etag, ContentRange: given } = answer
  if (!(body instanceof Readable)) throw unavailable(key, 'the answer has no body')
  if (asked !== undefined && given === undefined) {
    body.destroy()
    throw new AppError('STORE_REFUSED', `cannot read ${key}: the service gives whole bodies only`)
  }
  const first = range?.start ?? 0
  return Object.assign(piecesOf(body, wanted), {
    ...(etag !== undefined && {
      resume: (start: number) => openOnce(connection, wanted, range, { etag, start: first + start, end: range?.end }),
    }),
  })
}

/** The bytes of a key; they go on by themselves after a break, but never with those of another body. */
export const openKey = (connection: Connection, wanted: Wanted, range?: Range): Promise<Bytes> =>
  openSteadily((_, at) => openOnce(connection, wanted, at), wanted.signal, range, connection.how)
