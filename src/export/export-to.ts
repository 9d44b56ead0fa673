import { packBag } from './bag.ts'
import { packTree } from './folder-packing.ts'
import { claimFolder } from './folder-place.ts'
import { identityOfExport } from './metadata.ts'
import type { OnBytes, Packing } from './packing.ts'
import type { ExportOptions, ExportReport, ExportSource } from './report.ts'
import { exportAssets } from './run.ts'
import { packZip, type ZipTarget } from './zip-packing.ts'
import { openZipFile } from './zip-target.ts'
import type { Sink } from './zip-writer.ts'

/** An absolute path, or, for a zip, whoever takes its bytes. */
export type ExportTarget = { readonly path: string } | { readonly sink: Sink }

export interface ExportCall extends Omit<ExportOptions, 'onProgress'> {
  readonly target: ExportTarget
  /** Files at a time, where a format can take several. */
  readonly concurrency: number
  readonly onProgress: ExportOptions['onProgress']
  /** Bytes that went by, also of files that are under way. */
  readonly onBytes: OnBytes
}

/**
 * Exports to a folder or a file. A folder that holds the same export, finished or not, is completed; anything else that
 * is there is TARGET_EXISTS. A zip file appears under its name when it is whole.
 */
export async function exportTo(source: ExportSource, call: ExportCall, signal: AbortSignal): Promise<ExportReport> {
  return await exportAssets(source, await openPacking(source, call, signal), call, signal)
}

async function openPacking(source: ExportSource, call: ExportCall, signal: AbortSignal): Promise<Packing> {
  const { format, target, concurrency, onBytes, now, tool } = call
  const { vault } = source
  if (format === 'zip') {
    const open = 'sink' in target ? intoSink(target.sink) : await openZipFile(target.path)
    return packZip({ vault, target: open, now, onBytes, signal })
  }
  if ('sink' in target) throw new RangeError(`a ${format} export is no stream`)
  const summary = format === 'bagit' ? 'data/metadata/export.json' : 'metadata/export.json'
  const place = await claimFolder(target.path, identityOfExport({ source, options: call }), summary)
  const folder = { vault, place, concurrency, onBytes, signal }
  if (format === 'tree') return packTree(folder)
  return await packBag(folder, { source, tool, date: now().toISOString().slice(0, 10) })
}

const intoSink = (write: Sink): ZipTarget => ({
  write,
  finish: () => Promise.resolve(),
  abandon: () => Promise.resolve(),
})
