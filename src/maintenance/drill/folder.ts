import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { createHashTap } from '../../lib/hash.ts'
import type { Entry } from '../../model/entry.ts'
import { parseJson } from '../../model/shape.ts'
import type { FolderFile } from '../../restore/folder/report.ts'
import { restoreToFolder } from '../../restore/folder/to-folder.ts'
import type { Chosen } from '../../restore/selection.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Rehearsal } from './drill.ts'
import { type DrillResult, FOLDER_TARGET } from './record.ts'

export interface FolderRehearsalOptions {
  /** There already; a folder of our own is made in it and removed at the end. */
  readonly parent: string
  readonly concurrency: number
}

/** Rehearses in a folder: restores as `restore` does, then reads every file anew, by code that did not write it. */
export async function openFolderRehearsal(
  deps: { readonly vault: Vault; readonly now: () => Date },
  { parent, concurrency }: FolderRehearsalOptions,
): Promise<Rehearsal> {
  const scratch = await mkdtemp(join(parent, 'cloudkeep-drill-'))
  let count = 0
  return {
    target: FOLDER_TARGET,
    atOnce: { assets: 500, bytes: 512 * 1024 * 1024 },
    rehearse: async (chosen, signal) => {
      count += 1
      const target = join(scratch, String(count))
      const files = new Map<string, FolderFile>()
      try {
        const report = await restoreToFolder(
          { ...deps, listen: (event) => event.type === 'file' && files.set(event.file.assetId, event.file) },
          inTurn(chosen),
          { target, onConflict: 'skip', sidecars: ['json'], concurrency, dryRun: false },
          signal,
        )
        const results: DrillResult[] = []
        for (const { entry } of chosen) results.push(await compare(target, entry, files.get(entry.assetId), signal))
        return { results, restoreMs: report.durationMs }
      } finally {
        await rm(target, { recursive: true, force: true })
      }
    },
    close: () => rm(scratch, { recursive: true, force: true }),
  }
}

async function* inTurn(chosen: readonly Chosen[]): AsyncGenerator<Chosen, void, void> {
  yield* chosen
}

async function compare(
  target: string,
  entry: Entry,
  file: FolderFile | undefined,
  signal: AbortSignal,
): Promise<DrillResult> {
  const { assetId, publicId, version, object, size } = entry
  const result = { assetId, publicId, version, object, size }
  if (file?.path == null || file.outcome !== 'restored') {
    return { ...result, outcome: 'failed', code: file?.code ?? null, reason: file?.reason ?? 'it was not restored' }
  }
  const wrong = [
    await bytesDiffer(join(target, file.path), entry, signal),
    await factsDiffer(join(target, file.sidecars[0] ?? ''), entry),
  ].find((difference) => difference !== null)
  return wrong === undefined
    ? { ...result, outcome: 'same', code: null, reason: null }
    : { ...result, outcome: 'failed', code: null, reason: wrong }
}

/** In words; null when the file is what the manifest says. */
async function bytesDiffer(path: string, entry: Entry, signal: AbortSignal): Promise<string | null> {
  const tap = createHashTap({ md5: entry.md5 !== null })
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1024 * 1024 })) tap.update(chunk)
  const { size, sha256, md5 } = tap.finish()
  if (size !== entry.size) return `the restored file has ${size} bytes, not ${entry.size}`
  if (sha256 !== entry.object) return `the restored file has the SHA-256 ${sha256}`
  if (md5 !== entry.md5) return `the restored file has the MD5 ${md5}, the account stated ${entry.md5}`
  const time = Date.parse(entry.facts.uploadedAt ?? entry.facts.createdAt ?? entry.capturedAt)
  const { mtimeMs } = await stat(path)
  // FAT keeps times to two seconds.
  if (Number.isFinite(time) && Math.abs(mtimeMs - time) > 2000) return 'the restored file has another time'
  return null
}

async function factsDiffer(path: string, { publicId, facts }: Entry): Promise<string | null> {
  const found = parseJson(await readFile(path, 'utf8'))
  const wanted = {
    public_id: publicId,
    tags: facts.tags,
    context: facts.context,
    metadata: facts.metadata,
    folder: facts.folder,
    access_control: facts.accessControl,
  }
  const isObject = typeof found === 'object' && found !== null
  const different = Object.entries(wanted).find(
    ([name, value]) => !isObject || !isDeepStrictEqual(new Map(Object.entries(found)).get(name), value),
  )
  return different === undefined ? null : `the restored record has another ${different[0]}`
}
