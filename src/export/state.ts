import type { Entry } from '../model/entry.ts'
import type { ExportOptions, ExportSource, LeftOut } from './report.ts'

/** What is known of an export while it is made. */
export interface Exporting {
  readonly source: ExportSource
  readonly options: ExportOptions
  readonly signal: AbortSignal
  /** By `keyOf`, or by the file where it is none of an asset's. */
  readonly leftOut: Map<string, LeftOut>
  readonly counts: { assets: number; files: number; bytes: number; there: number; recordsOnly: number }
}

export const keyOf = ({ assetId, version }: Pick<Entry, 'assetId' | 'version'>): string => `${assetId}@${version}`
