import { isAppError } from '../../../model/errors.ts'
import type { Connection } from './connection.ts'
import { checkAbsence, notFound } from './read.ts'
import { newBody, type Settings } from './settings.ts'

const GIB = 1024 ** 3
/** What one request can copy (Amazon S3 API Reference, CopyObject: "up to 5 GB in a single atomic action"). */
const COPY_LIMIT = 5 * GIB
const COPY_PART = GIB

export const deleteKey = ({ sdk, client, bucket, base, ask }: Connection, key: string, signal?: AbortSignal) =>
  ask<void>(
    { what: `delete ${key}`, right: 's3:DeleteObject', signal },
    async (options) => {
      await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: base + key }), options)
    },
    { NoSuchKey: () => undefined },
  )

interface Copy {
  readonly from: string
  readonly to: string
  readonly size: number
  readonly signal: AbortSignal | undefined
}

/** Encoded as the header wants it: the key's slashes stay. */
const sourceOf = ({ bucket, base }: Connection, key: string): string =>
  `${bucket}/${(base + key).split('/').map(encodeURIComponent).join('/')}`

const copyWhole = (connection: Connection, { from, to, signal }: Copy, kept: object): Promise<void> => {
  const { sdk, client, bucket, base, ask } = connection
  return ask(
    { what: `copy ${from} to ${to}`, right: 's3:GetObject and s3:PutObject', signal },
    async (options) => {
      const target = { Bucket: bucket, Key: base + to, CopySource: sourceOf(connection, from) }
      // Without new metadata the service refuses to copy a key onto itself.
      await client.send(new sdk.CopyObjectCommand({ ...target, MetadataDirective: 'REPLACE', ...kept }), options)
    },
    { NoSuchKey: () => Promise.reject(notFound(from)) },
  )
}

const copyParts = async (connection: Connection, { from, to, size, signal }: Copy, kept: object): Promise<void> => {
  const { sdk, client, bucket, base, ask } = connection
  const request = { what: `copy ${from} to ${to}`, right: 's3:GetObject and s3:PutObject', signal }
  const target = { Bucket: bucket, Key: base + to }
  const upload = await ask(request, async (options) => {
    const begun = await client.send(new sdk.CreateMultipartUploadCommand({ ...target, ...kept }), options)
    return { ...target, UploadId: begun.UploadId }
  })
  const Parts: { PartNumber: number; ETag: string | undefined }[] = []
  try {
    for (let start = 0; start < size; start += COPY_PART) {
      const part = { PartNumber: Parts.length + 1, CopySource: sourceOf(connection, from) }
      const range = `bytes=${start}-${Math.min(start + COPY_PART, size) - 1}`
      const copied = await ask(request, (options) =>
        client.send(new sdk.UploadPartCopyCommand({ ...upload, ...part, CopySourceRange: range }), options),
      )
      Parts.push({ PartNumber: part.PartNumber, ETag: copied.CopyPartResult?.ETag })
    }
    const done = new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } })
    await ask(request, (options) => client.send(done, options))
  } catch (error) {
    await client.send(new sdk.AbortMultipartUploadCommand(upload)).catch(() => undefined)
    throw error
  }
}

/** The storage class and the encryption that a key has now, which a copy would lose otherwise; null when it is absent. */
const keptBy = (
  connection: Connection,
  key: string,
  signal: AbortSignal | undefined,
): Promise<{ size: number; kept: object } | null> => {
  const { sdk, client, bucket, base, ask } = connection
  return ask<{ size: number; kept: object } | null>(
    { what: `look at ${key}`, right: 's3:GetObject', signal },
    async (options) => {
      const head = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: base + key }), options)
      const { StorageClass, ServerSideEncryption, SSEKMSKeyId, ContentLength: size = 0 } = head
      const encryption = {
        ...(ServerSideEncryption !== undefined && { ServerSideEncryption }),
        ...(SSEKMSKeyId !== undefined && { SSEKMSKeyId }),
      }
      return { size, kept: { ...(StorageClass !== undefined && { StorageClass }), ...encryption } }
    },
    {
      NotFound: async () => {
        await checkAbsence(connection, key, signal)
        return null
      },
    },
  )
}

/** False when the key is absent, when these credentials may not, or when its storage class must be thawed first. */
export const touchKey = async (
  connection: Connection,
  settings: Settings,
  key: string,
  signal: AbortSignal | undefined,
): Promise<boolean> => {
  const found = await keptBy(connection, key, signal)
  if (found === null) return false
  try {
    await copyKey(
      connection,
      { from: key, to: key, size: found.size, signal },
      { ...newBody(settings, key), ...found.kept },
    )
    return true
  } catch (error) {
    if (isAppError(error, 'STORE_REFUSED') || isAppError(error, 'OBJECT_NOT_FOUND')) return false
    throw error
  }
}

const copyKey = (connection: Connection, copy: Copy, kept: object): Promise<void> =>
  copy.size > COPY_LIMIT ? copyParts(connection, copy, kept) : copyWhole(connection, copy, kept)

/**
 * A copy, then a removal: between the two both keys have the bytes. Safe to repeat. S3 has no single step for it, so two
 * processes that move the same bytes to and fro at once could each remove what the other copied: the target is looked at
 * again right before the removal, which leaves one round trip for that; within a process, moves of one key take turns.
 */
export const moveKey = async (
  connection: Connection,
  settings: Settings,
  { from, to, signal }: { from: string; to: string; signal: AbortSignal | undefined },
): Promise<void> => {
  const found = await keptBy(connection, from, signal)
  if (found === null) throw notFound(from)
  const kept = { ...newBody(settings, to), ...found.kept }
  await copyKey(connection, { from, to, size: found.size, signal }, kept)
  if (from === to) return
  if ((await keptBy(connection, to, signal)) === null) throw notFound(to)
  await deleteKey(connection, from, signal)
}
