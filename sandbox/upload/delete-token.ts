import { randomBytes } from 'node:crypto'
import { badRequest } from '../errors.ts'
import { requiredText } from '../params.ts'
import type { Rendered } from '../render.ts'
import type { Asset, Cloud } from '../state.ts'
import type { UploadCall } from './call.ts'
import { destroyFound } from './destroy.ts'

const LIFE_MS = 10 * 60 * 1000

const given = new WeakMap<Cloud, Map<string, { assetId: string; until: number }>>()

/** Lets whoever holds it delete the asset, once, within ten minutes. */
export const newDeleteToken = ({ cloud, world }: UploadCall, asset: Asset): string => {
  const tokens = given.get(cloud) ?? new Map()
  given.set(cloud, tokens)
  const token = randomBytes(32).toString('hex')
  tokens.set(token, { assetId: asset.assetId, until: world.now() + LIFE_MS })
  return token
}

/** `POST /delete_by_token`: the token is all the credentials it takes. */
export const deleteByToken = (call: UploadCall): Rendered => {
  const token = requiredText(call.params, 'token')
  const known = given.get(call.cloud)?.get(token)
  if (known === undefined || known.until < call.world.now()) throw badRequest('Invalid token')
  given.get(call.cloud)?.delete(token)
  return destroyFound(call, call.cloud.shelf.byId(known.assetId), 'delete_by_token')
}
