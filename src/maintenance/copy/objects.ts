import { createCrew } from '../../lib/crew.ts'
import { memoryBody } from '../../vault/body.ts'
import type { Body, Bytes } from '../../vault/store.ts'
import { type Copying, lossOf } from './state.ts'

/** Up to here an object is read and proven before its first byte is written, and written in one call. */
const IN_MEMORY = 1024 * 1024

interface Object {
  readonly digest: string
  readonly size: number
}

/**
 * Copies what the target lacks, several objects at a time, in the order in which the source's folders give them. Bytes
 * are hashed on the way; what is not what its name says gets no name in the target and is noted in `lost`.
 */
export async function copyObjects(
  copying: Copying,
  totalBytes: number,
): Promise<{ readonly copied: number; readonly bytes: number }> {
  const { source, lacking, options, signal } = copying
  const done = { copied: 0, bytes: 0 }
  let passed = 0
  const tell = (bytes: number): void => {
    passed += bytes
    options.onProgress({ phase: 'objects', done: done.copied, total: lacking.size, bytes: passed, totalBytes })
  }
  const take = async (object: Object): Promise<void> => {
    if (!(await copyObject(copying, object, tell))) return
    done.copied += 1
    done.bytes += object.size
    tell(0)
  }
  await createCrew(options.concurrency).each(source.listObjects(signal), async (object) => {
    if (lacking.mark(object.digest)) await take(object)
  })
  // A walk may miss what was put while it went on, so each absence is asked for by name.
  for (const digest of [...lacking.unmarked()]) {
    const found = await source.statObject(digest, signal)
    if (found === null)
      lose(copying, digest, { code: 'object-missing', message: `object ${digest} is not in the vault` })
    else await take({ digest, size: found.size })
  }
  return done
}

/** False when the source does not give the bytes that the name promises. */
async function copyObject(
  copying: Copying,
  { digest, size }: Object,
  onBytes: (bytes: number) => void,
): Promise<boolean> {
  const { source, target, signal } = copying
  const failure: { error: unknown } = { error: null }
  const read = (): Bytes => watched(() => source.openObject(digest, signal), { failure, onBytes })
  try {
    const body: Body = size <= IN_MEMORY ? memoryBody(await gather(read())) : { size, open: read }
    // A target that lacks the object and has just this length under its name was cut short where the source was: to
    // be told so, the source must be read, which putting would spare itself.
    if (body.memory === undefined && (await target.statObject(digest, signal))?.size === size)
      await gather(read(), false)
    await target.putObject(digest, body, signal)
    return true
  } catch (error) {
    if (error !== failure.error) throw error
    lose(copying, digest, await lossOf(copying, error))
    return false
  }
}

function lose({ lost }: Copying, digest: string, loss: Parameters<typeof lost.set>[1]): void {
  if (!lost.has(digest)) lost.set(digest, loss)
}

/** Counts what passes, and remembers an error of the source, to tell it from one of the target. */
async function* watched(
  open: () => Promise<Bytes>,
  { failure, onBytes }: { readonly failure: { error: unknown }; readonly onBytes: (bytes: number) => void },
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of await open()) {
      onBytes(piece.byteLength)
      yield piece
    }
  } catch (error) {
    failure.error = error
    throw error
  }
}

async function gather(bytes: Bytes, keep = true): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) if (keep) pieces.push(piece)
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
}
