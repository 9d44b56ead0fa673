import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { BlobHTTPHeaders, BlobImmutabilityPolicy } from '@azure/storage-blob'
import { createCrew } from '../../../lib/crew.ts'
import type { Turnstile } from '../../../lib/turnstile.ts'
import { createTurnstile } from '../../../lib/turnstile.ts'
import { AppError, isAppError } from '../../../model/errors.ts'
import { checkSignal } from '../../interrupt.ts'
import type { Body, PutMode } from '../../store.ts'
import type { Call, Room, Watch } from './calls.ts'
import { ask, blobOf } from './calls.ts'
import { isAbsence, isConditionNotMet } from './errors.ts'
import type { Look } from './read.ts'

export interface Putting {
  readonly key: string
  readonly body: Body
  readonly signal: AbortSignal | undefined
  readonly mode: PutMode
}

export type Put = (putting: Putting) => Promise<boolean>

/** Finds what a key has: its oldest version where versions count. */
export type Find = (key: string, signal: AbortSignal | undefined) => Promise<Look | null>

const DAY = 24 * 60 * 60 * 1000
const BLOCKS = 50_000
const SLICE = 64 * 1024
/** Large bodies at a time, and blocks of one of them at a time; each holds up to four blocks of 16 MiB in memory. */
const LARGE = 4
const STAGING = 3

const wrongLength = (key: string, found: number, size: number): AppError =>
  new AppError('OBJECT_CORRUPT', `the body for ${key} has ${found} bytes, not ${size} as announced`)

const md5Of = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest()

/** In pieces, so that it can be seen whether anything moves. The SDK asks for a new stream each time it sends. */
const bodyOf = (bytes: Uint8Array, watch: Watch): Uint8Array | (() => Readable) => {
  if (bytes.byteLength <= SLICE) return bytes
  const slices = function* (): Generator<Uint8Array, void, void> {
    for (let at = 0; at < bytes.byteLength; at += SLICE) {
      watch.alive()
      yield bytes.subarray(at, at + SLICE)
    }
  }
  return () => Readable.from(slices(), { objectMode: false, highWaterMark: SLICE })
}

/** What goes with the bytes. Tiers are for objects only: the rest is small and read often. */
const attributesOf = (room: Room, key: string, md5: Buffer) => {
  const blobHTTPHeaders: BlobHTTPHeaders = { blobContentMD5: md5, blobContentType: 'application/octet-stream' }
  return {
    blobHTTPHeaders,
    ...(room.tier !== null && key.startsWith('objects/') && { tier: room.tier }),
    ...(room.scope !== null && { encryptionScope: room.scope }),
    ...(room.lock !== null && {
      immutabilityPolicy: policyUntil(room.now() + room.lock.days * DAY, room.lock.mode === 'compliance'),
    }),
  }
}

/** Whole seconds are all that the header can say; rounded up, so that nothing ends early. */
export const policyUntil = (until: number, isLocked: boolean): BlobImmutabilityPolicy => ({
  expiriesOn: new Date(Math.ceil(until / 1000) * 1000),
  policyMode: isLocked ? 'Locked' : 'Unlocked',
})

const collect = async ({ key, body, signal }: Putting): Promise<Uint8Array> => {
  if (body.memory !== undefined) {
    if (body.memory.byteLength !== body.size) throw wrongLength(key, body.memory.byteLength, body.size)
    return body.memory
  }
  const bytes = Buffer.allocUnsafe(body.size)
  let at = 0
  for await (const piece of body.open()) {
    checkSignal(signal, `writing ${key}`)
    if (at + piece.byteLength <= body.size) bytes.set(piece, at)
    at += piece.byteLength
    if (at > body.size) break
  }
  if (at !== body.size) throw wrongLength(key, at, body.size)
  return bytes
}

/** Gives the body cut into blocks. Copies, since a source may use its buffer again. */
async function* blocksOf({ key, body, signal }: Putting, size: number): AsyncGenerator<Buffer, void, void> {
  let block = Buffer.allocUnsafe(Math.min(size, body.size))
  let filled = 0
  let total = 0
  for await (const piece of body.open()) {
    checkSignal(signal, `writing ${key}`)
    total += piece.byteLength
    if (total > body.size) throw wrongLength(key, total, body.size)
    for (let from = 0; from < piece.byteLength; ) {
      const part = piece.subarray(from, from + block.byteLength - filled)
      block.set(part, filled)
      filled += part.byteLength
      from += part.byteLength
      if (filled < block.byteLength) continue
      yield block
      block = Buffer.allocUnsafe(size)
      filled = 0
    }
  }
  if (total !== body.size) throw wrongLength(key, total, body.size)
  if (filled > 0) yield block.subarray(0, filled)
}

const writing = ({ key, signal }: Putting): Call => ({ doing: `writing ${key}`, right: 'write', signal })
const conditionsOf = (mode: PutMode) => (mode === 'create' ? { conditions: { ifNoneMatch: '*' } } : {})
const falseWhenThere = (mode: PutMode) => (error: unknown) =>
  mode === 'create' && isConditionNotMet(error) ? false : undefined

/**
 * One Put Blob. The service checks the bytes against `x-ms-blob-content-md5`, which it also keeps, and ignores
 * `Content-MD5` beside it ("Windows Azure Blob MD5 Overview", learn.microsoft.com); Azurite does the same.
 */
const putSingle = async (room: Room, putting: Putting): Promise<boolean> => {
  const bytes = await collect(putting)
  checkSignal(putting.signal, `writing ${putting.key}`)
  const attributes = { ...attributesOf(room, putting.key, md5Of(bytes)), ...conditionsOf(putting.mode) }
  return ask(
    room,
    writing(putting),
    async (watch) => {
      const options = { ...attributes, abortSignal: watch.signal }
      await blobOf(room, putting.key).upload(bodyOf(bytes, watch), bytes.byteLength, options)
      return true
    },
    falseWhenThere(putting.mode),
  )
}

/** An id says which bytes a block has and where they go, so a later attempt knows what it need not send again. */
const blockId = (index: number, md5: Buffer): string =>
  Buffer.from(`${String(index).padStart(6, '0')}-${md5.toString('hex')}`).toString('base64')

/** What an earlier attempt, of this process or of one that was killed, has already brought there. */
const stagedBefore = (room: Room, putting: Putting): Promise<ReadonlyMap<string, number>> =>
  ask(
    room,
    { ...writing(putting), right: 'read' },
    async ({ signal: abortSignal }) => {
      const { uncommittedBlocks = [] } = await blobOf(room, putting.key).getBlockList('uncommitted', { abortSignal })
      return new Map(uncommittedBlocks.map(({ name, size }) => [name, size]))
    },
    (error) => (isAbsence(error) ? new Map() : undefined),
  )

/** Block ids in their order, and the MD5 of the whole. Every block is checked by the service against its own MD5. */
const stage = async (room: Room, putting: Putting): Promise<{ ids: string[]; md5: Buffer }> => {
  const before = await stagedBefore(room, putting)
  const size = Math.max(room.sizes.block, Math.ceil(putting.body.size / BLOCKS))
  const whole = createHash('md5')
  const ids: string[] = []
  const scope = room.scope === null ? {} : { encryptionScope: room.scope }
  const crew = createCrew(STAGING)
  await crew.each(blocksOf(putting, size), async (block) => {
    const md5 = md5Of(block)
    const id = blockId(ids.length, md5)
    whole.update(block)
    ids.push(id)
    if (before.get(id) === block.byteLength) return
    await ask(room, writing(putting), async (watch) => {
      const options = { transactionalContentMD5: md5, abortSignal: watch.signal, ...scope }
      await blobOf(room, putting.key).stageBlock(id, bodyOf(block, watch), block.byteLength, options)
    })
  })
  return { ids, md5: whole.digest() }
}

/** Nothing has the key before the last step, which is one call. */
const putInBlocks = async (room: Room, putting: Putting): Promise<boolean> => {
  const { ids, md5 } = await stage(room, putting)
  const attributes = { ...attributesOf(room, putting.key, md5), ...conditionsOf(putting.mode) }
  return ask(
    room,
    writing(putting),
    async ({ signal: abortSignal }) => {
      await blobOf(room, putting.key).commitBlockList(ids, { ...attributes, abortSignal })
      return true
    },
    falseWhenThere(putting.mode),
  )
}

const isSame = async (putting: Putting, found: Look): Promise<boolean> => {
  if (found.size !== putting.body.size || found.md5 === null) return false
  const hash = createHash('md5')
  for await (const block of blocksOf(putting, SLICE)) hash.update(block)
  return hash.digest('base64') === found.md5
}

/**
 * A create whose answer got lost may have created. Tried again with the same body, it finds its own bytes there, and
 * says so; other bodies, also equal ones, are told that the key was there.
 */
const createPutWith = (room: Room, find: Find, large: Turnstile, looksFirst: boolean): Put => {
  const unsure = new WeakMap<Body, Set<string>>()
  const settle = async (putting: Putting, found: Look | null): Promise<boolean> =>
    found !== null && unsure.get(putting.body)?.has(putting.key) === true && (await isSame(putting, found))

  const write = async (putting: Putting): Promise<boolean> => {
    const isLarge = putting.body.size > room.sizes.single
    if (putting.mode === 'create' && (isLarge || looksFirst)) {
      const found = await find(putting.key, putting.signal)
      if (found !== null) return settle(putting, found)
    }
    const isWritten = isLarge ? await large(() => putInBlocks(room, putting)) : await putSingle(room, putting)
    return isWritten || unsure.has(putting.body)
      ? isWritten || settle(putting, await find(putting.key, putting.signal))
      : false
  }

  return async (putting) => {
    try {
      const isWritten = await write(putting)
      unsure.delete(putting.body)
      return isWritten
    } catch (error) {
      if (isAppError(error, 'STORE_UNAVAILABLE'))
        unsure.set(putting.body, (unsure.get(putting.body) ?? new Set<string>()).add(putting.key))
      throw error
    }
  }
}

/**
 * @param looksFirst where a key that is only hidden must not be created again
 */
export const createPut = (room: Room, find: Find, looksFirst: boolean): Put =>
  createPutWith(room, find, createTurnstile(LARGE), looksFirst)
