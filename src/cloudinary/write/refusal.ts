import { AppError } from '../../model/errors.ts'
import { answerFailure, saysNotFound, succeeded } from '../api.ts'
import { type ApiAnswer, withId } from '../exchange.ts'
import type { AccountRow } from '../reader.ts'
import { isObject } from '../wire/answer.ts'
import { parseAsset } from '../wire/asset.ts'
import type { AssetName } from '../writer.ts'

/** The error that the answer to a change of one asset is. What repeating will not change is UPLOAD_REFUSED. */
export const changeFailure = (what: string, answer: ApiAnswer): AppError => {
  const { status, error } = answer
  const refused = (status >= 400 && status < 500) || (status < 300 && error !== null)
  if (!refused || status === 401 || status === 403 || status === 404 || saysNotFound(answer)) {
    return answerFailure(what, answer)
  }
  const reason = error ?? (status === 413 ? 'HTTP 413: the request is too large' : `HTTP ${status}`)
  return new AppError('UPLOAD_REFUSED', `${what}: ${reason}${withId(answer.requestId)}`)
}

/** Of the caller or of the answer itself, not of the asset. */
const NOT_THE_ASSET = ['api_key', 'signature', 'delete_token', 'existing', 'overwritten']

/** The asset that an answer shows. Throws the error that it is otherwise. */
export const assetOf = (
  what: string,
  answer: ApiAnswer,
  name: Pick<AssetName, 'resourceType' | 'type'>,
): AccountRow => {
  if (!succeeded(answer)) throw changeFailure(what, answer)
  const { json } = answer
  if (!isObject(json)) throw answerFailure(what, answer)
  const raw = Object.fromEntries(Object.entries(json).filter(([key]) => !NOT_THE_ASSET.includes(key)))
  return parseAsset(raw, 'details', { resourceType: name.resourceType, type: name.type })
}
