import type { SnapshotRow, VersionRow } from '../../catalog/catalog.ts'
import type { Entry } from '../../model/entry.ts'
import type { AppError } from '../../model/errors.ts'
import type { Json } from '../../model/json.ts'
import { chooseCloud } from '../account-choice.ts'
import { assetRecord } from '../asset-record.ts'
import { type FoundAsset, findAsset } from '../asset-ref.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { readEntry } from '../entry-lookup.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatTime, plural, safe } from '../format.ts'
import { renderFacts } from '../table.ts'
import { contextOf } from '../version-changes.ts'
import { purgedWords } from '../version-provenance.ts'

export const show: CliCommand = {
  name: 'show',
  summary: 'show everything that is known about one version of an asset',
  group: 'look',
  operands: [['<ASSET[@VERSION]>', 'an asset, perhaps with a version: an id, a number, a snapshot or a date']],
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings, signal } = call
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const { found, snapshots } = await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, settings.config)
    return { found: await findAsset(reader, cloud, call.operands[0] ?? ''), snapshots: await reader.snapshots(cloud) }
  })
  const { version } = found
  const onLoss = (error: AppError): void => {
    out.insist(out.talk.warn(`its record cannot be read: ${safe(error.message)}`))
  }
  const entry = await readEntry({ vault: await ctx.vault(), snapshots, signal, onLoss }, version)
  out.record('version', {
    ordinal: found.ordinal,
    ...assetRecord(version),
    facts: entry?.facts ?? null,
    raw: entry?.raw ?? null,
  })
  for (const line of renderFacts(factsOf(found, snapshots, entry), out.theme.dim)) out.line(line)
  return { exit: EXIT.done, summary: { cloud: version.cloud, assetId: version.assetId, version: version.version } }
}

type Fact = readonly [string, string | null]

function factsOf(found: FoundAsset, snapshots: readonly SnapshotRow[], entry: Entry | null): Fact[] {
  const { version, versions, ordinal } = found
  const time = (iso: string | null): string | null => (iso === null ? null : formatTime(iso))
  return [
    ['public_id', safe(version.publicId)],
    ['kind', `${version.resourceType}/${version.type}${version.format ? ` ${safe(version.format)}` : ''}`],
    ['asset_id', version.assetId],
    ['library', version.path === null ? null : safe(version.path)],
    ['folder', version.folder === null ? null : safe(version.folder) || '/'],
    ['display name', version.displayName === null ? null : safe(version.displayName)],
    ['version', `${version.version}  (${ordinal} of ${versions.length}, cld_version ${version.cldVersion})`],
    ['status', statusOf(found, snapshots)],
    ['purged', version.purged && purgedWords(version.purged)],
    ['kept', keptOf(version)],
    ['size', version.size === null ? 'kept as a record, without bytes' : formatBytes(version.size)],
    ['dimensions', dimensions(version.width, version.height, version.duration)],
    ['created', time(version.createdAt)],
    ['uploaded', time(version.uploadedAt)],
    ['updated', time(version.updatedAt)],
    ['tags', version.tags.length === 0 ? null : version.tags.map(safe).join(', ')],
    ['context', compact(entry && contextOf(entry.facts))],
    ['metadata', compact(entry?.facts.metadata ?? null)],
    ['access', compact(entry?.facts.accessControl ?? null) ?? entry?.facts.accessMode ?? null],
    ['moderation', moderation(entry)],
    ['coordinates', compact(entry?.facts.coordinates ?? null)],
    ['original name', entry?.facts.originalFilename ? safe(entry.facts.originalFilename) : null],
    ['sha256', version.object],
    [
      'md5',
      version.md5 === null
        ? null
        : `${version.md5}${version.proof === 'md5' ? ' (agrees with the account)' : version.proof === 'length' ? ' (the account states none; length agrees)' : ''}`,
    ],
    ['url', entry?.facts.secureUrl ? safe(entry.facts.secureUrl) : null],
    [
      'records',
      entry === null ? null : `${plural(Object.keys(entry.raw).length, 'raw record')} kept; --json prints them`,
    ],
  ]
}

function statusOf({ version, versions, ordinal }: FoundAsset, snapshots: readonly SnapshotRow[]): string {
  if (version.untilSeq === null) return 'current'
  if (version.origin !== 'snapshot') {
    const until = version.until === null ? '' : ` until ${formatTime(version.until)}`
    return version.since === null
      ? 'in no snapshot'
      : `in no snapshot; the state from ${formatTime(version.since)}${until}`
  }
  const next = versions[ordinal]
  const isSucceeded = next?.assetId === version.assetId && [version.untilSeq, 0].includes(next.fromSeq)
  const what = isSucceeded ? 'replaced by the next version' : 'gone from the account'
  const until = snapshots.find((row) => row.seq === version.untilSeq)
  return `${what}${until ? ` as of ${formatTime(until.snapshot.takenAt)}` : ''}`
}

function keptOf({ capturedAt, change, origin }: VersionRow): string {
  if (origin === 'import') return `${formatTime(capturedAt)}, imported from Cloudinary's backup`
  return `${formatTime(capturedAt)} (${change})${origin === 'retention' ? ', outlives its snapshots' : ''}`
}

function dimensions(width: number | null, height: number | null, duration: number | null): string | null {
  const parts = [
    width !== null && height !== null ? `${width} × ${height}` : null,
    duration === null ? null : `${duration} s`,
  ]
  return parts.filter((part) => part !== null).join(', ') || null
}

const moderation = (entry: Entry | null): string | null =>
  entry?.facts.moderation.map(({ kind, status }) => safe(`${kind ?? '?'}: ${status ?? '?'}`)).join(', ') || null

/** `key: value` pairs for a flat object, JSON for anything deeper; null for nothing. */
function compact(value: Json): string | null {
  if (value === null || value === '') return null
  if (typeof value !== 'object') return safe(String(value))
  if (Array.isArray(value)) return value.length === 0 ? null : safe(JSON.stringify(value))
  const pairs = Object.entries(value)
  if (pairs.length === 0) return null
  return pairs
    .map(([key, each]) => safe(`${key}: ${typeof each === 'string' ? each : JSON.stringify(each)}`))
    .join(', ')
}
