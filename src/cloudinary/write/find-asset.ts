import { type DetailsMemory, lookUp } from '../details.ts'
import type { AccountRow } from '../reader.ts'
import { parseAsset, syntheticAssetId } from '../wire/asset.ts'
import type { AssetName } from '../writer.ts'
import type { WriteApi } from './request.ts'

/** What the account itself, not its search index, says is under that name, coordinates included; null: nothing. */
export const findByName = async (
  admin: WriteApi,
  memory: DetailsMemory,
  name: AssetName,
  signal: AbortSignal,
): Promise<AccountRow | null> => {
  const { publicId, resourceType, type } = name
  // An id made of the name is how the reader's look-up is told to ask by name.
  const identity = { publicId, resourceType, type, assetId: syntheticAssetId(name) }
  const found = await lookUp(admin, memory, identity, ({ what, path }) =>
    admin.ask({ method: 'GET', path: `/resources/${path}?coordinates=true`, what: `details of ${what}` }, signal),
  )
  if (found === null) return null
  const row = parseAsset(found.answer.json, 'details', { resourceType, type })
  return row.placeholder ? null : row
}
