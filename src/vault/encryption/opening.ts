import { AppError } from '../../model/errors.ts'
import { checkSignal } from '../interrupt.ts'
import type { Bytes } from '../store.ts'
import { openPrefix, PREFIX_SIZE } from './age/header.ts'
import type { Opener, Window } from './age/payload.ts'
import { CHUNK_SIZE, createOpener, plainSize, SEALED_CHUNK_SIZE } from './age/payload.ts'
import type { Identity } from './age/x25519.ts'
import { parseIdentity } from './age/x25519.ts'

/** Both ends included. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** Opens what was encrypted to identities at hand. */
export interface Keyring {
  /** False: nothing can be read, so nothing need be fetched either. */
  readonly canRead: boolean
  /** The key of the payload. Throws OBJECT_CORRUPT or KEY_MISSING naming `what`. */
  open(prefix: Uint8Array, what: string): Buffer
}

export const keyMissing = (what: string): AppError =>
  new AppError('KEY_MISSING', `${what} is encrypted and cannot be read without the key of an owner`, {
    hint: 'name the file with the identity in CLOUDKEEP_IDENTITY_FILE',
  })

const corrupt = (what: string, why: string): AppError =>
  new AppError('OBJECT_CORRUPT', `${what} is damaged: ${why}`, { hint: 'cloudkeep verify names everything damaged' })

const CHANGED = 'it was changed or cut since it was encrypted'

/** @param unopened generations whose keys are not at hand: then a file that no identity fits may be one of theirs */
export const createKeyring = (keys: {
  readonly identities: readonly string[]
  readonly unopened?: readonly number[]
}): Keyring => {
  // The one that fitted last stands first: almost always it is the one that fits next.
  let identities: readonly Identity[] = keys.identities.map(parseIdentity)
  const isComplete = (keys.unopened ?? []).length === 0
  return {
    canRead: identities.length > 0,
    open: (prefix, what) => {
      const opened = openPrefix(prefix, identities)
      if (opened.kind === 'open') {
        const { identity, payloadKey } = opened
        if (identities[0] !== identity) identities = [identity, ...identities.filter((other) => other !== identity)]
        return payloadKey
      }
      if (identities.length === 0) throw keyMissing(what)
      if (opened.kind === 'foreign') throw corrupt(what, 'it does not begin like a file of an encrypted vault')
      if (isComplete) throw corrupt(what, 'it was encrypted to somebody else, or changed since')
      throw new AppError('KEY_MISSING', `${what} is encrypted to a key that was not given`, {
        hint: `the keys of generation ${keys.unopened?.join(', ')} are not at hand; give the identity of a present owner`,
      })
    },
  }
}

/** The bytes of an age file from its header on, each chunk authenticated before it is given out. */
export async function* openFile(
  bytes: Bytes,
  keyring: Keyring,
  what: string,
  window?: Window,
): AsyncGenerator<Uint8Array, void, void> {
  let prefix: Uint8Array = Buffer.alloc(0)
  let opener: Opener | null = null
  for await (const piece of bytes) {
    let rest = piece
    if (opener === null) {
      prefix = Buffer.concat([prefix, piece])
      if (prefix.length < PREFIX_SIZE) continue
      const key = keyring.open(prefix.subarray(0, PREFIX_SIZE), what)
      opener = createOpener(key, () => corrupt(what, CHANGED), window)
      rest = prefix.subarray(PREFIX_SIZE)
    }
    yield* opener.push(rest)
  }
  if (opener === null) throw corrupt(what, 'it is too short for an encrypted file')
  yield* notEmpty(opener.end())
}

function* notEmpty(piece: Uint8Array): Generator<Uint8Array, void, void> {
  if (piece.byteLength > 0) yield piece
}

/** An encrypted file in a store: one of several bodies of a key, or the only one. */
export interface SealedFile {
  /** The key as people know it, for messages. */
  readonly what: string
  read(range?: Range): Promise<Bytes>
  /** Length of the encrypted file; null when it is absent. */
  size(): Promise<number | null>
}

const gather = async (bytes: Bytes): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Where a chunk begins in the file. */
const offsetOf = (chunk: number): number => PREFIX_SIZE + chunk * SEALED_CHUNK_SIZE
/** Ends of ranges may be anything; beyond this no file has bytes. */
const FARTHEST = 2 ** 52

/**
 * The bytes of a range. One byte more than the chunks concerned is asked for: whether it is there says whether the last
 * of them is the last of the file. So no length has to be looked up, and a file that was cut is found out.
 */
export const openRange = async (file: SealedFile, keyring: Keyring, { start, end }: Range): Promise<Bytes> => {
  const first = Math.floor(start / CHUNK_SIZE)
  const last = Math.floor(Math.min(end, FARTHEST) / CHUNK_SIZE)
  if (first === 0) {
    const bytes = await file.read({ start: 0, end: offsetOf(last + 1) })
    return cut(openFile(bytes, keyring, file.what, { first, count: last + 1 }), start, end)
  }
  const prefix = await gather(await file.read({ start: 0, end: PREFIX_SIZE - 1 }))
  const key = keyring.open(prefix, file.what)
  const bytes = await file.read({ start: offsetOf(first), end: offsetOf(last + 1) })
  const chunks = openChunks(file, bytes, key, { first, count: last - first + 1 })
  return cut(chunks, start % CHUNK_SIZE, end - first * CHUNK_SIZE)
}

async function* openChunks(
  file: SealedFile,
  bytes: Bytes,
  key: Buffer,
  window: Window,
): AsyncGenerator<Uint8Array, void, void> {
  const opener = createOpener(key, () => corrupt(file.what, CHANGED), window)
  let isEmpty = true
  for await (const piece of bytes) {
    if (piece.byteLength > 0) isEmpty = false
    yield* opener.push(piece)
  }
  if (isEmpty) await proveEnd(file, key)
  else yield* notEmpty(opener.end())
}

/** Nothing came because the range begins behind the end, or because the file was cut there. */
const proveEnd = async (file: SealedFile, key: Buffer): Promise<void> => {
  const plain = plainSize((await file.size()) ?? 0)
  if (plain === null) throw corrupt(file.what, CHANGED)
  const last = Math.max(0, Math.ceil(plain / CHUNK_SIZE) - 1)
  const opener = createOpener(key, () => corrupt(file.what, CHANGED), { first: last, count: 1 })
  const chunk = await gather(await file.read({ start: offsetOf(last), end: offsetOf(last + 1) }))
  for (const _ of opener.push(chunk)) throw corrupt(file.what, CHANGED)
  opener.end()
}

async function* cut(chunks: Bytes, start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
  let at = 0
  for await (const chunk of chunks) {
    const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at))
    at += chunk.byteLength
    if (wanted.byteLength > 0) yield wanted
  }
}

/** Lets bytes through and looks at the signal between them: one piece of a store is many chunks. */
export async function* heeding(
  bytes: Bytes,
  signal: AbortSignal | undefined,
  what: string,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const piece of bytes) {
    checkSignal(signal, `reading ${what}`)
    yield piece
  }
}
