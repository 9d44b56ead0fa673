import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Entry } from '../../src/model/entry.ts'
import type { Chosen } from '../../src/restore/selection.ts'
import { memoryBody } from '../../src/vault/body.ts'
import { createVault } from '../../src/vault/create.ts'
import { openFsStore } from '../../src/vault/stores/fs.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { sampleEntry } from './manifest.ts'

/** A vault on disk whose objects a test puts in by hand, and a folder beside it. */
export interface Kept {
  readonly root: string
  readonly vault: Vault
  /** Not made yet. */
  readonly target: string
  keep(path: string | null, bytes: string | Uint8Array, changes?: Partial<Entry>): Promise<Chosen>
  fileOf(entry: Entry): string
  close(): Promise<void>
}

export async function createKept(): Promise<Kept> {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-kept-'))
  const root = join(folder, 'vault')
  const store = await openFsStore(root)
  const vault = await createVault(store, { now: new Date('2026-11-22T06:00:00Z'), id: 'kept', tool: 'cloudkeep test' })
  let count = 0
  return {
    root,
    vault,
    target: join(folder, 'out'),
    keep: async (path, content, changes = {}) => {
      const bytes = Buffer.from(content)
      const object = createHash('sha256').update(bytes).digest('hex')
      await vault.putObject(object, memoryBody(bytes))
      count += 1
      const hex = count.toString(16)
      const made = sampleEntry({
        assetId: hex.padStart(32, '0'),
        version: hex.padEnd(16, 'f'),
        publicId: path ?? `asset ${count}`,
        object,
        size: bytes.length,
        path,
        ...changes,
      })
      return { entry: { ...made, facts: { ...made.facts, assetId: made.assetId } }, purged: false }
    },
    fileOf: ({ object }) => join(root, 'objects', object?.slice(0, 2) ?? '', object ?? ''),
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

export async function* inTurn<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  yield* items
}
