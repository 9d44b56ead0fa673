import { type Entry, encodeEntry } from './entry.ts'
import { decodeEntry } from './entry-codec.ts'
import { count, digest, fieldsOf, isGiven, maybe, object, oneOf, parseJson, text, textLike, time } from './shape.ts'

/**
 * Versions that no snapshot names and that are kept all the same: those that Cloudinary's own backup held before the
 * first run (`import`), and those that outlive their snapshots by a rule of retention (`retention`). A record
 * `accounts/<cloud>/history/<time>-<id>.json` names a gzip object of lines; verify, prune, copy and export treat what
 * it names like what a snapshot names.
 */
export interface HistoryHead {
  readonly format: 1
  readonly id: string
  readonly cloud: string
  readonly writtenAt: string
  readonly origin: HistoryOrigin
  /** The gzip object of lines, one `HistoryLine` each, sorted by assetId and then by time. */
  readonly lines: string
  /** Its compressed length. */
  readonly size: number
  readonly entries: number
  /** Sum of the sizes of the objects that its lines name. */
  readonly contentBytes: number
  readonly tool: string
}

export type HistoryOrigin = 'import' | 'retention'
const ORIGINS: readonly HistoryOrigin[] = ['import', 'retention']

export interface HistoryLine {
  /** Of an imported version `facts` hold what is known of its time: identity, bytes, format, uploadedAt. */
  readonly entry: Entry
  /** When this was the asset's state: from its upload to what came next; null when nobody knows. */
  readonly since: string | null
  readonly until: string | null
  /** In words: "Cloudinary's backup", or the rule that keeps it. */
  readonly reason: string
  /** After this time no rule keeps it any more; null: for good. */
  readonly keepUntil: string | null
  /** Cloudinary's version_id, of imported versions. */
  readonly versionId: string | null
}

/** The entry's own fields come first, so the recipes for segments read these lines too. */
export const encodeHistoryLine = ({ entry, ...history }: HistoryLine): string =>
  `${encodeEntry(entry).slice(0, -1)},"history":${JSON.stringify(history)}}`

/** Throws VAULT_INVALID. */
export const decodeHistoryLine = (line: string): HistoryLine => {
  const fields = object(fieldsOf(parseJson(line), 'the line'), 'history')
  return {
    entry: decodeEntry(line),
    since: maybe(fields, 'since', time),
    until: maybe(fields, 'until', time),
    reason: text(fields, 'reason'),
    keepUntil: maybe(fields, 'keepUntil', time),
    versionId: isGiven(fields, 'versionId') ? text(fields, 'versionId') : null,
  }
}

/** Checks a record as `readRecord` gives it. Throws VAULT_INVALID. */
export const decodeHistoryHead = (value: unknown): HistoryHead => {
  const fields = fieldsOf(value, 'the record')
  oneOf({ format: String(count(fields, 'format')) }, 'format', ['1'])
  return {
    format: 1,
    id: text(fields, 'id'),
    cloud: textLike(fields, 'cloud', { pattern: /^[A-Za-z0-9_-]{1,128}$/, wanted: 'a cloud name' }),
    writtenAt: time(fields, 'writtenAt'),
    origin: oneOf(fields, 'origin', ORIGINS),
    lines: digest(fields, 'lines'),
    size: count(fields, 'size'),
    entries: count(fields, 'entries'),
    contentBytes: count(fields, 'contentBytes'),
    tool: text(fields, 'tool'),
  }
}
