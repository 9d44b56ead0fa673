import { createCrew } from '../lib/crew.ts'
import type { Vault } from '../vault/vault.ts'
import type { FolderPlace } from './folder-place.ts'
import { createFolderWriter, type FolderWriter, type WrittenFile } from './folder-writer.ts'
import type { OnBytes, Original, Packing, Settled } from './packing.ts'
import { createReading } from './reading.ts'

export interface FolderPacking {
  readonly vault: Vault
  readonly place: FolderPlace
  /** Files at a time. */
  readonly concurrency: number
  readonly onBytes: OnBytes
  readonly signal: AbortSignal
}

/** What a bag adds to a folder. */
interface Shape {
  /** Before every path: `''`, or `data/`. */
  readonly payload: string
  /** Told of every file of the payload, in no order. */
  readonly added: (path: string, file: WrittenFile) => void | Promise<void>
  /** What makes it whole, once all files are there. */
  readonly complete: (writer: FolderWriter) => Promise<void>
}

/** A plain folder of files. */
export const packTree = (folder: FolderPacking): Packing =>
  packFolder(folder, { payload: '', added: () => undefined, complete: async () => undefined })

export function packFolder(folder: FolderPacking, shape: Shape): Packing {
  const { place, concurrency } = folder
  const writer = createFolderWriter(place.root)
  return {
    async originals(files, settled) {
      const crew = createCrew(concurrency)
      for await (const original of files)
        await crew.run(() => addOriginal({ folder, shape, writer }, original, settled))
      await crew.finished()
    },
    absent: (path) => writer.remove(shape.payload + path),
    async generated(path, text) {
      const target = shape.payload + path
      await shape.added(target, await writer.write(target, encoded(text), null))
    },
    async finish() {
      await shape.complete(writer)
      await writer.sync()
      await place.release()
    },
    // Everything stays, under the mark that says so: the same export again goes on from here.
    abandon: async () => undefined,
  }
}

async function addOriginal(
  { folder, shape, writer }: { folder: FolderPacking; shape: Shape; writer: FolderWriter },
  original: Original,
  settled: Settled,
): Promise<void> {
  const { object, size, mtime } = original
  const path = shape.payload + original.path
  const found = folder.place.isContinued ? await writer.existing(path, size) : null
  if (found?.digest === object) {
    await shape.added(path, found)
    settled(original, { loss: null, wasThere: true })
    return
  }
  const reading = createReading(folder.vault, object, folder)
  try {
    await shape.added(path, await writer.write(path, reading.bytes(), mtime))
  } catch (error) {
    const loss = await reading.loss(error)
    await writer.remove(path)
    settled(original, { loss, wasThere: false })
    return
  }
  settled(original, { loss: null, wasThere: false })
}

/** Pieces of text as bytes, few and large. */
export async function* encoded(text: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Uint8Array, void, void> {
  let pieces: string[] = []
  let length = 0
  for await (const piece of text) {
    pieces.push(piece)
    length += piece.length
    if (length < 256 * 1024) continue
    yield Buffer.from(pieces.join(''), 'utf8')
    pieces = []
    length = 0
  }
  if (length > 0) yield Buffer.from(pieces.join(''), 'utf8')
}
