import { badRequest } from '../errors.ts'
import { type Params, textOf } from '../params.ts'
import type { Asset } from '../state.ts'

const KINDS = /^(manual|webpurify|aws_rek|aws_rek_video|perception_point|google_video_moderation|duplicate)(:[\d.]+)?$/

/** Puts the asset in the queue of each kind that the request names, again if it was through it. */
export const applyModeration = (asset: Asset, params: Params, now: number): void => {
  for (const wish of (textOf(params, 'moderation') ?? '').split('|')) {
    if (wish === '') continue
    if (!KINDS.test(wish)) throw badRequest(`Invalid value ${wish} for parameter moderation`)
    const kind = wish.split(':')[0] ?? wish
    const others = asset.moderation.filter((entry) => entry.kind !== kind)
    asset.moderation = [...others, { kind, status: 'pending', updatedAt: now }]
  }
}
