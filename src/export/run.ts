import { isAppError } from '../model/errors.ts'
import type { Chosen } from '../restore/selection.ts'
import { isOneObjects } from '../vault/object-loss.ts'
import { assetLines, configurationText, csvLines, exportText, foldersText, leftOutLines } from './metadata.ts'
import { createNaming } from './naming.ts'
import type { Original, Packing, Settled } from './packing.ts'
import { readmeText } from './readme.ts'
import type { ExportOptions, ExportReport, ExportSource, LeftOut } from './report.ts'
import { type Exporting, keyOf, listLost } from './state.ts'

/**
 * Takes what was chosen out of the vault, into the packing: the files, each proven, and then the metadata, which know
 * what had to be left out. Throws when the other side fails; the packing then says what it left behind.
 */
export async function exportAssets(
  source: ExportSource,
  packing: Packing,
  options: ExportOptions,
  signal: AbortSignal,
): Promise<ExportReport> {
  const started = options.now().getTime()
  const counts = { assets: 0, files: 0, bytes: 0, there: 0, recordsOnly: 0 }
  const exporting: Exporting = { source, options, signal, leftOut: new Map(), counts }
  try {
    await packing.generated('README.txt', [readmeText(source)])
    await packing.originals(originalsOf(exporting, packing), settling(exporting))
    await addMetadata(exporting, packing)
    tell(exporting, 'finish')
    await packing.finish()
  } catch (error) {
    await packing.abandon()
    throw error
  }
  return {
    cloud: source.cloud,
    snapshot: source.snapshot.id,
    ...counts,
    leftOut: [...exporting.leftOut.values()],
    durationMs: options.now().getTime() - started,
  }
}

async function addMetadata(exporting: Exporting, packing: Packing): Promise<void> {
  const { source, leftOut } = exporting
  tell(exporting, 'metadata')
  await packing.generated('metadata/assets.ndjson', assetLines(exporting))
  await packing.generated('metadata/assets.csv', csvLines(exporting))
  const { folders, configuration } = source.snapshot
  if (source.isWhole) {
    await addPart(exporting, packing, { file: 'metadata/folders.json', object: folders, write: foldersText })
    await addPart(exporting, packing, {
      file: 'metadata/configuration.json',
      object: configuration,
      write: configurationText,
    })
  }
  if (leftOut.size > 0) await packing.generated('metadata/left-out.ndjson', leftOutLines(exporting))
  else await packing.absent('metadata/left-out.ndjson')
  await packing.generated('metadata/export.json', [exportText(exporting)])
}

interface Part {
  readonly file: string
  /** Null: the account was never read that far. */
  readonly object: string | null
  readonly write: (lines: readonly string[]) => Iterable<string>
}

/** Read to its end before it is written: only then is it known to be right. */
async function addPart(
  { source, leftOut, signal }: Exporting,
  packing: Packing,
  { file, object, write }: Part,
): Promise<void> {
  if (object === null) return
  const lines: string[] = []
  try {
    for await (const line of source.vault.readLines(object, signal)) lines.push(line)
  } catch (error) {
    if (!(await isOneObjects(source.vault, error))) throw error
    await packing.absent(file)
    leftOut.set(file, { file, assetId: null, publicId: null, version: null, object, ...describe(error) })
    return
  }
  await packing.generated(file, write(lines))
}

async function* originalsOf(exporting: Exporting, packing: Packing): AsyncIterable<Original> {
  const { source, counts, signal } = exporting
  const pathOf = createNaming(source.mayCollide)
  for await (const chosen of source.chosen(listLost(exporting))) {
    signal.throwIfAborted()
    counts.assets += 1
    const { entry, purged } = chosen
    const path = pathOf(entry)
    const { object, size } = entry
    if (object === null || size === null || path === null) counts.recordsOnly += 1
    else if (purged) {
      leaveOut(exporting, { entry, path }, { code: 'purged', reason: 'it was purged on purpose' })
      await packing.absent(path)
    } else yield { entry, object, size, path, mtime: timeOf(chosen) }
  }
}

function leaveOut(
  { leftOut }: Exporting,
  { entry, path }: Pick<Original, 'entry' | 'path'>,
  why: Pick<LeftOut, 'code' | 'reason'>,
): void {
  const { assetId, publicId, version, object } = entry
  leftOut.set(keyOf(entry), { file: path, assetId, publicId, version, object, ...why })
}

/** The time of the upload, as the library shows it. */
function timeOf({ entry: { facts, capturedAt } }: Chosen): number {
  for (const text of [facts.uploadedAt, facts.createdAt, capturedAt]) {
    const time = text === null ? Number.NaN : Date.parse(text)
    if (!Number.isNaN(time)) return time
  }
  return 0
}

const settling =
  (exporting: Exporting): Settled =>
  (original, { loss, wasThere }) => {
    const { counts } = exporting
    if (loss !== null) leaveOut(exporting, original, describe(loss))
    else {
      counts.files += 1
      counts.bytes += original.size
      if (wasThere) counts.there += 1
    }
    tell(exporting, 'files')
  }

function describe(loss: unknown): Pick<LeftOut, 'code' | 'reason'> {
  const reason = loss instanceof Error ? loss.message : String(loss)
  if (isAppError(loss, 'OBJECT_NOT_FOUND')) return { code: 'object-missing', reason }
  return { code: isAppError(loss, 'OBJECT_CORRUPT') ? 'object-corrupt' : 'object-unreadable', reason }
}

function tell({ source, options, counts }: Exporting, phase: 'files' | 'metadata' | 'finish'): void {
  options.onProgress({
    phase,
    done: counts.files,
    total: source.expected.assets,
    bytes: counts.bytes,
    totalBytes: source.expected.bytes,
  })
}
