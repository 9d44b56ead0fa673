import type { AssetFacts } from './asset.ts'

/** Facts of the bytes: of use only when the record speaks of the same bytes. */
const BYTE_FACTS = [
  'format',
  'bytes',
  'etag',
  'width',
  'height',
  'duration',
  'pages',
  'isAudio',
  'uploadedAt',
  'originalFilename',
  'status',
  'updatedAt',
  'secureUrl',
] as const satisfies readonly (keyof AssetFacts)[]

/** Facts that a list may leave out, depending on the service. Tags and moderation it always carries. */
const PLACE_FACTS = [
  'folder',
  'displayName',
  'createdAt',
  'accessMode',
  'accessControl',
  'coordinates',
  'regions',
] as const
/** A list that has none says so by leaving them out, so only fresh details may know better; search lags behind. */
const TEXT_FACTS = ['context', 'metadata'] as const

const fill = (facts: AssetFacts, from: AssetFacts, keys: readonly (keyof AssetFacts)[]): AssetFacts => {
  const missing = keys.filter((key) => facts[key] === null && from[key] !== null)
  if (missing.length === 0) return facts
  return { ...facts, ...Object.fromEntries(missing.map((key) => [key, from[key]])) }
}

const complete = (facts: AssetFacts, from: AssetFacts | null): AssetFacts => {
  if (from === null || from === facts) return facts
  const placed = fill(facts, from, PLACE_FACTS)
  return from.cldVersion === facts.cldVersion ? fill(placed, from, BYTE_FACTS) : placed
}

const isStale = (details: AssetFacts, search: AssetFacts | null): boolean =>
  details.updatedAt !== null &&
  search?.updatedAt != null &&
  Date.parse(search.updatedAt) > Date.parse(details.updatedAt)

/**
 * One view of an asset from the records that different endpoints gave of it. The list wins where it has a value;
 * facts of the bytes come from another record only if its `cldVersion` is the list's. Details of a newer
 * `cldVersion` were read after the bytes had been replaced: then they lead, and the list fills their gaps.
 */
export const mergeFacts = (list: AssetFacts, search: AssetFacts | null, details: AssetFacts | null): AssetFacts => {
  const newer = details !== null && details.cldVersion > list.cldVersion
  const lead = newer ? details : list
  const known = details === null || isStale(details, search) ? lead : fill(lead, details, TEXT_FACTS)
  return complete(complete(complete(known, details), list), search)
}
