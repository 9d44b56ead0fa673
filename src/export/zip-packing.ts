import { crc32 } from 'node:zlib'
import type { Bytes } from '../vault/store.ts'
import type { Vault } from '../vault/vault.ts'
import { encoded } from './folder-packing.ts'
import type { OnBytes, Original, Packing, Settled } from './packing.ts'
import { createReading } from './reading.ts'
import { createZipWriter, type Sink } from './zip-writer.ts'

/** Where a zip file goes. */
export interface ZipTarget {
  readonly write: Sink
  /** Makes it durable and gives it its name. */
  finish(): Promise<void>
  abandon(): Promise<void>
}

export interface ZipPacking {
  readonly vault: Vault
  readonly target: ZipTarget
  readonly now: () => Date
  readonly onBytes: OnBytes
  readonly signal: AbortSignal
}

/** Up to here an object is read once and kept until it is its turn; larger ones are read twice. */
const IN_MEMORY = 4 * 1024 * 1024
/** Originals that are proven ahead of the one that is written. */
const AHEAD = 8

/**
 * One zip file, written as a stream. Media do not compress, so they are stored. A zip file cannot take an entry back,
 * so each object is proven before its entry begins; its checksum is then known too, and stands where it belongs. One
 * that is damaged is left out. One that was proven and then reads otherwise makes the whole file useless: it is an
 * error, and the file never gets its name.
 */
export function packZip(zip: ZipPacking): Packing {
  const writer = createZipWriter(zip.target.write)
  return {
    async originals(files, settled) {
      for await (const proven of ahead(files, AHEAD, (original) => prove(zip, original, settled))) {
        if (proven === null) continue
        const { original, crc, bytes } = proven
        await writer.stored(original.path, original.mtime, { crc, size: original.size }, bytes())
        settled(original, { loss: null, wasThere: false })
      }
    },
    absent: async () => undefined,
    generated: (path, text) => writer.deflated(path, zip.now().getTime(), encoded(text)),
    async finish() {
      await writer.end()
      await zip.target.finish()
    },
    abandon: () => zip.target.abandon(),
  }
}

interface Proven {
  readonly original: Original
  readonly crc: number
  readonly bytes: () => Bytes | Iterable<Uint8Array>
}

/** Null when the vault does not give the bytes; that is settled then. */
async function prove(zip: ZipPacking, original: Original, settled: Settled): Promise<Proven | null> {
  const { vault, signal } = zip
  const { object, size } = original
  const reading = createReading(vault, object, zip)
  const pieces: Uint8Array[] = []
  let crc = 0
  try {
    for await (const piece of reading.bytes()) {
      crc = crc32(piece, crc)
      if (size <= IN_MEMORY) pieces.push(piece)
    }
  } catch (error) {
    settled(original, { loss: await reading.loss(error), wasThere: false })
    return null
  }
  if (size <= IN_MEMORY) return { original, crc, bytes: () => pieces }
  return { original, crc, bytes: () => again(vault, original, signal) }
}

/**
 * Without the digest, which was just proven: the writer compares the checksum. The pieces come from the page cache,
 * unless the object is larger than that, and so the second reading is cheap.
 */
async function* again(vault: Vault, { object, size }: Original, signal: AbortSignal): Bytes {
  yield* await vault.openObject(object, signal, { start: 0, end: size - 1 })
}

/** Does the work for the next items while the caller is busy with one; gives the results in the order of the items. */
async function* ahead<T, R>(
  items: AsyncIterable<T>,
  count: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, void> {
  const begun: Promise<R>[] = []
  try {
    for await (const item of items) {
      const result = work(item)
      // It is awaited below, but perhaps not before it fails.
      result.catch(() => undefined)
      begun.push(result)
      if (begun.length < count) continue
      const first = begun.shift()
      if (first !== undefined) yield await first
    }
    for (let first = begun.shift(); first !== undefined; first = begun.shift()) yield await first
  } finally {
    await Promise.allSettled(begun)
  }
}
