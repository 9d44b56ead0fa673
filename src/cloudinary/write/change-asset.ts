import type { AssetIdentity } from '../../model/asset.ts'
import { succeeded } from '../api.ts'
import type { ApiAnswer } from '../exchange.ts'
import type { AccountRow } from '../reader.ts'
import { textAt } from '../wire/answer.ts'
import { syntheticAssetId } from '../wire/asset.ts'
import { type AssetName, writtenName } from '../writer.ts'
import { findByName } from './find-asset.ts'
import type { Hands } from './hands.ts'
import { assetOf, changeFailure } from './refusal.ts'

/** Another name or delivery type for an asset. When the answer is lost, the account is asked under both names. */
export const rename = async (
  hands: Hands,
  from: AssetName,
  to: { readonly publicId: string; readonly type: string },
  signal: AbortSignal,
): Promise<AccountRow> => {
  const target: AssetName = { resourceType: from.resourceType, ...to }
  const what = `rename ${writtenName(from)} to ${writtenName(target)}`
  const params = {
    from_public_id: from.publicId,
    to_public_id: to.publicId,
    type: from.type,
    to_type: to.type === from.type ? undefined : to.type,
    overwrite: 'false',
    invalidate: 'true',
    context: 'true',
    metadata: 'true',
    tags: 'true',
  }
  const renamed = async (): Promise<ApiAnswer | null> => {
    const old = await findByName(hands.admin, hands.details, from, signal)
    const row = old === null ? await findByName(hands.admin, hands.details, target, signal) : null
    return row === null ? null : { status: 200, json: row.raw, isJson: true, error: null, requestId: null }
  }
  const call = { what, path: `/${from.resourceType}/rename`, params }
  return assetOf(what, await hands.uploads.ask(call, signal, renamed), target)
}

/** By id, so that a name that changes hands at this very moment takes nothing with it; by name where ids do not exist. */
const destroyIt = async (hands: Hands, asset: AssetIdentity, signal: AbortSignal): Promise<ApiAnswer> => {
  const what = `destroy ${writtenName(asset)}`
  if (asset.assetId !== syntheticAssetId(asset)) {
    const params = { asset_id: asset.assetId, invalidate: 'true' }
    const answer = await hands.uploads.ask({ what, path: '/asset/destroy', params }, signal)
    if (answer.status !== 404 && answer.status !== 405) return answer
  }
  const params = { public_id: asset.publicId, type: asset.type, invalidate: 'true' }
  return hands.uploads.ask({ what, path: `/${asset.resourceType}/destroy`, params }, signal)
}

/** Deletes an asset that has both this name and this id. */
export const destroy = async (hands: Hands, asset: AssetIdentity, signal: AbortSignal): Promise<boolean> => {
  const row = await findByName(hands.admin, hands.details, asset, signal)
  if (row === null || row.facts.assetId !== asset.assetId) return false
  const sent = hands.uploads.uploads
  const answer = await destroyIt(hands, asset, signal)
  if (!succeeded(answer)) throw changeFailure(`destroy ${writtenName(asset)}`, answer)
  const result = textAt(answer.json, 'result')
  if (result === 'ok') return true
  // It was there a moment ago: if the request had to be repeated, it was the first that deleted it.
  return result === 'not found' && hands.uploads.uploads > sent + 1
}
