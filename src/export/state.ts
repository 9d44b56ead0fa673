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

/** The assets of a list that cannot be read are not known by name: the list is what is left out. */
export const listLost =
  ({ leftOut }: Exporting) =>
  (reason: string): void => {
    const none = { assetId: null, publicId: null, version: null, object: null }
    leftOut.set(reason, { file: 'originals', ...none, code: 'object-unreadable', reason })
  }

export const keyOf = ({ assetId, version }: Pick<Entry, 'assetId' | 'version'>): string => `${assetId}@${version}`
