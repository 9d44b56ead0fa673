import { join } from 'node:path'
import { createCrew } from '../../lib/crew.ts'
import { createHashTap } from '../../lib/hash.ts'
import { createHashPool, type HashOutcome } from '../../lib/hash-pool.ts'
import { AppError } from '../../model/errors.ts'
import { diskError } from '../../vault/disk-error.ts'
import { objectKey } from '../../vault/vault.ts'
import { type Check, isDamage, isUnreadableErrno, report } from './state.ts'

interface Object {
  readonly digest: string
  readonly size: number
}

/** Reads objects back and reports those that are not what their names say. */
export interface ByteReader {
  /** Finished so far. */
  readonly objects: number
  /** Read so far, those of objects under way included. */
  readonly bytes: number
  /** Resolves when the object is under way, and rejects with what ends the check. */
  take(object: Object): Promise<void>
  finish(): Promise<void>
  close(): Promise<void>
}

/** Small objects go to a thread many at a time: a message costs as much as hashing a few kilobytes. */
const BATCH_OBJECTS = 128
const BATCH_BYTES = 8 * 1024 * 1024
/** Objects read at a time where they come through the store; more where each read waits for a round trip. */
const AT_A_TIME = 4
const AT_A_TIME_FAR = 24

/** On a local disk threads read the files themselves; everywhere else the bytes come through the store. */
export const openByteReader = (check: Check): ByteReader => {
  const { localRoot } = check.vault.store.traits
  return localRoot === null ? throughStore(check) : throughThreads(check, localRoot)
}

function throughThreads(check: Check, root: string): ByteReader {
  const { signal } = check
  const pool = createHashPool()
  const crew = createCrew(pool.width)
  const done = { objects: 0 }
  let batch: Object[] = []
  let bytes = 0
  const halt = (): void => pool.halt()
  signal.addEventListener('abort', halt, { once: true })
  const send = async (): Promise<void> => {
    const objects = batch
    batch = []
    bytes = 0
    if (objects.length === 0) return
    await crew.run(async () => {
      const outcomes = await pool.hash(objects.map(({ digest }) => join(root, objectKey(digest))))
      for (const [i, object] of objects.entries()) await judge(check, object, outcomes[i])
      done.objects += objects.length
    })
  }
  return {
    get objects() {
      return done.objects
    },
    get bytes() {
      return pool.bytes
    },
    take: async (object) => {
      batch.push(object)
      bytes += object.size
      if (batch.length >= BATCH_OBJECTS || bytes >= BATCH_BYTES) await send()
    },
    finish: async () => {
      await send()
      await crew.finished()
    },
    close: async () => {
      signal.removeEventListener('abort', halt)
      pool.halt()
      await pool.close()
    },
  }
}

function throughStore(check: Check): ByteReader {
  const crew = createCrew(check.vault.store.traits.isFar === true ? AT_A_TIME_FAR : AT_A_TIME)
  const done = { objects: 0, bytes: 0 }
  return {
    get objects() {
      return done.objects
    },
    get bytes() {
      return done.bytes
    },
    take: (object) =>
      crew.run(async () => {
        await judge(check, object, await hashInStore(check, object, done))
        done.objects += 1
      }),
    finish: () => crew.finished(),
    close: () => Promise.resolve(),
  }
}

async function hashInStore(check: Check, { digest }: Object, done: { bytes: number }): Promise<HashOutcome> {
  const tap = createHashTap({ md5: false })
  try {
    for await (const piece of await check.vault.openUnchecked(digest, check.signal)) {
      tap.update(piece)
      done.bytes += piece.byteLength
    }
    return tap.finish()
  } catch (error) {
    if (!isDamage(error)) throw error
    return { code: error.code === 'OBJECT_NOT_FOUND' ? 'ENOENT' : 'EIO', message: error.message }
  }
}

async function judge(check: Check, { digest }: Object, outcome: HashOutcome | undefined): Promise<void> {
  if (outcome === undefined) throw new Error(`nothing was said about object ${digest}`)
  if ('sha256' in outcome) {
    if (outcome.sha256 === digest) return
    return corrupt(check, digest, `its ${outcome.size} bytes have the SHA-256 ${outcome.sha256}`)
  }
  const { code, message } = outcome
  if (code === 'HALTED') throw new AppError('INTERRUPTED', 'interrupted while reading objects')
  if (isUnreadableErrno(code)) return corrupt(check, digest, `the disk cannot read it: ${message}`)
  if (code !== 'ENOENT') throw diskError(Object.assign(new Error(message), { code }), `read ${objectKey(digest)}`)
  // It was listed a moment ago. Asked by name the store also tells a disk that was removed from an object that was.
  if ((await check.vault.statObject(digest, check.signal)) !== null) return
  if (!check.needed.set.has(digest)) return
  report(check, 'error', { code: 'object-missing', subject: digest, message: 'it vanished while it was to be read' })
}

/** What nothing needs is a danger all the same: a later backup would take it for the bytes that its name says. */
function corrupt(check: Check, digest: string, message: string): void {
  const isNeeded = check.needed.set.has(digest)
  report(check, isNeeded ? 'error' : 'warning', {
    code: 'object-corrupt',
    subject: digest,
    message: isNeeded ? message : `${message}; nothing needs it`,
  })
}
