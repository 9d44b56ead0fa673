import { randomUUID } from 'node:crypto'
import type { Writable } from 'node:stream'
import type { RetryTiming } from '../../../lib/retry.ts'
import { createTurnstile } from '../../../lib/turnstile.ts'
import { AppError, isAppError } from '../../../model/errors.ts'
import type { Body, PutMode, Store } from '../../store.ts'
import { type Chunk, chunksOf } from './body.ts'
import type { Answer } from './errors.ts'
import { generationsOf, lookAt } from './generations.ts'
import { fileOf, type Gcs, type Ways } from './place.ts'
import { parseResource, type Resource } from './resource.ts'
import { beginSession, checkTaken } from './resumable.ts'

export interface PutOptions {
  /** Bodies up to here go in one request, from one buffer. */
  readonly simpleLimit: number
  /** Of resumable uploads; a multiple of 256 KiB, as the service demands. */
  readonly chunkSize: number
  /** Of the tries of one chunk. */
  readonly timing: RetryTiming
  readonly now: () => number
}

/** Bodies that need buffers of their own, at a time: 12 chunks of 16 MiB are 192 MiB. */
const BUFFERED = 12
const SMALL = 1024 * 1024
/**
 * Whoever sends a body sees whether it moves; but what is given up then ends only when the package's limit for requests
 * does it. Its usual one is too short for 8 MiB over a slow line.
 */
const UPLOAD_MS = 900_000
const DAY_MS = 86_400_000

/** Metadata that says which attempt made an object. */
const ATTEMPT = 'cloudkeep-attempt'

interface Upload {
  readonly key: string
  readonly body: Body
  readonly mode: PutMode
  readonly attempt: string
  readonly signal: AbortSignal | undefined
}

/**
 * The names of attempts that may have succeeded although no answer came: the same body put to the same key again is
 * that attempt again. With it a store can tell "somebody was first" from "that was us".
 */
class Attempts {
  readonly #open = new WeakMap<Body, Map<string, string>>()

  /** Begins an attempt, or goes on with the one that had no answer. */
  begin(key: string, body: Body): { readonly attempt: string; readonly isRepeated: boolean } {
    const known = this.#open.get(body) ?? new Map<string, string>()
    this.#open.set(body, known)
    const earlier = known.get(key)
    const attempt = earlier ?? randomUUID()
    known.set(key, attempt)
    return { attempt, isRepeated: earlier !== undefined }
  }

  end(key: string, body: Body): void {
    this.#open.get(body)?.delete(key)
  }
}

const resourceOf = (gcs: Gcs, upload: Upload, options: PutOptions): Record<string, unknown> => {
  const { storageClass, lock } = gcs.place.options
  const isObject = upload.key.startsWith('objects/')
  return {
    name: gcs.nameOf(upload.key),
    contentType: 'application/octet-stream',
    ...(storageClass !== undefined && { storageClass: isObject ? storageClass : 'STANDARD' }),
    ...(lock !== undefined &&
      lock !== null && {
        retention: {
          mode: lock.mode === 'compliance' ? 'Locked' : 'Unlocked',
          retainUntilTime: new Date(options.now() + lock.days * DAY_MS).toISOString(),
        },
      }),
    ...(upload.mode === 'create' && { metadata: { [ATTEMPT]: upload.attempt } }),
  }
}

const queryOf = (gcs: Gcs, upload: Upload): Record<string, string | undefined> => ({
  ifGenerationMatch: upload.mode === 'create' ? '0' : undefined,
  kmsKeyName: gcs.place.options.encryptionKey,
  fields: 'generation,size,md5Hash',
})

/** One request: the metadata, the checksum among them, and the bytes. */
const sendSimple = async (
  gcs: Gcs,
  upload: Upload,
  chunk: Chunk,
  resource: Readonly<Record<string, unknown>>,
): Promise<Answer> => {
  const { encryptionKey } = gcs.place.options
  const file = gcs.calls.bucket.file(
    gcs.nameOf(upload.key),
    encryptionKey === undefined ? {} : { kmsKeyName: encryptionKey },
  )
  file.interceptors.push({
    request: (request) => ({ ...request, uri: 'uri' in request ? request.uri : request.url, timeout: UPLOAD_MS }),
  })
  const start = (): Writable =>
    file.createWriteStream({
      resumable: false,
      // The service compares the checksum; the package would do so only afterwards, and delete what it does not like.
      validation: false,
      metadata: { ...resource, ...(chunk.md5 !== null && { md5Hash: chunk.md5 }) },
      ...(upload.mode === 'create' && { preconditionOpts: { ifGenerationMatch: 0 } }),
    })
  const purpose = { doing: `write ${upload.key}`, right: 'storage.objects.create', isUpload: true } as const
  const deed = { ...purpose, signal: upload.signal, accept: [412] }
  const answer = await gcs.calls.send(deed, chunk.parts, start, () => file.metadata)
  if (answer.status === 412) checkTaken(answer, gcs, upload.key)
  return answer
}

/** Takes away a generation that this process wrote, and no other. What cannot be taken away stays, and is reported. */
const takeBack = async (gcs: Gcs, key: string, { generation }: Resource): Promise<void> => {
  await gcs.calls.call({ doing: `take back ${key}`, right: 'storage.objects.delete', accept: [404] }, () =>
    fileOf(gcs, key, generation).delete(),
  )
}

/** False when the key was taken. The service compared the checksum too; its own word is read in case it did not. */
const conclude = async (gcs: Gcs, upload: Upload, answer: Answer, md5: string): Promise<boolean> => {
  if (answer.status === 412) return false
  const { key, body } = upload
  const stored = parseResource(answer.json, `write ${key}`)
  // With some encryption keys the service states no MD5.
  const isSame = Number(stored.size) === body.size && (stored.md5Hash === undefined || stored.md5Hash === md5)
  if (isSame) return true
  const failure = await takeBack(gcs, key, stored).then(
    () => null,
    (error: unknown) => error,
  )
  throw new AppError('STORE_UNAVAILABLE', `${gcs.name} stored other bytes for ${key} than were sent`, {
    permanent: false,
    hint:
      failure === null
        ? 'they were taken away again'
        : `generation ${stored.generation} is wrong and could not be taken away`,
    ...(failure !== null && { cause: failure }),
  })
}

const putSimple = async (gcs: Gcs, upload: Upload, options: PutOptions): Promise<boolean> => {
  const { key, body, signal } = upload
  for await (const chunk of chunksOf(key, body, Math.max(body.size, 1), signal)) {
    const answer = await sendSimple(gcs, upload, chunk, resourceOf(gcs, upload, options))
    return conclude(gcs, upload, answer, chunk.md5 ?? '')
  }
  return false
}

const putResumable = async (gcs: Gcs, upload: Upload, options: PutOptions): Promise<boolean> => {
  const { key, body, signal } = upload
  const session = await beginSession(gcs, {
    key,
    resource: resourceOf(gcs, upload, options),
    query: queryOf(gcs, upload),
    size: body.size,
    timing: options.timing,
    signal,
  })
  if (session === null) return false
  try {
    for await (const chunk of chunksOf(key, body, options.chunkSize, signal)) {
      const answer = await session.send(chunk)
      if (answer !== null) return await conclude(gcs, upload, answer, chunk.md5 ?? '')
    }
    throw new AppError('STORE_UNAVAILABLE', `the upload of ${key} did not end`, { permanent: false })
  } catch (error) {
    await session.cancel()
    throw error
  }
}

/** Whether the key holds what an earlier try of the same attempt wrote, whose answer was lost. */
const isOurs = async (gcs: Gcs, ways: Ways, upload: Upload): Promise<boolean> => {
  const { key, signal } = upload
  const found = ways.keepsAll ? (await generationsOf(gcs, key, signal))[0] : await lookAt(gcs, key, signal)
  return found?.metadata?.[ATTEMPT] === upload.attempt
}

export const createPut = (gcs: Gcs, ways: Ways, options: PutOptions): Store['put'] => {
  const turnstile = createTurnstile(BUFFERED)
  const attempts = new Attempts()

  const send = (upload: Upload): Promise<boolean> => {
    const { body } = upload
    const put = (): Promise<boolean> =>
      body.size <= options.simpleLimit ? putSimple(gcs, upload, options) : putResumable(gcs, upload, options)
    return body.memory !== undefined || body.size <= SMALL ? put() : turnstile(put)
  }
  /** The service lets a key be created whose generations all lie hidden; nobody would ever read what it got then. */
  const isTaken = async (upload: Upload): Promise<boolean> =>
    ways.keepsAll && (await generationsOf(gcs, upload.key, upload.signal)).length > 0

  const create = async (key: string, body: Body, signal: AbortSignal | undefined): Promise<boolean> => {
    const { attempt, isRepeated } = attempts.begin(key, body)
    const upload: Upload = { key, body, mode: 'create', attempt, signal }
    try {
      const isNew = !(await isTaken(upload)) && (await send(upload))
      const isMine = isNew || (isRepeated && (await isOurs(gcs, ways, upload)))
      attempts.end(key, body)
      return isMine
    } catch (error) {
      // Only trouble that may pass leaves it open whether the key was created.
      if (!isAppError(error) || error.permanent) attempts.end(key, body)
      throw error
    }
  }
  return async (key, body, signal, mode = 'replace') =>
    mode === 'create' ? create(key, body, signal) : send({ key, body, mode, attempt: '', signal })
}
