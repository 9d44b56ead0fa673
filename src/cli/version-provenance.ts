import type { VersionRow } from '../catalog/catalog.ts'
import { AppError } from '../model/errors.ts'
import { formatTime, safe } from './format.ts'

/** What people must know of a version that no snapshot keeps, or that is no longer there. */
export function provenance(row: VersionRow): readonly string[] {
  const words: string[] = []
  if (row.origin === 'import') words.push("(from Cloudinary's backup)")
  if (row.origin === 'retention') words.push('(outlives its snapshots)')
  if (row.purged !== null) words.push(`(${purgedWords(row.purged)})`)
  return words
}

/** `purged on 2026-11-22 09:00: asked for by the customer` */
export const purgedWords = ({ at, reason }: NonNullable<VersionRow['purged']>): string =>
  `purged on ${formatTime(at)}${reason === '' ? '' : `: ${safe(reason)}`}`

/** Throws VERSION_PURGED for a version whose bytes were removed on purpose. */
export function refusePurged(row: VersionRow): void {
  if (row.purged === null) return
  throw new AppError(
    'VERSION_PURGED',
    `version ${row.version} of "${safe(row.publicId)}" was ${purgedWords(row.purged)}`,
    { hint: 'its bytes are gone for good; cloudkeep show prints its record, cloudkeep versions lists the others' },
  )
}
