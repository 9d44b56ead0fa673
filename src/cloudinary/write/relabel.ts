import { AppError } from '../../model/errors.ts'
import type { AccountRow } from '../reader.ts'
import { isObject } from '../wire/answer.ts'
import { type AssetName, type Labels, writtenName } from '../writer.ts'
import { findByName } from './find-asset.ts'
import type { Hands } from './hands.ts'
import type { Said } from './label-state.ts'
import { everyParam, type Label } from './labels.ts'
import type { UploadParams } from './multipart.ts'
import { assetOf } from './refusal.ts'
import { reach } from './set-labels.ts'

const saysEmpty = (params: UploadParams): boolean => Object.values(params).some((value) => value === '')

/**
 * What was sent and says something is believed; that something empty was understood has to be seen, unless the asset is
 * so new that nothing can have been there.
 */
export const trustedLabels = ({ coordinates, regions }: Labels, fresh: boolean): readonly Label[] => {
  const trusted: Label[] = []
  if (coordinates !== undefined && (fresh || !saysEmpty(everyParam({ coordinates })))) trusted.push('coordinates')
  if (regions !== undefined && (fresh || !saysEmpty(everyParam({ regions })))) trusted.push('regions')
  return trusted
}

const checkId = (row: AccountRow, asset: AssetName & { readonly assetId: string }): void => {
  if (!isObject(row.raw) || row.raw['asset_id'] === undefined || row.facts.assetId === asset.assetId) return
  throw new AppError('RESOURCE_NOT_FOUND', `${writtenName(asset)} is another asset by now (${row.facts.assetId})`)
}

/** Labels of an asset that is there. */
export const relabel = async (
  hands: Hands,
  asset: AssetName & { readonly assetId: string },
  labels: Labels,
  signal: AbortSignal,
): Promise<AccountRow> => {
  const setting = { hands, name: asset, labels, signal }
  const params = everyParam(labels)
  const what = `relabel ${writtenName(asset)}`
  if (Object.keys(params).length === 0) {
    const row = await findByName(hands.admin, hands.details, asset, signal)
    if (row === null) throw new AppError('RESOURCE_NOT_FOUND', `${writtenName(asset)} is not in the account`)
    checkId(row, asset)
    return reach(setting, { row, whole: true, trusted: [], fresh: false }, false)
  }
  const call = {
    what,
    path: `/${asset.resourceType}/explicit`,
    params: { public_id: asset.publicId, type: asset.type, ...params },
  }
  const row = assetOf(what, await hands.uploads.ask(call, signal), asset)
  checkId(row, asset)
  const said: Said = { row, whole: false, trusted: trustedLabels(labels, false), fresh: false }
  return reach(setting, said, false)
}
