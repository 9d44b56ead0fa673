import { createHash } from 'node:crypto'
import { chmod, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../sandbox/random.ts'

export const DAMAGES = ['flip', 'cut', 'delete'] as const
export type Damage = (typeof DAMAGES)[number]

/** Damages a file the way a disk or a person does, and returns the bytes that it has afterwards; null: it is gone. */
export async function damage(file: string, kind: Damage, random: Random): Promise<Buffer | null> {
  if (kind === 'delete') {
    await rm(file)
    return null
  }
  const bytes = await readFile(file)
  await chmod(file, 0o600)
  if (kind === 'cut' || bytes.length === 0) await truncate(file, Math.max(0, bytes.length - random.between(1, 9)))
  else {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    await writeFile(file, bytes)
  }
  await chmod(file, 0o444)
  return await readFile(file)
}

/** Every file below a folder with the SHA-256 of its bytes, by its path; empty when there is no such folder. */
export async function digestsBelow(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = new Map<string, string>()
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name)
    files.set(
      path.slice(folder.length + 1),
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    )
  }
  return files
}
