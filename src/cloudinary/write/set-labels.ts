import { AppError } from '../../model/errors.ts'
import type { Json } from '../../model/json.ts'
import { succeeded } from '../api.ts'
import { encodeSegment } from '../delivery-url.ts'
import type { AccountRow } from '../reader.ts'
import type { AssetName, Labels } from '../writer.ts'
import { writtenName } from '../writer.ts'
import { findByName } from './find-asset.ts'
import type { Hands } from './hands.ts'
import { holds, openLabels, type Said, shows } from './label-state.ts'
import { cleared, contextWanted, LABELS, type Label, metadataWanted, tagsWanted, updateBody } from './labels.ts'
import { moderationStep } from './moderation.ts'
import type { UploadParams } from './multipart.ts'
import { contextText, metadataText } from './pairs.ts'
import { changeFailure } from './refusal.ts'

export interface Setting {
  readonly hands: Hands
  readonly name: AssetName
  readonly labels: Labels
  readonly signal: AbortSignal
}

const bulk = async (
  { hands, name, signal }: Setting,
  method: 'tags' | 'context' | 'metadata',
  params: UploadParams,
): Promise<void> => {
  const what = `set ${method} of ${writtenName(name)}`
  const path = `/${name.resourceType}/${method}`
  const named = { type: name.type, public_ids: [name.publicId], ...params }
  const answer = await hands.uploads.ask({ what, path, params: named }, signal)
  if (!succeeded(answer)) throw changeFailure(what, answer)
}

/** By the methods that exist for just that, which are not counted. */
const setPlainly = async (setting: Setting, label: 'tags' | 'context' | 'metadata', present: Json): Promise<void> => {
  const { labels } = setting
  if (label === 'tags') {
    const tags = tagsWanted(labels.tags ?? [])
    const command = tags.length === 0 ? { command: 'remove_all' } : { command: 'replace', tags: tags.join(',') }
    return bulk(setting, 'tags', command)
  }
  if (label === 'context') {
    const pairs = contextWanted(labels.context ?? {})
    await bulk(setting, 'context', { command: 'remove_all' })
    if (Object.keys(pairs).length > 0) await bulk(setting, 'context', { command: 'add', context: contextText(pairs) })
    return
  }
  const values = { ...cleared(labels, present), ...metadataWanted(labels.metadata ?? {}) }
  if (Object.keys(values).length > 0) await bulk(setting, 'metadata', { metadata: metadataText(values) })
}

const update = async ({ hands, name, signal }: Setting, body: Json): Promise<void> => {
  const what = `update ${writtenName(name)}`
  const path = `/resources/${name.resourceType}/${encodeURIComponent(name.type)}/${encodeSegment(name.publicId)}`
  const answer = await hands.admin.ask({ method: 'POST', path, body, what }, signal)
  if (!succeeded(answer)) throw changeFailure(what, answer)
}

const readWhole = async ({ hands, name, signal }: Setting): Promise<AccountRow> => {
  const row = await findByName(hands.admin, hands.details, name, signal)
  if (row === null) throw new AppError('RESOURCE_NOT_FOUND', `${writtenName(name)} is not in the account any more`)
  return row
}

const wholly = (row: AccountRow): Said => ({ row, whole: true, trusted: [], fresh: false })

const isPlain = (label: Label): label is 'tags' | 'context' | 'metadata' =>
  label === 'tags' || label === 'context' || label === 'metadata'

/**
 * A field that must have a value, or that a rule fills, cannot be cleared, and then everything else is as wanted: that
 * one refusal is left to the row, which shows the value.
 */
const clearing = (setting: Setting, label: Label, present: Json): boolean =>
  label === 'metadata' && Object.keys(cleared(setting.labels, present)).length > 0

const tolerating = async (tolerated: boolean, work: () => Promise<void>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    if (!tolerated || !(error instanceof AppError) || error.code !== 'UPLOAD_REFUSED') throw error
  }
}

/** One more try for what is not as wanted, first by what costs nothing, then by what can be misread by nobody. */
const tryAgain = async (
  setting: Setting,
  differs: readonly Label[],
  at: { readonly present: Json; readonly byUpdate: boolean },
): Promise<void> => {
  const { labels } = setting
  const byUpdate = differs.filter((label) => at.byUpdate || !isPlain(label))
  for (const label of differs.filter((one) => !byUpdate.includes(one))) {
    if (isPlain(label))
      await tolerating(clearing(setting, label, at.present), () => setPlainly(setting, label, at.present))
  }
  if (byUpdate.length === 0) return
  const tolerated = byUpdate.every((label) => clearing(setting, label, at.present))
  await tolerating(tolerated, () => update(setting, updateBody(labels, byUpdate, at.present)))
}

/** The details where the answer leaves open what is there. */
const withoutDoubt = async (setting: Setting, said: Said): Promise<Said> => {
  const { silence } = setting.hands
  if (!said.whole) for (const label of LABELS) if (shows(said.row, label)) silence.broken(label)
  const { unsaid } = openLabels(setting.labels, { ...said, silence })
  if (unsaid.length === 0) return said
  const whole = wholly(await readWhole(setting))
  for (const label of unsaid) silence.checked(label, holds(whole.row, label))
  return whole
}

/** Brings the labels that an answer does not show as wanted to what they should be. */
const reachLabels = async (setting: Setting, said: Said): Promise<Said> => {
  let now = said
  for (const byUpdate of [false, true]) {
    now = await withoutDoubt(setting, now)
    const { differs } = openLabels(setting.labels, { ...now, silence: setting.hands.silence })
    if (differs.length === 0) return now
    await tryAgain(setting, differs, { present: now.row.facts.metadata, byUpdate })
    now = wholly(await readWhole(setting))
  }
  return now
}

/** The details where an answer without any moderation may have left one out. */
const withModeration = async (setting: Setting, said: Said, matters: boolean): Promise<Said> => {
  const { silence } = setting.hands
  const shown = said.row.facts.moderation.length > 0
  if (!said.whole && shown) silence.broken('moderation')
  if (said.whole || said.fresh || shown || (!matters && silence.means('moderation') === 'nothing')) return said
  const whole = wholly(await readWhole(setting))
  silence.checked('moderation', whole.row.facts.moderation.length > 0)
  return whole
}

const reachModeration = async (setting: Setting, said: Said, queued: boolean): Promise<Said> => {
  const { labels, hands, name, signal } = setting
  if (labels.moderation === undefined) return said
  const wished = labels.moderation
  const now = await withModeration(setting, said, queued || wished.length > 0)
  const step = moderationStep(wished, now.row.facts.moderation)
  if (step === null) return now
  if (step.queue && !queued) {
    const what = `moderate ${writtenName(name)}`
    const params = { public_id: name.publicId, type: name.type, moderation: 'manual' }
    const answer = await hands.uploads.ask({ what, path: `/${name.resourceType}/explicit`, params }, signal)
    if (!succeeded(answer)) throw changeFailure(what, answer)
  }
  if (step.update !== null) await update(setting, step.update)
  return wholly(await readWhole(setting))
}

const reachAccessMode = async (setting: Setting, said: Said): Promise<Said> => {
  const { labels, hands, name, signal } = setting
  if (labels.accessMode === undefined) return said
  const wanted = labels.accessMode ?? 'public'
  const present = said.row.facts.accessMode
  // Accounts of today do not have it any more, and say nothing of it; then there is nothing to make public.
  if (present === wanted || (present === null && wanted === 'public')) return said
  const what = `set the access mode of ${writtenName(name)}`
  const path = `/resources/${name.resourceType}/${encodeURIComponent(name.type)}/update_access_mode`
  const body = { access_mode: wanted, public_ids: [name.publicId] }
  const answer = await hands.admin.ask({ method: 'POST', path, body, what }, signal)
  if (!succeeded(answer)) throw changeFailure(what, answer)
  return wholly(await readWhole(setting))
}

/**
 * From what an answer shows to what is wanted. No call at all when the answer shows it already; else the documented
 * method for just that, then an update by the Admin API, and details in between to see what came of it.
 *
 * @param queued whether the answered request put the asset into the queue of moderation
 */
export const reach = async (setting: Setting, said: Said, queued: boolean): Promise<AccountRow> => {
  const labelled = await reachLabels(setting, said)
  const moderated = await reachModeration(setting, labelled, queued)
  return (await reachAccessMode(setting, moderated)).row
}
