import { type AssetName, CHUNK_ABOVE, CHUNK_BYTES, isRestorable, nameOf } from '../../cloudinary/writer.ts'
import type { MediaLimits } from '../../model/account.ts'
import type { FolderMode } from '../../model/asset.ts'
import type { ConflictPolicy, PlanAction, PlanItem } from '../report.ts'
import type { Chosen } from '../selection.ts'
import { differingFields, LABEL_FIELDS, type RestorableField, type State, stateOf } from './compare.ts'

/** What the target holds now that has to do with a kept version. */
export interface Present {
  /** The same asset, by asset_id; null when it is not there, and in any other account. */
  readonly same: State | null
  /** Whatever has the name now; may be the same asset. */
  readonly named: State | null
  /** Whatever has the name that the policy `rename` gives; null under the other policies. */
  readonly beside: State | null
}

export interface DecideOptions {
  readonly conflict: ConflictPolicy
  readonly metadataOnly: boolean
  readonly folderMode: FolderMode | null
  readonly limits: MediaLimits
  readonly via: 'auto' | 'upload' | 'backup'
  /** Only the account of origin can have the version in its own backup. */
  readonly sameAccount: boolean
}

/** Above this an upload costs more than the two Admin calls that Cloudinary's own backup takes. */
const BACKUP_PAYS_FROM = 4 * 1024 * 1024

/**
 * What to do with a kept version, from what is kept and what is there; nothing else may influence it. Calling it again
 * after the work was done says `same`: that is how a restore that was killed goes on.
 */
export function decide(chosen: Chosen, present: Present, options: DecideOptions): PlanItem {
  const { entry } = chosen
  const name = nameOf(entry)
  const item = (action: PlanAction, why: string, more: Partial<PlanItem> = {}): PlanItem => ({
    assetId: entry.assetId,
    version: entry.version,
    name,
    action,
    why,
    fields: [],
    content: 'none',
    renameFrom: null,
    presentId: null,
    presentUrl: null,
    adminCalls: 0,
    uploadCalls: 0,
    bytes: 0,
    ...more,
  })
  if (!isRestorable(name)) return item('remote', `delivery type ${entry.type}: Cloudinary fetches or makes it again`)
  const kept = stateOf(entry)
  const there = present.same ?? present.named
  if (options.metadataOnly) return relabelOnly(kept, there, { options, item })
  if (there !== null) {
    const fields = differingFields(kept, there, options).filter((field) => field !== 'original_filename')
    if (fields.length === 0) return item('same', 'it is there and equal', identityOf(there))
    return changeOf(chosen, { there, fields, present }, { options, item })
  }
  const refusal = whyNot(chosen, options)
  if (refusal !== null) return item('impossible', refusal)
  return item('create', 'it is not in the account', costOf(chosen, options, kept))
}

interface Writing {
  readonly options: DecideOptions
  item(action: PlanAction, why: string, more?: Partial<PlanItem>): PlanItem
}

interface Difference {
  readonly there: State
  readonly fields: readonly RestorableField[]
  readonly present: Present
}

function changeOf(chosen: Chosen, { there, fields, present }: Difference, { options, item }: Writing): PlanItem {
  const presentId = there.facts.assetId
  const words = `differs in ${fields.join(', ')}`
  const base = { fields, ...identityOf(there) }
  const kept = stateOf(chosen.entry)
  if (options.conflict === 'rename') {
    const name = { ...nameOf(chosen.entry), publicId: besideName(chosen) }
    const { beside } = present
    if (beside !== null && isSameBytes(kept, beside))
      return item('same', 'it was restored beside it', { ...identityOf(beside), name })
    const refusal = whyNot(chosen, options)
    if (refusal !== null) return item('impossible', refusal, base)
    return item('create', `${words}; restored beside it`, {
      ...base,
      ...costOf(chosen, options, kept),
      content: 'upload',
      name,
    })
  }
  const heldBack = whyLeftAlone(kept, there, { words, conflict: options.conflict })
  if (heldBack !== null) return item('conflict', heldBack, base)
  const bytesDiffer = fields.includes('bytes')
  if (bytesDiffer) {
    const refusal = whyNot(chosen, options)
    if (refusal !== null) return item('impossible', refusal, base)
  }
  const nameDiffers = fields.includes('public_id') || fields.includes('type')
  // The name may have gone to another asset meanwhile: then that one is replaced, and this one stays where it is.
  const isTaken = nameDiffers && present.named !== null && present.named.facts.assetId !== presentId
  if (isTaken) return ontoAnother(chosen, { there, fields, present }, { options, item })
  const renameFrom = nameDiffers ? nameOf(there.facts) : null
  const cost = bytesDiffer ? costOf(chosen, options, kept) : { adminCalls: 0, uploadCalls: 1, bytes: 0 }
  const more = { ...base, ...cost, renameFrom, uploadCalls: cost.uploadCalls + (renameFrom === null ? 0 : 1) }
  return item(bytesDiffer ? 'overwrite' : nameDiffers ? 'rename' : 'relabel', words, more)
}

/** The kept name belongs to another asset now. */
function ontoAnother(chosen: Chosen, { present }: Difference, { options, item }: Writing): PlanItem {
  const kept = stateOf(chosen.entry)
  const other = present.named
  if (other === null) throw new Error('nobody has the name')
  const fields = differingFields(kept, other, options).filter((field) => field !== 'original_filename')
  const holder = identityOf(other)
  if (fields.length === 0) return item('same', 'another asset has the name, and is equal', holder)
  const refusal = whyNot(chosen, options)
  if (refusal !== null) return item('impossible', refusal, { fields, ...holder })
  const cost = fields.includes('bytes')
    ? { ...costOf(chosen, options, kept), content: 'upload' as const }
    : { uploadCalls: 1 }
  const action = fields.includes('bytes') ? 'overwrite' : 'relabel'
  return item(action, `another asset has the name now, and differs in ${fields.join(', ')}`, {
    ...cost,
    fields,
    ...holder,
  })
}

function relabelOnly(kept: State, there: State | null, { options, item }: Writing): PlanItem {
  if (there === null) return item('impossible', 'it is not in the account, and metadata alone makes no asset')
  const fields = differingFields(kept, there, options).filter((field) => LABEL_FIELDS.includes(field))
  const more = { fields, name: nameOf(there.facts), ...identityOf(there) }
  if (fields.length === 0) return item('same', 'its metadata are equal', more)
  const words = `differs in ${fields.join(', ')}`
  const heldBack = whyLeftAlone(kept, there, { words, conflict: options.conflict })
  if (heldBack !== null) return item('conflict', heldBack, more)
  return item('relabel', words, { ...more, uploadCalls: 1 })
}

/**
 * For an undo: what stands under a name that nothing had before. It goes only while it still is what the restore made:
 * whatever has other bytes was put there by somebody since.
 */
export function decideAbsence(chosen: Chosen, name: AssetName, there: State | null): PlanItem {
  const { assetId, version } = chosen.entry
  const none = { content: 'none', renameFrom: null, uploadCalls: 0, bytes: 0, fields: [] } as const
  const item = {
    assetId,
    version,
    name,
    ...none,
    presentId: there?.facts.assetId ?? null,
    presentUrl: null,
    adminCalls: 0,
  }
  if (there === null) return { ...item, action: 'same', why: 'it is not there' }
  if (!isSameBytes(stateOf(chosen.entry), there)) {
    return { ...item, action: 'conflict', why: 'it has other bytes than the restore gave it' }
  }
  return { ...item, action: 'remove', why: 'the restore made it', adminCalls: 1, uploadCalls: 1 }
}

const identityOf = ({ facts }: State): Pick<PlanItem, 'presentId' | 'presentUrl'> => ({
  presentId: facts.assetId,
  presentUrl: facts.secureUrl,
})

const isSameBytes = (a: State, b: State): boolean => a.md5 !== null && a.md5 === b.md5

/** The same version is always given the same name, so that a restore that goes on finds what it made. */
export function besideName({ entry }: Chosen): string {
  const mark = `-restored-${entry.version.slice(0, 6)}`
  const dot = entry.resourceType === 'raw' ? entry.publicId.lastIndexOf('.') : -1
  const slash = entry.publicId.lastIndexOf('/')
  return dot > slash + 1 ? entry.publicId.slice(0, dot) + mark + entry.publicId.slice(dot) : entry.publicId + mark
}

/** Why the policy leaves what is there as it is; null when it may be changed. */
function whyLeftAlone(
  kept: State,
  there: State,
  { words, conflict }: { readonly words: string; readonly conflict: ConflictPolicy },
): string | null {
  if (conflict === 'skip') return words
  return conflict === 'newer' && !isNewer(kept, there) ? `${words}, and the account's is newer` : null
}

/** Why its bytes cannot be brought into this account; null when they can. */
function whyNot({ entry, purged }: Chosen, { limits }: DecideOptions): string | null {
  if (purged) return 'this version was purged'
  if (entry.object === null || entry.size === null) return 'it is kept without bytes'
  if (entry.size === 0) return 'Cloudinary takes no empty files'
  const most = limits[entry.resourceType]
  if (most !== null && entry.size > most)
    return `its ${entry.size} bytes are more than the account takes (${most} for ${entry.resourceType})`
  return null
}

function costOf(
  { entry }: Chosen,
  options: DecideOptions,
  kept: State,
): Pick<PlanItem, 'content' | 'adminCalls' | 'uploadCalls' | 'bytes'> {
  const size = kept.size ?? 0
  const wanted = options.via === 'backup' || (options.via === 'auto' && size >= BACKUP_PAYS_FROM)
  if (wanted && options.sameAccount && isBackedUp(entry.raw.list)) {
    return { content: 'backup', adminCalls: 2, uploadCalls: 1, bytes: 0 }
  }
  const chunks = size > CHUNK_ABOVE ? Math.ceil(size / CHUNK_BYTES) : 1
  return { content: 'upload', adminCalls: 0, uploadCalls: chunks, bytes: size }
}

/** The listing said that Cloudinary keeps versions of it. */
const isBackedUp = (list: unknown): boolean =>
  typeof list === 'object' && list !== null && 'backup' in list && list.backup === true

const changedAt = ({ facts }: State): number =>
  Math.max(...[facts.updatedAt, facts.uploadedAt, facts.createdAt].map((time) => Date.parse(time ?? '') || 0))

const isNewer = (kept: State, there: State): boolean => changedAt(kept) > changedAt(there)
