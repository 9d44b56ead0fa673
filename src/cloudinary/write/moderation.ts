import type { Moderation } from '../../model/asset.ts'
import type { JsonObject } from '../../model/json.ts'

type ModerationStatus = 'approved' | 'rejected' | 'pending'

/**
 * The one state that a list of moderations amounts to; null: none. Other kinds than `manual` are paid analyses, which a
 * restore must not order anew, so whatever their kind was, the state is brought about by hand.
 */
const moderationWanted = (list: readonly Moderation[]): ModerationStatus | null => {
  const states = list.map(({ status }) => status)
  if (states.includes('rejected')) return 'rejected'
  if (states.includes('pending')) return 'pending'
  return states.includes('approved') ? 'approved' : null
}

/** Whether the asset has to be put into the queue of `manual` to get there. An approved analysis needs no trace. */
export const needsQueue = (list: readonly Moderation[]): boolean => {
  const wanted = moderationWanted(list)
  return wanted === 'rejected' || wanted === 'pending' || list.some(({ kind }) => kind === 'manual')
}

/** What the account has to be told about an asset that is in this state; null: nothing. */
export const moderationStep = (
  wished: readonly Moderation[],
  present: readonly Moderation[],
): { readonly queue: boolean; readonly update: JsonObject | null } | null => {
  const wanted = moderationWanted(wished)
  const now = moderationWanted(present)
  if (present.length === 0) {
    if (wanted === null || !needsQueue(wished)) return null
    return { queue: true, update: wanted === 'pending' ? null : { moderation_status: wanted } }
  }
  // A moderation cannot be taken away; approved is what an asset without one amounts to.
  const aim = wanted ?? 'approved'
  return now === aim ? null : { queue: false, update: { moderation_status: aim } }
}
