import type { Known, StepKind } from '../catalog/catalog.ts'
import { type AssetFacts, isManagedType } from '../model/asset.ts'

/** An asset as this run sees it. */
export interface Seen {
  readonly facts: AssetFacts
  /** Digest of the list record. */
  readonly hash: string
  /** From the search index, when it speaks of the same cld_version; null when it does not or is silent. */
  readonly etag: string | null
  readonly updatedAt: string | null
}

export interface Decision {
  readonly kind: Exclude<StepKind, 'exclude'>
  readonly why: string
}

/**
 * What to do with an asset, from what is kept and what is seen; nothing else may influence it.
 *
 * Bytes count as unchanged under another cld_version only when MD5 and length are the same for the same asset: that
 * is how a rename or a move (which may change the number) costs no download. Across assets MD5 is never trusted to
 * mean "same bytes": collisions can be made, and a vault that believed one would keep the wrong file.
 */
export function decide(known: Known | undefined, seen: Seen, options: { readonly remote: boolean }): Decision {
  const wantsBytes = isManagedType(seen.facts.type) || options.remote
  if (!wantsBytes) return known !== undefined && known.listHash === seen.hash ? keep : { kind: 'record', why: 'remote' }
  if (known === undefined) return { kind: 'fetch', why: 'new' }
  if (known.object === null) return { kind: 'fetch', why: 'no-bytes-yet' }
  if (bytesDiffer(known, seen)) return { kind: 'fetch', why: 'replaced' }
  if (nameDiffers(known, seen.facts)) return { kind: 'rename', why: 'name-or-folder' }
  if (known.listHash !== seen.hash) return { kind: 'relabel', why: 'facts' }
  if (seen.updatedAt !== null && known.updatedAt !== null && !isSameTime(seen.updatedAt, known.updatedAt)) {
    return { kind: 'relabel', why: 'updated' }
  }
  return keep
}

/** Endpoints write the same moment differently (`Z`, `+00:00`). */
export const isSameTime = (a: string | null, b: string | null): boolean =>
  a === b || (a !== null && b !== null && Date.parse(a) === Date.parse(b))

const keep: Decision = { kind: 'keep', why: '' }

function bytesDiffer(known: Known, { facts, etag }: Seen): boolean {
  const md5 = known.md5 ?? known.etag
  const sameDigest = etag !== null && md5 !== null && etag === md5
  if (etag !== null && md5 !== null && !sameDigest) return true
  if (facts.bytes !== null && known.size !== null && facts.bytes !== known.size) return true
  return facts.cldVersion !== known.cldVersion && !sameDigest
}

const nameDiffers = (known: Known, facts: AssetFacts): boolean =>
  known.publicId !== facts.publicId ||
  known.type !== facts.type ||
  known.resourceType !== facts.resourceType ||
  known.folder !== facts.folder ||
  known.displayName !== facts.displayName
