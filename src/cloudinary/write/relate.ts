import { AppError } from '../../model/errors.ts'
import type { Json } from '../../model/json.ts'
import { succeeded } from '../api.ts'
import { encodeSegment } from '../delivery-url.ts'
import { arrayAt, textAt } from '../wire/answer.ts'
import { type AssetName, writtenName } from '../writer.ts'
import type { WriteApi, WriteRequest } from './request.ts'

const MOST_AT_A_TIME = 10
/** Not failures: the relation is there. */
const FINE = ['already_exists_ids', 'success_ids']

const failureOf = (json: Json): { readonly asset: string; readonly code: string } | null => {
  const failed = arrayAt(json, 'failed') ?? []
  const first = failed.find((one) => !FINE.includes(textAt(one, 'code') ?? ''))
  return first === undefined ? null : { asset: textAt(first, 'asset') ?? '?', code: textAt(first, 'code') ?? 'failed' }
}

/** All are tried before the first that failed is thrown: RESOURCE_NOT_FOUND for an asset that is not there, else API_REFUSED. */
export const relate = async (
  admin: WriteApi,
  asset: AssetName,
  to: readonly AssetName[],
  signal: AbortSignal,
): Promise<void> => {
  const what = `relate ${writtenName(asset)}`
  const { resourceType, type, publicId } = asset
  const path = `/resources/related_assets/${resourceType}/${encodeURIComponent(type)}/${encodeSegment(publicId)}`
  let failed: ReturnType<typeof failureOf> = null
  for (let at = 0; at < to.length; at += MOST_AT_A_TIME) {
    const body = { assets_to_relate: to.slice(at, at + MOST_AT_A_TIME).map(writtenName) }
    const request: WriteRequest = { method: 'POST', path, body, what }
    const answer = await admin.ask(request, signal)
    // Some answer 409 when every one of them was related already.
    const judged = succeeded(answer) || arrayAt(answer.json, 'failed') !== null
    if (!judged) throw admin.failure(request, answer)
    failed ??= failureOf(answer.json)
  }
  if (failed === null) return
  const code = failed.code === 'non_existing_ids' ? 'RESOURCE_NOT_FOUND' : 'API_REFUSED'
  throw new AppError(code, `${what} to ${failed.asset}: ${failed.code}`)
}
