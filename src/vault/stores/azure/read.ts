import { Readable } from 'node:stream'
import type { BlobClient, BlobItem, ContainerListBlobFlatSegmentResponse } from '@azure/storage-blob'
import { AppError } from '../../../model/errors.ts'
import { checkSignal } from '../../interrupt.ts'
import { checkPrefix } from '../../key.ts'
import type { ResumableBytes } from '../../steady.ts'
import { repeat } from '../../steady.ts'
import type { Bytes, Stat } from '../../store.ts'
import type { Room, Watch } from './calls.ts'
import { ask, changedAt, endOf, startWatch } from './calls.ts'
import { azureError, brokenBody, factsOf, isAbsence, isCode } from './errors.ts'

export interface Range {
  readonly start: number
  readonly end: number
}

export interface Reading {
  readonly key: string
  readonly signal: AbortSignal | undefined
  readonly range: Range | undefined
}

export const notFound = (key: string, place: string): AppError =>
  new AppError('OBJECT_NOT_FOUND', `${key} is not in ${place}`)

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}

const doingOf = (key: string): string => `reading ${key}`

async function* piecesOf(
  room: Room,
  stream: NodeJS.ReadableStream,
  reading: Reading,
  watch: Watch,
): AsyncGenerator<Uint8Array, void, void> {
  const doing = doingOf(reading.key)
  watch.alive()
  try {
    for await (const piece of stream) {
      checkSignal(reading.signal, doing)
      // While the reader works on a piece nothing needs to move.
      watch.rest()
      yield typeof piece === 'string' ? Buffer.from(piece) : piece
      checkSignal(reading.signal, doing)
      watch.alive()
    }
  } catch (error) {
    throw endOf(room, watch, { doing, signal: reading.signal }) ?? brokenBody(error, doing, room.place)
  } finally {
    watch.end()
  }
}

interface Answer {
  readonly stream: NodeJS.ReadableStream
  /** Which bytes these are: their MD5 as stored, or else the entity tag, which a touch changes too. */
  readonly identity: string
}

/** The SDK counts the bytes against Content-Length; continuing a broken body is left to whoever repeats. */
const download = async (blob: BlobClient, range: Range | undefined, watch: Watch): Promise<Answer> => {
  const count = range === undefined || range.end === Infinity ? undefined : range.end - range.start + 1
  const answer = await blob.download(range?.start ?? 0, count, { abortSignal: watch.signal, maxRetryRequests: 0 })
  const stream = answer.readableStreamBody
  if (stream === undefined) throw new RangeError('an answer without a body')
  // A connection may break before anybody reads; the reader hears of it, and until then it must not end the process.
  stream.on('error', () => {})
  // A part has an MD5 of its own in Content-MD5, if any, and that of the whole beside it.
  const md5 = count === undefined && range === undefined ? answer.contentMD5 : answer.blobContentMD5
  return { stream, identity: md5 === undefined ? (answer.etag ?? '') : Buffer.from(md5).toString('base64') }
}

const replaced = (key: string, place: string): AppError =>
  new AppError('STORE_UNAVAILABLE', `${key} in ${place} was replaced while it was read`, { permanent: false })

/**
 * Throws OBJECT_NOT_FOUND before the first byte. A range past the end yields nothing.
 *
 * @param identity what is read must still be this; null for whatever is there
 */
export const openBlob = async (
  room: Room,
  blob: BlobClient,
  reading: Reading,
  identity: string | null = null,
): Promise<ResumableBytes> => {
  const { key, signal, range } = reading
  const doing = doingOf(key)
  checkSignal(signal, doing)
  const watch = startWatch(room.idleMs, signal)
  try {
    const answer = await download(blob, range, watch)
    watch.rest()
    if (identity !== null && identity !== answer.identity) {
      if (answer.stream instanceof Readable) answer.stream.destroy()
      throw replaced(key, room.place)
    }
    const bytes = piecesOf(room, answer.stream, reading, watch)
    const start = range?.start ?? 0
    const resume = (got: number): Promise<Bytes> =>
      openBlob(room, blob, { key, signal, range: { start: start + got, end: range?.end ?? Infinity } }, answer.identity)
    return { [Symbol.asyncIterator]: () => bytes, resume }
  } catch (error) {
    watch.end()
    const early = endOf(room, watch, { doing, signal })
    if (early !== null) throw early
    if (isAbsence(error)) throw notFound(key, room.place)
    if (range !== undefined && (isCode(error, 'InvalidRange') || factsOf(error).status === 416)) return nothing()
    throw azureError(error, doing, { place: room.place, right: 'read' })
  }
}

/** A blob as it is now. */
export interface Look extends Stat {
  readonly etag: string | null
  /** Base64 of the MD5 that was stored with the blob; null where nobody stored one. */
  readonly md5: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly version: string | null
  readonly scope: string | null
  readonly immutableUntil: number | null
  readonly immutableMode: string | null
  readonly isHeld: boolean
}

/** Null only when the service positively says that there is no such blob. */
export const lookAt = (
  room: Room,
  blob: BlobClient,
  looking: { key: string; signal: AbortSignal | undefined },
): Promise<Look | null> =>
  ask<Look | null>(
    room,
    { doing: `looking at ${looking.key}`, right: 'read', signal: looking.signal },
    async ({ signal: abortSignal }) => {
      const found = await blob.getProperties({ abortSignal })
      return {
        size: found.contentLength ?? 0,
        ...changedAt(found.lastModified),
        etag: found.etag ?? null,
        md5: found.contentMD5 === undefined ? null : Buffer.from(found.contentMD5).toString('base64'),
        metadata: found.metadata ?? {},
        version: found.versionId ?? null,
        scope: found.encryptionScope ?? null,
        immutableUntil: found.immutabilityPolicyExpiresOn?.getTime() ?? null,
        immutableMode: found.immutabilityPolicyMode ?? null,
        isHeld: found.legalHold ?? false,
      }
    },
    (error) => (isAbsence(error) ? null : undefined),
  )

const PAGE = 5000

/** Which versions of blobs a list tells; without them it has one item a key. */
export interface Listing {
  readonly prefix: string
  readonly signal: AbortSignal | undefined
  readonly versions?: boolean
  /** Items a page; the service gives up to 5,000. */
  readonly page?: number
}

const VERSIONS = { includeVersions: true, includeImmutabilityPolicy: true, includeLegalHold: true }

const onePage = (
  room: Room,
  { prefix, signal, versions = false, page = PAGE }: Listing,
  after: string | undefined,
): Promise<ContainerListBlobFlatSegmentResponse | undefined> =>
  ask(
    room,
    { doing: `listing ${prefix === '' ? 'everything' : prefix}`, right: 'list', signal },
    async ({ signal: abortSignal }) => {
      const options = { prefix: `${room.prefix}${prefix}`, abortSignal, ...(versions && VERSIONS) }
      const from = { maxPageSize: page, ...(after !== undefined && { continuationToken: after }) }
      const result = await room.container.listBlobsFlat(options).byPage(from).next()
      return result.done === true ? undefined : result.value
    },
  )

/** Items in the order of their names, a page at a time. Names at the root that begin with a dot are not the vault's. */
export async function* listItems(room: Room, listing: Listing): AsyncGenerator<BlobItem & { key: string }, void, void> {
  const { prefix, signal } = listing
  checkPrefix(prefix)
  let next: string | undefined
  do {
    const answer = await repeat(() => onePage(room, listing, next), signal, room.persistence)
    for (const item of answer?.segment.blobItems ?? []) {
      checkSignal(signal, `listing ${prefix}`)
      const key = item.name.slice(room.prefix.length)
      if (!key.startsWith('.')) yield { ...item, key }
    }
    next = answer?.continuationToken === '' ? undefined : answer?.continuationToken
  } while (next !== undefined)
}

export async function* listBlobs(
  room: Room,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Stat & { key: string }, void, void> {
  for await (const { key, properties } of listItems(room, { prefix, signal }))
    yield { key, size: properties.contentLength ?? 0, ...changedAt(properties.lastModified) }
}
