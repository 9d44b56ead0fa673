import { createHash } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createGroup } from '../lib/group.ts'
import { diskError } from '../vault/disk-error.ts'
import { encoded, type FolderPacking, packFolder } from './folder-packing.ts'
import type { WrittenFile } from './folder-writer.ts'
import type { Packing } from './packing.ts'
import type { ExportSource } from './report.ts'

export interface BagFacts {
  readonly source: ExportSource
  readonly tool: string
  /** The day of the export, as `YYYY-MM-DD`. */
  readonly date: string
}

const MANIFEST = 'manifest-sha256.txt'
const TAG_MANIFEST = 'tagmanifest-sha256.txt'

/**
 * A bag of RFC 8493: the payload below `data/`, a manifest with the SHA-256 of every file in it, and tag files that
 * describe it. `bagit.txt` comes last, so that a folder that was left half way is no bag.
 */
export async function packBag(folder: FolderPacking, facts: BagFacts): Promise<Packing> {
  const path = join(folder.place.root, MANIFEST)
  const manifest = await openManifest(path).catch((error: unknown) => {
    throw diskError(error, `write ${path}`)
  })
  const packing = packFolder(folder, {
    payload: 'data/',
    added: manifest.add,
    complete: async (writer) => {
      const listed = await manifest.end()
      const tags: [name: string, digest: string][] = [[MANIFEST, listed.digest]]
      const write = async (name: string, text: string): Promise<void> => {
        const { digest } = await writer.write(name, encoded([text]), null)
        tags.push([name, digest])
      }
      await write('bag-info.txt', bagInfo(facts, listed))
      await write('bagit.txt', 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n')
      const lines = tags.map(([name, digest]) => `${digest}  ${name}\n`)
      await writer.write(TAG_MANIFEST, encoded(lines), null)
    },
  })
  return {
    ...packing,
    async abandon() {
      await manifest.close()
      await packing.abandon()
    },
  }
}

interface Manifest {
  add(path: string, file: WrittenFile): Promise<void>
  /** Makes it durable. `octets` and `files` are those of the payload. */
  end(): Promise<{ readonly digest: string; readonly octets: number; readonly files: number }>
  close(): Promise<void>
}

/** Written while the payload is, so that a million files cost no memory. */
async function openManifest(path: string): Promise<Manifest> {
  await rm(path, { force: true })
  const file = await open(path, 'wx')
  const hash = createHash('sha256')
  let [octets, files] = [0, 0]
  let isOpen = true
  const lines = createGroup<string>(async (batch) => {
    const bytes = Buffer.from(batch.join(''), 'utf8')
    hash.update(bytes)
    await appendAll(file, bytes)
  })
  const close = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await file.close()
  }
  return {
    close,
    async add(name, { digest, size }) {
      octets += size
      files += 1
      await lines.add(`${digest}  ${manifestPath(name)}\n`)
    },
    async end() {
      await file.sync()
      await close()
      return { digest: hash.digest('hex'), octets, files }
    },
  }
}

async function appendAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at)).bytesWritten
}

/** RFC 8493, 2.1.3: line ends and the percent sign, and only those, are encoded. */
const manifestPath = (path: string): string =>
  path.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')

function bagInfo(
  { source, tool, date }: BagFacts,
  { octets, files }: { readonly octets: number; readonly files: number },
): string {
  const { cloud, snapshot, selection } = source
  const fields: readonly (readonly [string, string])[] = [
    ['Bag-Software-Agent', tool],
    ['Bagging-Date', date],
    ['Bag-Size', humanSize(octets)],
    ['Payload-Oxum', `${octets}.${files}`],
    ['External-Identifier', `cloudkeep:${cloud}/${snapshot.id}`],
    ['External-Description', `Cloudinary account ${cloud} as of ${snapshot.takenAt}: ${selection}`],
  ]
  return fields.map(([name, value]) => `${name}: ${value.replace(/[\u0000-\u001f\u007f]+/gu, ' ')}\n`).join('')
}

/** As the RFC's own example: `42.6 GB`. */
function humanSize(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`
}
