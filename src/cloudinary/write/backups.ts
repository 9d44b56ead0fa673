import type { Json } from '../../model/json.ts'
import { saysNotFound, succeeded } from '../api.ts'
import type { ApiAnswer } from '../exchange.ts'
import { byAssetIds } from '../list.ts'
import type { AccountRow } from '../reader.ts'
import { arrayAt, isObject, textAt } from '../wire/answer.ts'
import { parseAsset } from '../wire/asset.ts'
import type { RestoredVersion } from '../writer.ts'
import type { Hands } from './hands.ts'
import type { WriteRequest } from './request.ts'

const MOST_AT_A_TIME = 100

interface Wish {
  readonly assetId: string
  readonly versionId: string | null
}

const reasonOf = (value: Json | undefined): string => {
  if (!isObject(value)) return 'failed'
  const { error } = value
  if (isObject(error)) return textAt(error, 'message') ?? 'failed'
  return typeof error === 'string' ? error : 'failed'
}

const restoredOf = (json: Json, { assetId }: Wish): RestoredVersion => {
  const value = isObject(json) ? json[assetId] : undefined
  if (!isObject(value) || typeof value['public_id'] !== 'string') {
    return { assetId, row: null, reason: reasonOf(value) }
  }
  return { assetId, row: parseAsset(value, 'details'), reason: null }
}

const restoreRequest = (wishes: readonly Wish[]): WriteRequest => {
  const versions = wishes.flatMap(({ versionId }) => (versionId === null ? [] : [versionId]))
  const body = {
    asset_ids: wishes.map(({ assetId }) => assetId),
    ...(versions.length === 0 ? {} : { versions }),
  }
  return { method: 'POST', path: '/resources/restore', body, what: `restore ${wishes.length} versions` }
}

/**
 * Every restored version is a new one, so nothing is restored twice: when an answer was lost, an asset whose
 * cld_version is another than before has been restored.
 */
const restoreAlike = async (
  hands: Hands,
  wishes: readonly Wish[],
  before: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<readonly RestoredVersion[]> => {
  const done = new Map<string, AccountRow>()
  let open = wishes
  const look = async (): Promise<ApiAnswer | null> => {
    const ids = open.map(({ assetId }) => assetId)
    for (const row of await byAssetIds(hands.admin, hands.lists, ids, signal)) {
      if (row.facts.cldVersion !== before.get(row.facts.assetId)) done.set(row.facts.assetId, row)
    }
    open = open.filter(({ assetId }) => !done.has(assetId))
    return open.length > 0 ? null : { status: 200, json: {}, isJson: true, error: null, requestId: null }
  }
  const request = restoreRequest(wishes)
  const answer = await hands.admin.ask(request, signal, look)
  if (!succeeded(answer)) throw hands.admin.failure(request, answer)
  return wishes.map((wish) => {
    const row = done.get(wish.assetId)
    return row === undefined ? restoredOf(answer.json, wish) : { assetId: wish.assetId, row, reason: null }
  })
}

/** Brings back versions, given or (null) the latest. Those that were not restored are told with the service's word. */
export const restoreVersions = async (
  hands: Hands,
  wishes: readonly Wish[],
  signal: AbortSignal,
): Promise<readonly RestoredVersion[]> => {
  if (wishes.length === 0) return []
  if (wishes.length > MOST_AT_A_TIME) {
    throw new RangeError(`at most ${MOST_AT_A_TIME} versions a call, not ${wishes.length}`)
  }
  const ids = wishes.map(({ assetId }) => assetId)
  const rows = await byAssetIds(hands.admin, hands.lists, ids, signal)
  const before = new Map(rows.map(({ facts }) => [facts.assetId, facts.cldVersion]))
  // With a version for one, the service wants one for each: those that are to be the latest go by themselves.
  const given = wishes.filter(({ versionId }) => versionId !== null)
  const latest = wishes.filter(({ versionId }) => versionId === null)
  const restored = new Map<string, RestoredVersion>()
  for (const alike of [given, latest]) {
    if (alike.length === 0) continue
    for (const one of await restoreAlike(hands, alike, before, signal)) restored.set(one.assetId, one)
  }
  return wishes.map(({ assetId }) => restored.get(assetId) ?? { assetId, row: null, reason: 'failed' })
}

interface Deleted {
  readonly deleted: readonly string[]
  readonly failed: readonly { readonly versionId: string; readonly reason: string }[]
}

/** The version_ids that the account still has; null when it has not even the asset any more. */
const versionsLeft = async (hands: Hands, assetId: string, signal: AbortSignal): Promise<readonly string[] | null> => {
  const request: WriteRequest = {
    method: 'GET',
    path: `/resources/${encodeURIComponent(assetId)}?versions=true`,
    what: `versions of ${assetId}`,
  }
  const answer = await hands.admin.ask(request, signal)
  if (saysNotFound(answer)) return null
  if (!succeeded(answer)) throw hands.admin.failure(request, answer)
  return (arrayAt(answer.json, 'versions') ?? []).map((version) => textAt(version, 'version_id') ?? '')
}

const deletedOf = (json: Json, versionIds: readonly string[]): Deleted => {
  const deleted = (arrayAt(json, 'deleted_version_ids') ?? []).filter((id) => typeof id === 'string')
  const reasons = new Map(
    (arrayAt(json, 'failures') ?? []).map((one) => [textAt(one, 'version_id'), textAt(one, 'error') ?? 'failed']),
  )
  const failed = versionIds
    .filter((id) => !deleted.includes(id))
    .map((versionId) => ({ versionId, reason: reasons.get(versionId) ?? 'the service did not say why' }))
  return { deleted, failed }
}

/** For good. When an answer was lost, what the account has not any more is what was deleted. */
export const deleteVersions = async (
  hands: Hands,
  assetId: string,
  versionIds: readonly string[],
  signal: AbortSignal,
): Promise<Deleted> => {
  if (versionIds.length === 0) return { deleted: [], failed: [] }
  const request: WriteRequest = {
    method: 'DELETE',
    path: `/resources/backup/${encodeURIComponent(assetId)}`,
    body: { version_ids: versionIds },
    what: `delete ${versionIds.length} kept versions of ${assetId}`,
  }
  const gone = async (): Promise<ApiAnswer | null> => {
    const left = (await versionsLeft(hands, assetId, signal)) ?? []
    if (versionIds.some((id) => left.includes(id))) return null
    return { status: 200, json: { deleted_version_ids: versionIds }, isJson: true, error: null, requestId: null }
  }
  const answer = await hands.admin.ask(request, signal, gone)
  if (!succeeded(answer)) throw hands.admin.failure(request, answer)
  return deletedOf(answer.json, versionIds)
}
