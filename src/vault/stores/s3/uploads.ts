import type { Connection } from './connection.ts'
import { failureOf } from './errors.ts'
import { markOf, md5, type Write, type Written } from './put.ts'
import { newBody, type Settings } from './settings.ts'

/** A part as the service has it. */
interface KeptPart {
  readonly size: number
  /** Hex MD5, where the service does not encrypt with keys of its own. */
  readonly etag: string
}

/** An upload by parts that was begun. */
export interface Upload {
  readonly id: string
  readonly begunAt: number
  /** By part number, from 1. */
  readonly kept: ReadonlyMap<number, KeptPart>
}

/** The upload that parts are sent to is gone: ended or given up by somebody else. */
export class LostUpload extends Error {
  override readonly name = 'LostUpload'
}

export const bare = (etag: string | undefined): string => (etag ?? '').replaceAll('"', '')

export const beginUpload = (
  { sdk, client, bucket, base, ask }: Connection,
  settings: Settings,
  { key, signal }: Write,
  mark: string,
): Promise<Upload> =>
  ask({ what: `write ${key}`, right: 's3:PutObject', signal }, async (options) => {
    const input = { Bucket: bucket, Key: base + key, ...markOf(mark), ...newBody(settings, key) }
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(input), options)
    return { id: UploadId ?? '', begunAt: Date.now(), kept: new Map() }
  })

/** Sends one part, again if need be, and nothing but it. Returns the service's ETag. */
export const sendPart = (
  { sdk, client, bucket, base, ask }: Connection,
  { key }: Write,
  upload: Upload,
  part: { readonly number: number; readonly bytes: Uint8Array; readonly digest: Buffer },
  signal: AbortSignal,
): Promise<string> =>
  ask(
    { what: `write ${key}`, right: 's3:PutObject', signal },
    async (options) => {
      const input = {
        ...{ Bucket: bucket, Key: base + key, UploadId: upload.id, PartNumber: part.number },
        ...{ Body: part.bytes, ContentLength: part.bytes.byteLength, ContentMD5: part.digest.toString('base64') },
      }
      return (await client.send(new sdk.UploadPartCommand(input), options)).ETag ?? ''
    },
    {
      NoSuchUpload: () => {
        throw new LostUpload(key)
      },
    },
  )

/** Ends an upload, so that its parts cost nothing; whether there was one or not. */
export const giveUp = (
  { sdk, client, bucket, ask }: Connection,
  fullKey: string,
  id: string,
  signal?: AbortSignal,
): Promise<void> =>
  ask(
    { what: `give up the upload of ${fullKey}`, right: 's3:AbortMultipartUpload', signal },
    async (options) => {
      await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key: fullKey, UploadId: id }), options)
    },
    { NoSuchUpload: () => undefined },
  )

/** Uploads under a beginning of a full key that were begun and not ended. */
export async function* listUploads(
  { sdk, client, bucket, ask }: Connection,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ key: string; id: string; begunAt: number }, void, void> {
  let from: { KeyMarker?: string; UploadIdMarker?: string } | null = {}
  while (from !== null) {
    const at: { KeyMarker?: string; UploadIdMarker?: string } = from
    const page = await ask(
      { what: 'look for unfinished uploads', right: 's3:ListBucketMultipartUploads', signal },
      (options) => client.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...at }), options),
    )
    for (const { Key: key, UploadId: id, Initiated: begun } of page.Uploads ?? [])
      if (key !== undefined && id !== undefined) yield { key, id, begunAt: begun?.getTime() ?? Date.now() }
    const { IsTruncated: isMore, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
    from = isMore === true && KeyMarker ? { KeyMarker, ...(UploadIdMarker && { UploadIdMarker }) } : null
  }
}

/** The parts that an upload has. */
export const partsOf = async (
  { sdk, client, bucket, base, ask }: Connection,
  { key, signal }: Write,
  id: string,
): Promise<ReadonlyMap<number, KeptPart>> => {
  const kept = new Map<number, KeptPart>()
  let marker: string | undefined
  do {
    const input = { Bucket: bucket, Key: base + key, UploadId: id, ...(marker && { PartNumberMarker: marker }) }
    const page = await ask(
      { what: `look at the unfinished upload of ${key}`, right: 's3:ListMultipartUploadParts', signal },
      (options) => client.send(new sdk.ListPartsCommand(input), options),
      { NoSuchUpload: () => null },
    )
    for (const { PartNumber: number, Size: size, ETag: etag } of page?.Parts ?? [])
      if (number !== undefined && size !== undefined) kept.set(number, { size, etag: bare(etag) })
    marker = page?.IsTruncated === true ? page.NextPartNumberMarker : undefined
  } while (marker !== undefined)
  return kept
}

/** What the service calls a body that was made of parts with these digests, where it does not encrypt with own keys. */
export const etagOfParts = (digests: readonly Buffer[]): string =>
  `${md5(Buffer.concat(digests)).toString('hex')}-${digests.length}`

/**
 * Makes the parts a body. Null when `create` met a key that was there; throws `LostUpload` when the upload is gone and
 * the key does not have this body.
 */
export const endUpload = (
  { sdk, client, bucket, base, ask }: Connection,
  { key, mode, signal }: Write,
  upload: Upload,
  etags: readonly string[],
  findIt: () => Promise<Written | null>,
): Promise<Written | null> =>
  ask<Written | null>(
    { what: `write ${key}`, right: 's3:PutObject', signal },
    async (options) => {
      const input = {
        ...{ Bucket: bucket, Key: base + key, UploadId: upload.id },
        MultipartUpload: { Parts: etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 })) },
      }
      const send = (more: { IfNoneMatch?: string }) =>
        client.send(new sdk.CompleteMultipartUploadCommand({ ...input, ...more }), options)
      const answer = await send(mode === 'create' ? { IfNoneMatch: '*' } : {}).catch((error: unknown) => {
        // Whoever knows no conditions has done nothing; the caller has looked whether the key is there.
        if (mode === 'create' && failureOf(error)?.code === 'NotImplemented') return send({})
        throw error
      })
      return { versionId: answer.VersionId }
    },
    {
      PreconditionFailed: (attempt) => (attempt > 1 ? findIt() : null),
      // Also the answer to a repeated request whose first answer was lost.
      NoSuchUpload: async () => {
        const found = await findIt()
        if (found !== null) return found
        throw new LostUpload(key)
      },
    },
  )
