import { randomUUID } from 'node:crypto'
import type { Turnstile } from '../../../lib/turnstile.ts'
import { AppError, isAppError } from '../../../model/errors.ts'
import { type BodyReader, readBody } from './body-reader.ts'
import type { Connection } from './connection.ts'
import { findOurs, md5, type Write, type Written } from './put.ts'
import { headOf } from './read.ts'
import type { Settings } from './settings.ts'
import {
  beginUpload,
  endUpload,
  etagOfParts,
  giveUp,
  LostUpload,
  listUploads,
  partsOf,
  sendPart,
  type Upload,
} from './uploads.ts'

const MIB = 1024 * 1024
/** S3's own limits: parts of one body (Amazon S3 User Guide, "Amazon S3 multipart upload limits"). */
const MAX_PARTS = 10_000
const DAY_MS = 86_400_000
const PARTS_AT_ONCE = 3

export interface PartsOptions {
  /** Bytes of a part; larger where a body would need more than 10,000. */
  readonly partSize: number
  /** Lets in whoever is to hold a part in memory, of all bodies. */
  readonly buffers: Turnstile
  /** Whether the key has a body, in the sense of this store. */
  readonly exists: (key: string, signal: AbortSignal | undefined) => Promise<boolean>
  /** Uploads that this process is at work on: nobody else may go on with them. */
  readonly busy: Set<string>
}

export const partSizeFor = (size: number, partSize: number): number =>
  Math.max(partSize, Math.ceil(Math.ceil(size / MAX_PARTS) / MIB) * MIB)

interface Job {
  readonly connection: Connection
  readonly settings: Settings
  readonly write: Write
  readonly options: PartsOptions
  readonly partSize: number
  readonly mark: string
}

/** Uploads of this key that a killed process left; those of a day ago are given up, since nobody goes on with them. */
const unfinished = async ({ connection, write, options }: Job): Promise<Upload[]> => {
  const found: Upload[] = []
  const fullKey = connection.base + write.key
  try {
    for await (const { key, id, begunAt } of listUploads(connection, fullKey, write.signal))
      if (key === fullKey && !options.busy.has(id)) {
        if (found.length < 5) found.push({ id, begunAt, kept: await partsOf(connection, write, id) })
      }
  } catch (error) {
    // Going on is a convenience: without the right to look, the body is sent from its beginning.
    if (!isAppError(error, 'STORE_REFUSED')) throw error
  }
  return found
}

interface Part {
  readonly number: number
  readonly bytes: Uint8Array
  readonly digest: Buffer
}

const has = (upload: Upload, { number, bytes, digest }: Part): boolean => {
  const kept = upload.kept.get(number)
  return kept !== undefined && kept.size === bytes.byteLength && kept.etag === digest.toString('hex')
}

/** The upload that begins like this body, or a new one. */
const choose = async (job: Job, candidates: readonly Upload[], first: Part): Promise<Upload> => {
  const { connection, settings, write, options } = job
  const same = candidates.find((upload) => has(upload, first) && !options.busy.has(upload.id))
  for (const other of candidates)
    if (other !== same && other.begunAt < Date.now() - DAY_MS && !options.busy.has(other.id))
      await giveUp(connection, connection.base + write.key, other.id, write.signal)
  return same ?? (await beginUpload(connection, settings, write, job.mark))
}

interface Sent {
  readonly upload: Upload
  readonly etags: readonly string[]
  readonly digests: readonly Buffer[]
}

/** Holds the one upload of a job: chosen with the first part, given up when the job fails for good. */
interface Target {
  upload: Upload | null
}

/**
 * Reads part after part and sends up to three at a time. A part is read only when there is room for it in memory, and
 * one that the service already has is not sent again.
 */
const sendAll = async (job: Job, reader: BodyReader, target: Target, candidates: readonly Upload[]): Promise<Sent> => {
  const { connection, write, options, partSize } = job
  const failed = new AbortController()
  const signal = write.signal === undefined ? failed.signal : AbortSignal.any([write.signal, failed.signal])
  const count = Math.ceil(write.body.size / partSize)
  const etags: string[] = []
  const digests: Buffer[] = []
  const underWay = new Set<Promise<void>>()

  const oneMore = (number: number): Promise<void> =>
    new Promise((isRead, isBroken) => {
      const sending = options.buffers(async () => {
        const bytes = await reader.next(Math.min(partSize, write.body.size - (number - 1) * partSize))
        if (number === count) await reader.end()
        const part = { number, bytes, digest: md5(bytes) }
        const upload = target.upload ?? (await choose(job, candidates, part))
        target.upload = upload
        options.busy.add(upload.id)
        digests[number - 1] = part.digest
        isRead()
        etags[number - 1] = has(upload, part)
          ? `"${part.digest.toString('hex')}"`
          : await sendPart(connection, write, upload, part, signal)
      })
      const tracked = sending.finally(() => underWay.delete(tracked))
      underWay.add(tracked)
      tracked.catch((error: unknown) => {
        failed.abort(error)
        isBroken(error)
      })
    })

  try {
    for (let number = 1; number <= count; number++) {
      if (underWay.size >= PARTS_AT_ONCE) await Promise.race(underWay)
      await oneMore(number)
    }
    await Promise.all(underWay)
  } catch (error) {
    await Promise.allSettled(underWay)
    throw failed.signal.aborted ? failed.signal.reason : error
  }
  if (target.upload === null) throw new Error('an upload without a part')
  return { upload: target.upload, etags, digests }
}

const finish = async (job: Job, { upload, etags, digests }: Sent): Promise<Written | null> => {
  const { connection, write, options, mark } = job
  const drop = () => giveUp(connection, connection.base + write.key, upload.id, write.signal)
  // Some services ignore the condition on the request that ends an upload, so this looks as late as it can.
  if (write.mode === 'create' && (await options.exists(write.key, write.signal))) {
    await drop()
    return null
  }
  const findIt = async (): Promise<Written | null> => {
    const head = await headOf(connection, write.key, write.signal)
    if (head === null) return null
    const isSame = head.size === write.body.size && head.etag === etagOfParts(digests)
    return isSame ? { versionId: head.versionId } : findOurs(connection, write, mark)
  }
  const written = await endUpload(connection, write, upload, etags, findIt)
  if (written === null) await drop()
  return written
}

/** What a failed put leaves for its next try: an outage keeps the parts, a wrong body or an interruption nothing. */
const isWorthKeeping = (error: unknown): boolean =>
  isAppError(error) && (error.code === 'STORE_UNAVAILABLE' || error.code === 'STORE_FULL')

const tryOnce = async (job: Job, mayResume: boolean): Promise<Written | null> => {
  const { connection, write, options } = job
  const target: Target = { upload: null }
  const candidates = mayResume ? await unfinished(job) : []
  const reader = readBody(write.key, write.body, write.signal)
  try {
    return await finish(job, await sendAll(job, reader, target, candidates))
  } catch (error) {
    if (target.upload !== null && !isWorthKeeping(error) && !(error instanceof LostUpload))
      // The caller's signal may be the reason; what cannot be removed now, `removeLeftovers` will.
      await giveUp(connection, connection.base + write.key, target.upload.id, AbortSignal.timeout(10_000)).catch(
        () => undefined,
      )
    throw error
  } finally {
    if (target.upload !== null) options.busy.delete(target.upload.id)
    await reader.close()
  }
}

/**
 * A large body, part by part. Goes on with an upload of the same key that was never finished, if its parts are the same.
 * Null, with mode `create`, when the key was there before or got there meanwhile. What remains: where the service
 * ignores the condition on the request that ends an upload (Ceph 16 does), and another body gets there between the
 * last look and that request, this one replaces it. Amazon S3 keeps the condition.
 */
export const putParts = async (
  connection: Connection,
  settings: Settings,
  write: Write,
  options: PartsOptions,
): Promise<Written | null> => {
  if (write.mode === 'create' && (await options.exists(write.key, write.signal))) return null
  const partSize = partSizeFor(write.body.size, options.partSize)
  const job = { connection, settings, write, options, partSize, mark: randomUUID() }
  try {
    return await tryOnce(job, true)
  } catch (error) {
    if (!(error instanceof LostUpload)) throw error
  }
  return tryOnce(job, false).catch((error: unknown) => {
    if (!(error instanceof LostUpload)) throw error
    throw new AppError('STORE_UNAVAILABLE', `cannot write ${write.key}: somebody ends its uploads`, {
      permanent: false,
      cause: error,
    })
  })
}
