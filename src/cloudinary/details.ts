import type { AssetIdentity } from '../model/asset.ts'
import { type Api, saysNotFound, succeeded } from './api.ts'
import { encodeSegment } from './delivery-url.ts'
import type { ApiAnswer, ApiRequest } from './exchange.ts'
import type { AccountRow, Details } from './reader.ts'
import { textAt } from './wire/answer.ts'
import { parseAsset, syntheticAssetId } from './wire/asset.ts'

/** Shared by the requests of one run. */
export interface DetailsMemory {
  /** An asset was found by its asset_id, so a 404 by asset_id is a positive answer. */
  idsWork: boolean
  allFlags: boolean
}

/** No flag that starts a paid or slow analysis. */
const ALL_FLAGS =
  'versions=true&coordinates=true&media_metadata=true&faces=true&phash=true&pages=true&related=true&max_results=500'
const PLAIN_FLAGS = 'versions=true&coordinates=true'

const request = (what: string, path: string, flags: string): ApiRequest => ({
  method: 'GET',
  path: `/resources/${path}?${flags}`,
  what: `details of ${what}`,
})

/** Where the asset may be asked for. Services differ in how they read a slash inside a public_id. */
const pathsOf = (facts: AssetIdentity, memory: DetailsMemory): readonly string[] => {
  const prefix = `${facts.resourceType}/${encodeURIComponent(facts.type)}/`
  const encoded = encodeSegment(facts.publicId)
  const byName = facts.publicId.includes('/')
    ? [prefix + encoded, prefix + encoded.replaceAll('%2F', '/')]
    : [prefix + encoded]
  if (facts.assetId === syntheticAssetId(facts)) return byName
  return memory.idsWork ? [facts.assetId] : [facts.assetId, ...byName]
}

const askWithFlags = async (
  api: Api,
  memory: DetailsMemory,
  at: { readonly what: string; readonly path: string },
  signal: AbortSignal,
): Promise<ApiAnswer> => {
  const flags = memory.allFlags ? ALL_FLAGS : PLAIN_FLAGS
  // Until ids are known to work, a 404 that is not the API's may be a service that has no such route.
  const answer = await api.ask({ ...request(at.what, at.path, flags), optional: !memory.idsWork }, signal)
  if (answer.status !== 400 || !memory.allFlags) return answer
  const plain = await api.ask(request(at.what, at.path, PLAIN_FLAGS), signal)
  if (!succeeded(plain)) return answer
  memory.allFlags = false
  return plain
}

/** An answer about an asset, and under which path it came. */
export interface Found {
  readonly path: string
  readonly answer: ApiAnswer
}

const nameOf = (facts: AssetIdentity): string => `${facts.resourceType}/${facts.type}/${facts.publicId}`

/**
 * Asks for an asset wherever it may be found. Null: there is none. Absence is concluded only when every way to ask was
 * answered, and the last by the service's own "not found".
 */
export const lookUp = async (
  api: Api,
  memory: DetailsMemory,
  facts: AssetIdentity,
  ask: (at: { readonly what: string; readonly path: string }) => Promise<ApiAnswer>,
): Promise<Found | null> => {
  const what = nameOf(facts)
  let last: ApiAnswer | null = null
  for (const path of pathsOf(facts, memory)) {
    const answer = await ask({ what, path })
    if (succeeded(answer)) return { path, answer }
    last = answer
    if (answer.status !== 404 && answer.status !== 400 && answer.status !== 405) break
  }
  if (last !== null && saysNotFound(last)) return null
  const unanswered: ApiAnswer = { status: 404, json: null, isJson: false, error: null, requestId: null }
  throw api.failure(request(what, '', ''), last ?? unanswered)
}

/** Null when it is another asset: one was asked for by name, and another may have the name by now. */
export const rowOf = (facts: AssetIdentity, { path, answer }: Found, memory: DetailsMemory): AccountRow | null => {
  const partition = { resourceType: facts.resourceType, type: facts.type }
  const row = parseAsset(answer.json, 'details', partition)
  if (path === facts.assetId) memory.idsWork = true
  else if (textAt(answer.json, 'asset_id') !== null && row.facts.assetId !== facts.assetId) return null
  return row
}

export const details = async (
  api: Api,
  memory: DetailsMemory,
  facts: AssetIdentity,
  signal: AbortSignal,
): Promise<Details> => {
  const found = await lookUp(api, memory, facts, (at) => askWithFlags(api, memory, at, signal))
  const row = found === null ? null : rowOf(facts, found, memory)
  if (row === null) return { found: false, placeholder: false }
  return row.placeholder ? { found: false, placeholder: true } : { found: true, row }
}
