import type { CatalogReader, SnapshotRow, VersionRow } from '../catalog/catalog.ts'
import { isInSnapshot } from '../catalog/version-order.ts'
import { AppError } from '../model/errors.ts'
import { safe } from './format.ts'
import { matchSnapshot, parseTime } from './snapshot-ref.ts'
import { type ChainPart, chainOf, isNamedLike } from './version-chain.ts'

type Lookup = Pick<CatalogReader, 'byAssetId' | 'byPublicId' | 'byPath' | 'versionsOf' | 'snapshots'>

/** An asset with its whole history, and the version that was meant. */
export interface FoundAsset {
  /** The asset that the text named; `version` may be of an earlier one under the same name. */
  readonly assetId: string
  /** The history by asset, oldest first, the named asset last. */
  readonly parts: readonly ChainPart[]
  /** All versions of all parts, oldest first; never empty. */
  readonly versions: readonly VersionRow[]
  readonly version: VersionRow
  /** The place of `version` in `versions`, from 1: the number that `versions` shows and `ASSET@N` means. */
  readonly ordinal: number
  /** True when the text named a version rather than meaning the newest. */
  readonly explicit: boolean
}

export interface FindOptions {
  /** Leave out the assets that bore the same name earlier. @default false */
  readonly thisAssetOnly?: boolean
}

/**
 * Finds what `ASSET` or `ASSET@VERSION` means. A public_id may itself hold `@`, so the whole text is tried first, then
 * every `@` from the right. Throws ASSET_NOT_FOUND, ASSET_AMBIGUOUS (with the candidates), VERSION_NOT_FOUND.
 */
export async function findAsset(
  reader: Lookup,
  cloud: string,
  text: string,
  options: FindOptions = {},
): Promise<FoundAsset> {
  const whole = await findAssetId(reader, cloud, text)
  if (whole !== null) return await withVersion(reader, cloud, { assetId: whole, word: null, text, ...options })
  for (let at = text.lastIndexOf('@'); at > 0; at = text.lastIndexOf('@', at - 1)) {
    const name = text.slice(0, at)
    const assetId = await findAssetId(reader, cloud, name)
    if (assetId === null) continue
    return await withVersion(reader, cloud, { assetId, word: text.slice(at + 1), text: name, ...options })
  }
  throw new AppError('ASSET_NOT_FOUND', `nothing kept of "${cloud}" is called "${safe(text)}"`, {
    hint: 'give an asset_id, a public_id, resource_type/type/public_id or a library path; cloudkeep find TEXT searches',
  })
}

async function findAssetId(reader: Lookup, cloud: string, text: string): Promise<string | null> {
  if (text === '') return null
  if (/^[0-9a-f]{32}$/i.test(text)) {
    const row = await reader.byAssetId(cloud, text.toLowerCase())
    if (row) return row.assetId
  }
  const candidates: VersionRow[] = [...(await bearers(reader, cloud, text))]
  const full = /^(image|video|raw)\/([a-z_0-9]+)\/(.+)$/su.exec(text)
  if (full?.[1] && full[2] && full[3]) {
    const exact = await bearers(reader, cloud, full[3], { resourceType: full[1], type: full[2] })
    // resource_type/type/public_id is the way out of an ambiguity, so it must not become one itself.
    if (exact.length > 0 && candidates.length === 0) candidates.push(...exact)
  }
  const prefix = `library/${cloud}/`
  const byPath = await reader.byPath(cloud, text.startsWith(prefix) ? text.slice(prefix.length) : text)
  if (byPath) candidates.push(byPath)
  const ids = new Set(candidates.map((row) => row.assetId))
  if (ids.size > 1) throw ambiguous(text, candidates)
  return candidates[0]?.assetId ?? null
}

/** The assets that bear a public_id now; else, of each kind, the last one that bore it. */
async function bearers(
  reader: Lookup,
  cloud: string,
  publicId: string,
  kind: { resourceType?: string; type?: string } = {},
): Promise<readonly VersionRow[]> {
  const rows = await reader.byPublicId(cloud, publicId, kind)
  const now = rows.filter((row) => row.untilSeq === null && row.publicId === publicId)
  if (now.length > 0) return now
  return rows.filter((row, i) => rows.findIndex((newer) => isNamedLike(newer, row)) === i)
}

function ambiguous(text: string, rows: readonly VersionRow[]): AppError {
  const byId = new Map(rows.map((row) => [row.assetId, row]))
  const names = [...byId.values()].map((row) => {
    const gone = row.untilSeq === null ? '' : ', gone'
    return `${row.resourceType}/${row.type}/${safe(row.publicId)} (${row.assetId}${gone})`
  })
  const list = names.sort().slice(0, 10)
  const more = byId.size > list.length ? ` and ${byId.size - list.length} more` : ''
  return new AppError('ASSET_AMBIGUOUS', `"${safe(text)}" means ${byId.size} assets: ${list.join('; ')}${more}`, {
    hint: 'give resource_type/type/public_id or the asset_id',
  })
}

async function withVersion(
  reader: Lookup,
  cloud: string,
  meant: { assetId: string; word: string | null; text: string } & FindOptions,
): Promise<FoundAsset> {
  const { assetId, word, text } = meant
  const chain = await chainOf(reader, cloud, assetId)
  const parts = meant.thisAssetOnly === true ? chain.slice(-1) : chain
  const versions = parts.flatMap((part) => part.versions)
  const newest = versions.at(-1)
  if (!newest) throw new AppError('ASSET_NOT_FOUND', `no version of "${safe(text)}" is kept`)
  const version = word === null ? newest : findVersion(versions, word, await reader.snapshots(cloud))
  if (!version) {
    throw new AppError('VERSION_NOT_FOUND', `"${safe(text)}" has no version "${safe(word ?? '')}"`, {
      hint: `cloudkeep versions lists its ${versions.length}; 1 is the oldest, a snapshot or a date works too`,
    })
  }
  return { assetId, parts, versions, version, ordinal: versions.indexOf(version) + 1, explicit: word !== null }
}

/**
 * A version by its id or the beginning of it, its number in `versions`, Cloudinary's version number (the newest state
 * of it, since one number covers several when only metadata changed), Cloudinary's version_id, or a snapshot or time
 * at which it was the state.
 */
export function findVersion(
  versions: readonly VersionRow[],
  word: string,
  snapshots: readonly SnapshotRow[],
): VersionRow | null {
  const exact = versions.findLast((row) => row.version === word || row.versionId === word)
  if (exact) return exact
  if (/^\d{1,6}$/.test(word) && versions[Number(word) - 1]) return versions[Number(word) - 1] ?? null
  const cld = /^v?(\d+)$/.exec(word)
  const byNumber = cld ? versions.findLast((row) => row.cldVersion === Number(cld[1])) : undefined
  if (byNumber) return byNumber
  if (/^[0-9a-f]{4,}$/i.test(word)) {
    const begin = versions.filter((row) => row.version.startsWith(word.toLowerCase()))
    // A state that came back is recorded twice under one id.
    if (new Set(begin.map((row) => row.version)).size > 1) {
      throw new AppError('USAGE', `"${word}" is the beginning of ${begin.length} version ids`, {
        hint: begin.map((row) => row.version).join(', '),
      })
    }
    const newest = begin.at(-1)
    if (newest) return newest
  }
  return stateAt(versions, word, snapshots)
}

/** What a snapshot, named as for `matchSnapshot`, has; of a time also what only history knows of it. */
export function stateAt(
  versions: readonly VersionRow[],
  word: string,
  snapshots: readonly SnapshotRow[],
): VersionRow | null {
  const seq = matchSnapshot(snapshots, word)?.seq ?? 0
  const time = parseTime(word) ?? Number.NEGATIVE_INFINITY
  return (
    versions.findLast((row) =>
      row.origin === 'snapshot'
        ? isInSnapshot(row, seq)
        : row.since !== null && Date.parse(row.since) <= time && (row.until === null || Date.parse(row.until) > time),
    ) ?? null
  )
}
