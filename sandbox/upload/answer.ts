import { signingSecret } from '../cloud.ts'
import { deriveFrom } from '../delivery/derive.ts'
import { newId } from '../make-asset.ts'
import { normalFormat } from '../media/formats.ts'
import { textOf } from '../params.ts'
import { derivedItem, type Rendered, uploadResponse } from '../render.ts'
import { offsetTime } from '../render-parts.ts'
import { apiSignature } from '../signature.ts'
import type { Asset, JsonValue } from '../state.ts'
import { recordEvent } from '../webhooks.ts'
import type { UploadCall } from './call.ts'

/** `w_100|c_fill,w_50/png`: each with the format after its last slash, when that is one. */
const eagerWishes = (call: UploadCall): { transformation: string; format: string | undefined }[] =>
  (textOf(call.params, 'eager') ?? '')
    .split('|')
    .filter((wish) => wish !== '')
    .map((wish) => {
      const found = /^(.*)\/([a-z0-9]{2,5})$/.exec(wish)
      return {
        transformation: found?.[1] ?? wish,
        format: found?.[2] === undefined ? undefined : normalFormat(found[2]),
      }
    })

/** Makes what was asked for in advance, and lists it. */
const eagerResults = (call: UploadCall, asset: Asset): JsonValue[] =>
  eagerWishes(call).map((wish) => {
    const derived = deriveFrom(asset, wish.transformation, wish.format ?? asset.format ?? 'jpg')
    const { id: _unsaid, ...shown } = derivedItem(call, asset, derived)
    return { ...shown, width: asset.width, height: asset.height }
  })

const moderationList = (asset: Asset): JsonValue[] => asset.moderation.map(({ kind, status }) => ({ kind, status }))

const TERSE = ['context', 'metadata', 'access_control', 'moderation']

const terse = (answer: Rendered): Rendered =>
  Object.fromEntries(Object.entries(answer).filter(([name]) => !TERSE.includes(name)))

/** What upload and explicit answer. Its own signature is always of the first version. */
export const answerOf = (call: UploadCall, asset: Asset, more: Rendered = {}): Rendered => {
  const eager = eagerResults(call, asset)
  const signed = { public_id: asset.publicId, version: asset.version }
  const answer: Rendered = {
    ...uploadResponse(call, asset),
    signature: apiSignature(signed, signingSecret(call.cloud), { version: 1 }),
    ...(asset.moderation.length > 0 ? { moderation: moderationList(asset) } : {}),
    ...(eager.length > 0 ? { eager } : {}),
    ...more,
    api_key: call.key,
  }
  return call.cloud.settings.terseAnswers ? terse(answer) : answer
}

/** Tells the account's webhooks, or the one that the request names. */
export const tell = (call: UploadCall, type: string, body: Rendered): void => {
  recordEvent(call.world, call.cloud, {
    type,
    body,
    apiKey: call.key,
    notificationUrl: textOf(call.params, 'notification_url'),
  })
}

/** Time and request id, which only some events carry. */
export const eventHead = (call: UploadCall): Rendered => ({
  timestamp: offsetTime(call.world.now()),
  request_id: newId(),
})
