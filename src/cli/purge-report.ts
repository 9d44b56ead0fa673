import type { Namer } from '../maintenance/purge/names.ts'
import type { PlannedObject, PurgePlan } from '../maintenance/purge/plan.ts'
import type { PurgeReport } from '../maintenance/purge/purge.ts'
import { formatBytes, formatTime, plural, safe } from './format.ts'
import type { Theme } from './theme.ts'
import { purgedWords } from './version-provenance.ts'

/** Names shown for an object that stays; there may be thousands. */
const MOST_NAMERS = 3

/** What a purge would do, version by version, and what stays in spite of it. */
export function renderPlan(plan: PurgePlan, theme: Theme): string[] {
  const byDigest = new Map(plan.objects.map((object) => [object.digest, object]))
  const told = new Set<string>()
  const lines: string[] = []
  for (const { row, entry, isCurrent } of plan.versions) {
    const size = row.size === null ? 'a record without bytes' : formatBytes(row.size)
    const when = `${theme.dim('from')} ${formatTime(row.since ?? row.capturedAt)}`
    lines.push(`${theme.strong(safe(row.publicId))}  ${theme.accent(row.version)}  ${when}  ${size}`)
    if (isCurrent) lines.push(theme.warn('    its state in the account: the next backup fetches it again'))
    if (row.purged !== null) lines.push(theme.dim(`    ${purgedWords(row.purged)}`))
    const original = entry.object === null ? undefined : byDigest.get(entry.object)
    if (original !== undefined) {
      lines.push(...objectLines(original, 'its bytes', theme))
      told.add(original.digest)
    }
  }
  for (const object of plan.objects.filter(({ digest }) => !told.has(digest))) {
    lines.push(...objectLines(object, 'bytes of a derived asset', theme))
  }
  for (const path of plan.files) lines.push(`    ${theme.bad('removed')}  library/${safe(plan.cloud)}/${safe(path)}`)
  for (const { publicId, version, versionId, reason } of plan.deletions) {
    lines.push(
      versionId === null
        ? `    ${theme.warn('stays')}    version ${version} of ${safe(publicId)} in Cloudinary: ${safe(reason ?? '')}`
        : `    ${theme.bad('removed')}  version ${safe(versionId)} of ${safe(publicId)} in Cloudinary's own backup`,
    )
  }
  return lines
}

function objectLines(object: PlannedObject, what: string, theme: Theme): string[] {
  const { digest, size, goes, because, besides } = object
  const name = theme.dim(digest)
  const copies = besides.map((key) => `    ${theme.bad('removed')}  ${key}`)
  if (goes && size === null) return [`    ${theme.dim('absent')}   ${what}  ${name}`, ...copies]
  if (goes) return [`    ${theme.bad('removed')}  ${what}  ${name}  ${formatBytes(size ?? 0)}`, ...copies]
  const more = because.length > MOST_NAMERS ? [`             and ${because.length - MOST_NAMERS} more`] : []
  return [
    `    ${theme.warn('stays')}    ${what}  ${name}, because the same bytes are`,
    ...because.slice(0, MOST_NAMERS).map((namer) => `             ${namerWords(namer)}`),
    ...more,
  ]
}

function namerWords(namer: Namer): string {
  switch (namer.kind) {
    case 'version': {
      const what = namer.isOriginal ? '' : 'a derived asset of '
      return `${what}${safe(namer.publicId)}@${namer.version} in ${safe(namer.cloud)}`
    }
    case 'manifest':
      return `what ${safe(namer.key)} is made of`
    case 'run':
      return 'what an unfinished backup has just fetched; let cloudkeep backup finish first'
  }
}

export function renderReport(report: PurgeReport, theme: Theme): string[] {
  const { atCloudinary } = report
  const lines = [
    `${theme.ok(theme.marks.ok)} purged ${plural(report.versions, 'version')}: ${plural(report.objects, 'object')} with ${formatBytes(report.bytes)} and ${plural(report.files, 'file')} of the library are gone`,
  ]
  if (atCloudinary.deleted > 0) {
    lines.push(
      `${theme.ok(theme.marks.ok)} ${plural(atCloudinary.deleted, 'version')} gone from Cloudinary's own backup`,
    )
  }
  for (const { publicId, versionId, reason } of atCloudinary.failed) {
    lines.push(
      `${theme.bad(theme.marks.bad)} version ${safe(versionId)} of ${safe(publicId)} is still in Cloudinary's backup: ${safe(reason)}`,
    )
  }
  return lines
}

/** What programs read of a plan: a line a version and a line an object. */
export function planRecords(plan: PurgePlan): readonly (readonly [type: string, fields: object])[] {
  return [
    ...plan.versions.map(({ row, isCurrent }): [string, object] => {
      const { assetId, version, publicId, object, size, purged } = row
      return [
        'planned-version',
        { assetId, version, publicId, object, size, isCurrent, alreadyPurged: purged !== null },
      ]
    }),
    ...plan.objects.map(({ digest, size, goes, because, besides }): [string, object] => [
      'planned-object',
      { object: digest, size, removed: goes, namedBy: because, copies: besides },
    ]),
    ...plan.files.map((path): [string, object] => ['planned-file', { path }]),
    ...plan.deletions.map((deletion): [string, object] => ['planned-deletion', deletion]),
  ]
}
