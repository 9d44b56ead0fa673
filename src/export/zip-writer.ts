import { crc32, createDeflateRaw } from 'node:zlib'
import { AppError } from '../model/errors.ts'
import { centralHeader, dataDescriptor, endRecords, localHeader, type Measured, type ZipEntry } from './zip-records.ts'

/** Takes bytes in order; resolves when it can take more. */
export type Sink = (bytes: Uint8Array) => Promise<void>

/**
 * A zip file that is written from its beginning to its end and never looks back, so that it may go into a pipe. Keeps
 * of each entry what the directory at the end needs: 55 bytes and its name.
 */
export interface ZipWriter {
  /** Stores bytes as they are. Throws OBJECT_CORRUPT when they are not what was announced; the file is then useless. */
  stored(name: string, mtime: number, announced: { crc: number; size: number }, bytes: Pieces): Promise<void>
  /** Compresses bytes of a length that nobody knows yet. */
  deflated(name: string, mtime: number, bytes: Pieces): Promise<void>
  end(): Promise<void>
}

type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Small writes are gathered to this many bytes. */
const GATHER = 512 * 1024

export function createZipWriter(sink: Sink): ZipWriter {
  const out = createGathering(sink)
  // Many records to a buffer: a million small ones would cost twice their bytes.
  const directory: Buffer[] = []
  let recent: Buffer[] = []
  let entries = 0

  const begin = async (entry: Omit<ZipEntry, 'name' | 'offset'> & { readonly name: string }): Promise<ZipEntry> => {
    const begun = { ...entry, name: Buffer.from(entry.name, 'utf8'), offset: out.written() }
    if (begun.name.length > 0xffff)
      throw new AppError('STORE_REFUSED', `a zip file cannot hold a name as long as ${entry.name}`)
    await out.write(localHeader(begun))
    return begun
  }
  const finish = (entry: ZipEntry, measured: Measured): void => {
    recent.push(centralHeader(entry, measured))
    entries += 1
    if (recent.length < 1024) return
    directory.push(Buffer.concat(recent))
    recent = []
  }
  return {
    async stored(name, mtime, { crc, size }, bytes) {
      const known = { crc, size, compressed: size }
      const entry = await begin({ name, mtime, method: 'stored', known })
      const counted = { crc: 0, size: 0 }
      for await (const piece of bytes) {
        counted.crc = crc32(piece, counted.crc)
        counted.size += piece.byteLength
        await out.write(piece)
      }
      if (counted.crc !== crc || counted.size !== size)
        throw new AppError('OBJECT_CORRUPT', `the bytes of ${name} changed while they were exported`)
      finish(entry, known)
    },
    async deflated(name, mtime, bytes) {
      const entry = await begin({ name, mtime, method: 'deflated', known: null })
      const measured = await deflate(bytes, out.write)
      await out.write(dataDescriptor(measured))
      finish(entry, measured)
    },
    async end() {
      const offset = out.written()
      for (const records of [...directory, ...recent]) await out.write(records)
      await out.write(endRecords({ entries, offset, size: out.written() - offset }))
      await out.flush()
    },
  }
}

async function deflate(bytes: Pieces, write: Sink): Promise<Measured> {
  const compressor = createDeflateRaw({ level: 6, chunkSize: 64 * 1024 })
  const measured = { crc: 0, size: 0, compressed: 0 }
  const feeding = (async () => {
    try {
      for await (const piece of bytes) {
        measured.crc = crc32(piece, measured.crc)
        measured.size += piece.byteLength
        await new Promise<void>((resolve, reject) => {
          compressor.write(piece, (error) => (error ? reject(error) : resolve()))
        })
      }
      compressor.end()
    } catch (error) {
      compressor.destroy(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  })()
  // Whatever it says, the loop below hears it from the stream too; this keeps it from being called unhandled.
  feeding.catch(() => undefined)
  for await (const piece of compressor) {
    const packed = piece as Buffer
    measured.compressed += packed.byteLength
    await write(packed)
  }
  await feeding
  return measured
}

/** Counts, and turns many small writes into few. */
function createGathering(sink: Sink): { write: Sink; flush(): Promise<void>; written(): number } {
  let pieces: Uint8Array[] = []
  let gathered = 0
  let total = 0
  const flush = async (): Promise<void> => {
    const [first] = pieces
    const bytes = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)
    pieces = []
    gathered = 0
    if (bytes.byteLength > 0) await sink(bytes)
  }
  return {
    flush,
    written: () => total,
    async write(bytes) {
      pieces.push(bytes)
      gathered += bytes.byteLength
      total += bytes.byteLength
      if (gathered >= GATHER) await flush()
    },
  }
}
