import { createHash } from 'node:crypto'
import type { Entry } from './entry.ts'
import { digest, fieldsOf, flag, invalid, isDigest, isGiven, list, maybe, text, time } from './shape.ts'

/** What was removed on purpose, when and why: `accounts/<cloud>/purges/<time>-<id>.json`. Never removed itself. */
export interface Purge {
  readonly format: 1
  readonly id: string
  readonly cloud: string
  readonly at: string
  /** What the person gave as the reason; may be empty. */
  readonly reason: string
  readonly tool: string
  /** True when the versions were also taken out of Cloudinary's own backup. */
  readonly alsoAtCloudinary: boolean
  readonly versions: readonly PurgedVersion[]
}

export interface PurgedVersion {
  readonly assetId: string
  /** The version's id, 16 hex digits. */
  readonly version: string
  readonly publicId: string
  /** The digest of its bytes; null for a version kept as a record only. */
  readonly object: string | null
  /** False when another kept version has the same bytes: the object then stays for that one. */
  readonly objectRemoved: boolean
  /** Digests of derived assets' bytes that were removed with it. */
  readonly derived: readonly string[]
}

/** The digests whose absence a purge explains. */
export const removedBy = ({ versions }: Pick<Purge, 'versions'>): readonly string[] =>
  versions.flatMap(({ object, objectRemoved, derived }) =>
    object === null || !objectRemoved ? derived : [object, ...derived],
  )

/**
 * The same state under another version id: the account still had what was purged, and a backup has kept it again. A
 * purge speaks of the id that it names and of no later one.
 */
export const recordedAgain = (entry: Entry): Entry => {
  const text = JSON.stringify([entry.version, entry.capturedAt])
  return { ...entry, version: createHash('sha256').update(text).digest('hex').slice(0, 16) }
}

/** Checks a record as `readRecord` gives it. Throws VAULT_INVALID. */
export const decodePurge = (value: unknown): Purge => {
  const fields = fieldsOf(value, 'the purge')
  if (fields['format'] !== 1) throw invalid('format', fields['format'], '1')
  return {
    format: 1,
    id: text(fields, 'id'),
    cloud: text(fields, 'cloud'),
    at: time(fields, 'at'),
    reason: text(fields, 'reason'),
    tool: text(fields, 'tool'),
    alsoAtCloudinary: flag(fields, 'alsoAtCloudinary'),
    versions: list(fields, 'versions').map(decodeVersion),
  }
}

const decodeVersion = (value: unknown): PurgedVersion => {
  const fields = fieldsOf(value, 'a purged version')
  const object = maybe(fields, 'object', digest)
  return {
    assetId: text(fields, 'assetId'),
    version: text(fields, 'version'),
    publicId: text(fields, 'publicId'),
    object,
    objectRemoved: flag(fields, 'objectRemoved'),
    derived: isGiven(fields, 'derived') ? list(fields, 'derived').map(digestOf) : [],
  }
}

const digestOf = (value: unknown): string => {
  if (typeof value === 'string' && isDigest(value)) return value
  throw invalid('derived', value, 'a list of SHA-256 in 64 hex digits')
}
