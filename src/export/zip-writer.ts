import { ReadableStream, WritableStream } from 'node:stream/web'
import { getHeapStatistics } from 'node:v8'
import { crc32 } from 'node:zlib'
import { type EntryMetaData, ZipWriter as Library } from '@zip.js/zip.js/lib/zip-core-writer.js'
import { AppError } from '../model/errors.ts'

/** Takes bytes in order; resolves when it can take more. */
export type Sink = (bytes: Uint8Array) => Promise<void>

/**
 * A zip file that is written from its beginning to its end and never looks back, so that it may go into a pipe. One
 * entry at a time. After an error it is of no use any more, and `end` must not be called.
 */
export interface ZipWriter {
  /** Stores bytes as they are. Throws OBJECT_CORRUPT when they are not what was announced. */
  stored(name: string, mtime: number, announced: Announced, bytes: Pieces): Promise<void>
  /** Compresses bytes of a length that nobody knows yet. */
  deflated(name: string, mtime: number, bytes: Pieces): Promise<void>
  end(): Promise<void>
}

interface Announced {
  readonly crc: number
  readonly size: number
}

type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Bytes of the heap that the library holds of each entry until the end, and what else a run may need of it. */
const HEAP_PER_ENTRY = 3500
const HEAP_FOR_THE_REST = 256 * 1024 * 1024

/**
 * `limit` is the number of entries at which it gives up with STORE_REFUSED: left to itself the process would fall over
 * for want of memory, and say nothing of use.
 */
export function createZipWriter(sink: Sink, limit = entriesThatFit()): ZipWriter {
  const library = new Library(new WritableStream<Uint8Array>({ write: sink }), {
    useWebWorkers: false,
    // Not only for those that need it: readers guess at names without the mark.
    useUnicodeFileNames: true,
  })
  let entries = 0
  const add = async (...entry: Parameters<typeof library.add>): Promise<void> => {
    if (entries >= limit) throw tooMany(limit)
    entries += 1
    forget(await library.add(...entry))
  }
  return {
    async stored(name, mtime, announced, bytes) {
      const lastModDate = new Date(mtime)
      const { crc, size } = announced
      const checked = comparing(name, announced, bytes)
      if (size === 0) {
        for await (const piece of checked) void piece
        await add(name, null, { lastModDate })
        return
      }
      // Handed over as if packed already: that alone makes the library write length and checksum in front, where
      // readers of streams look for them, and not compute a checksum of its own, at a quarter of the speed.
      await add(
        name,
        { readable: ReadableStream.from(checked), size },
        { lastModDate, passThrough: 'compressed', compressionMethod: 0, uncompressedSize: size, crc32: crc },
      )
    },
    deflated: (name, mtime, bytes) =>
      add(name, { readable: ReadableStream.from(bytes) }, { lastModDate: new Date(mtime) }),
    async end() {
      await library.close()
    },
  }
}

/** The bytes; throws instead of ending when they are not what was announced. */
async function* comparing(name: string, { crc, size }: Announced, bytes: Pieces): AsyncGenerator<Uint8Array> {
  const counted = { crc: 0, size: 0 }
  for await (const piece of bytes) {
    counted.crc = crc32(piece, counted.crc)
    counted.size += piece.byteLength
    yield piece
  }
  if (counted.crc !== crc || counted.size !== size)
    throw new AppError('OBJECT_CORRUPT', `the bytes of ${name} changed while they were exported`)
}

/** The library holds on to the description it gives back, beside its own. Emptied, an entry takes 3 KB and not 5. */
function forget(description: EntryMetaData): void {
  for (const key of Object.keys(description)) Reflect.deleteProperty(description, key)
}

const entriesThatFit = (): number =>
  Math.max(1000, Math.floor((getHeapStatistics().heap_size_limit - HEAP_FOR_THE_REST) / HEAP_PER_ENTRY))

const tooMany = (limit: number): AppError =>
  new AppError('STORE_REFUSED', `a zip file of more than ${limit} files needs more memory than this process may have`, {
    hint: 'export a part at a time with --folder or --tag, take another --format, or set NODE_OPTIONS=--max-old-space-size',
  })
