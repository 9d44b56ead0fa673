import type { Entry } from '../model/entry.ts'
import type { Json } from '../model/json.ts'
import type { Chosen } from '../restore/selection.ts'
import { createNaming } from './naming.ts'
import type { LeftOut } from './report.ts'
import { type Exporting, keyOf, listLost } from './state.ts'

/** One chosen version with the file that it has in the export, or why it has none. */
interface Listed {
  readonly entry: Entry
  readonly purged: boolean
  readonly file: string | null
  readonly leftOut: string | null
}

async function* listed(exporting: Exporting): AsyncIterable<Listed> {
  const { source, leftOut, signal } = exporting
  const pathOf = createNaming(source.mayCollide)
  for await (const { entry, purged } of source.chosen(listLost(exporting))) {
    signal.throwIfAborted()
    const path = pathOf(entry)
    const lost = leftOut.get(keyOf(entry))
    const reason = lost?.reason ?? (path === null ? 'kept as a record, without bytes' : null)
    yield { entry, purged, file: reason === null ? path : null, leftOut: reason }
  }
}

/** Every version as one line of JSON: where its file is, and the whole record as the vault keeps it. */
export async function* assetLines(exporting: Exporting): AsyncIterable<string> {
  for await (const { entry, purged, file, leftOut } of listed(exporting)) {
    const record = purged ? identityOf(entry) : entry
    yield `${JSON.stringify({ file, leftOut, ...record })}\n`
  }
}

/** Of what was purged only the name goes along. */
const identityOf = ({ assetId, version, publicId, resourceType, type }: Chosen['entry']): object => ({
  assetId,
  version,
  publicId,
  resourceType,
  type,
})

const COLUMNS: readonly (readonly [title: string, value: (listed: Listed) => Json | undefined])[] = [
  ['file', ({ file }) => file],
  ['left_out', ({ leftOut }) => leftOut],
  ['public_id', ({ entry }) => entry.publicId],
  ['resource_type', ({ entry }) => entry.resourceType],
  ['delivery_type', ({ entry }) => entry.type],
  ['format', ({ entry }) => entry.facts.format],
  ['bytes', ({ entry }) => entry.size],
  ['width', ({ entry }) => entry.facts.width],
  ['height', ({ entry }) => entry.facts.height],
  ['duration', ({ entry }) => entry.facts.duration],
  ['folder', ({ entry }) => entry.facts.folder],
  ['display_name', ({ entry }) => entry.facts.displayName],
  ['tags', ({ entry }) => (entry.facts.tags.length === 0 ? null : JSON.stringify(entry.facts.tags))],
  ['context', ({ entry }) => entry.facts.context],
  ['metadata', ({ entry }) => entry.facts.metadata],
  ['created_at', ({ entry }) => entry.facts.createdAt],
  ['uploaded_at', ({ entry }) => entry.facts.uploadedAt],
  ['asset_id', ({ entry }) => entry.assetId],
  ['version', ({ entry }) => entry.cldVersion],
  ['md5', ({ entry }) => entry.md5],
  ['sha256', ({ entry }) => entry.object],
  ['secure_url', ({ entry }) => entry.facts.secureUrl],
]

/** Columns that stay when a version was purged. */
const IDENTITY = new Set(['file', 'left_out', 'public_id', 'resource_type', 'delivery_type', 'asset_id', 'version'])

/** RFC 4180: for a spreadsheet. Lists and objects are JSON in one cell. */
export async function* csvLines(exporting: Exporting): AsyncIterable<string> {
  yield `${COLUMNS.map(([title]) => title).join(',')}\r\n`
  for await (const each of listed(exporting)) {
    const cells = COLUMNS.map(([title, value]) => (each.purged && !IDENTITY.has(title) ? '' : cell(value(each))))
    yield `${cells.join(',')}\r\n`
  }
}

/** A spreadsheet takes what begins like a formula for one; a name out of an account must not become a command. */
function cell(value: Json | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const tame = /^[=+\-@\t\r]/u.test(text) ? `'${text}` : text
  return /[",\r\n]/u.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame
}

export function* foldersText(lines: readonly string[]): Iterable<string> {
  yield '['
  for (const [i, line] of lines.entries()) yield `${i === 0 ? '\n' : ',\n'}${line}`
  yield '\n]\n'
}

export function* configurationText(lines: readonly string[]): Iterable<string> {
  const parsed: unknown = JSON.parse(lines[0] ?? 'null')
  yield `${JSON.stringify(parsed, null, 2)}\n`
}

export function* leftOutLines({ leftOut }: Exporting): Iterable<string> {
  for (const each of leftOut.values()) yield `${JSON.stringify(each satisfies LeftOut)}\n`
}

/** What names an export: one with the same four is the same export, and may be completed. */
export interface ExportIdentity {
  readonly format: string
  readonly cloud: string
  readonly snapshot: string
  readonly selection: string
}

export const identityOfExport = ({ source, options }: Pick<Exporting, 'source' | 'options'>): ExportIdentity => ({
  format: options.format,
  cloud: source.cloud,
  snapshot: source.snapshot.id,
  selection: source.selection,
})

/** The summary, for programs. */
export function exportText(exporting: Exporting): string {
  const { source, options, counts, leftOut } = exporting
  const summary = {
    ...identityOfExport(exporting),
    takenAt: source.snapshot.takenAt,
    complete: source.snapshot.complete,
    exportedAt: options.now().toISOString(),
    tool: options.tool,
    vault: source.vault.identity.id,
    assets: counts.assets,
    files: counts.files,
    bytes: counts.bytes,
    recordsOnly: counts.recordsOnly,
    leftOut: leftOut.size,
  }
  return `${JSON.stringify(summary, null, 2)}\n`
}
