import type { AccountRow } from '../../cloudinary/reader.ts'
import { CHUNK_ABOVE, type UploadBody, type Uploaded } from '../../cloudinary/writer.ts'
import type { Throttle } from '../../lib/throttle.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import type { Vault } from '../../vault/vault.ts'
import type { PlanItem, RestoreResult } from '../report.ts'
import type { Chosen } from '../selection.ts'
import { labelsOf, withoutEmpty } from './labels.ts'
import type { Planned } from './plan.ts'
import type { RestoreRun } from './run-state.ts'

/**
 * Does what one line of the plan says. Safe to repeat: the plan is made from what is there, and the writer sends
 * nothing again that may have arrived. Throws what is wrong with this asset; the caller decides what ends the run.
 */
export async function apply(run: RestoreRun, { chosen, item }: Planned, throttle: Throttle): Promise<RestoreResult> {
  if (item.action === 'remove') return await remove(run, chosen, item)
  const renamed = item.renameFrom === null ? null : await rename(run, item)
  if (item.content === 'none') {
    const fields = item.fields.filter((field) => !['bytes', 'public_id', 'type'].includes(field))
    if (fields.length === 0 && renamed !== null) return restored(chosen, item, renamed)
    return restored(chosen, item, await relabel(run, chosen, item, fields))
  }
  if (item.content === 'backup') {
    const row = await fromBackup(run, chosen, item)
    if (row !== null) return restored(chosen, item, row)
  }
  const { row, existing } = await upload(run, chosen, item, throttle)
  const result = restored(chosen, item, row)
  return existing ? { ...result, outcome: 'same', missing: ['public_id'] } : result
}

async function remove({ deps, signal }: RestoreRun, chosen: Chosen, item: PlanItem): Promise<RestoreResult> {
  if (item.presentId !== null) await deps.writer.destroy({ ...item.name, assetId: item.presentId }, signal)
  return resultOf(chosen, item, { outcome: 'restored' })
}

async function rename({ deps, signal }: RestoreRun, item: PlanItem): Promise<AccountRow | null> {
  if (item.renameFrom === null) return null
  return await deps.writer.rename(item.renameFrom, { publicId: item.name.publicId, type: item.name.type }, signal)
}

async function relabel(
  run: RestoreRun,
  { entry }: Chosen,
  item: PlanItem,
  fields: PlanItem['fields'],
): Promise<AccountRow> {
  const labels = labelsOf(entry, { folderMode: run.folderMode, fields })
  return await run.deps.writer.relabel({ ...item.name, assetId: item.presentId ?? entry.assetId }, labels, run.signal)
}

async function upload(run: RestoreRun, { entry }: Chosen, item: PlanItem, throttle: Throttle): Promise<Uploaded> {
  const { object, size, md5 } = entry
  if (object === null || size === null || md5 === null) throw new Error(`${entry.publicId} has no bytes to upload`)
  // Chunks are not hashed on their way, so the whole is read and checked before.
  if (size > CHUNK_ABOVE) await readThrough(run.deps.vault, object, run.signal)
  const labels = labelsOf(entry, { folderMode: run.folderMode })
  const isNew = item.presentId === null
  const body = bodyOf(run, { object, size, md5 }, throttle)
  const wish = {
    name: item.name,
    labels: isNew ? withoutEmpty(labels) : labels,
    originalFilename: entry.facts.originalFilename,
    // What is new to the plan is new to the account, unless somebody was quicker: theirs was not kept and is not ours to
    // replace, whatever the policy.
    overwrite: !isNew,
  }
  const first = await run.deps.writer.upload(wish, body, run.signal)
  // A deleted asset of which Cloudinary holds a backup keeps its name, and nothing is lost under it.
  const isEmptyPlace = first.existing && first.row.placeholder
  const answer = isEmptyPlace ? await run.deps.writer.upload({ ...wish, overwrite: true }, body, run.signal) : first
  if (answer.existing && !isOurs(answer.row, item, md5)) {
    throw new AppError('UPLOAD_REFUSED', `${item.name.publicId} came into being meanwhile, and is left alone`, {
      hint: 'run the restore again to see what is there now',
    })
  }
  return answer
}

/** The account keeps some names in another form: what it has under that form, with these bytes, came by an earlier run. */
const isOurs = ({ facts }: AccountRow, item: PlanItem, md5: string): boolean =>
  facts.publicId !== item.name.publicId && facts.etag === md5

/** Throws OBJECT_CORRUPT or OBJECT_NOT_FOUND before a byte of it reaches the account. */
async function readThrough(vault: Vault, object: string, signal: AbortSignal): Promise<void> {
  for await (const _ of await vault.openObject(object, signal)) signal.throwIfAborted()
}

function bodyOf(
  { deps, signal }: RestoreRun,
  { object, size, md5 }: { readonly object: string; readonly size: number; readonly md5: string },
  throttle: Throttle,
): UploadBody {
  return {
    size,
    md5,
    async open({ start, end }) {
      const isWhole = start === 0 && end === size - 1
      // The whole is checked against its name while it is read; damage ends the request before its last byte.
      const bytes = await (isWhole
        ? deps.vault.openObject(object, signal)
        : deps.vault.openObject(object, signal, { start, end }))
      return throttled(bytes, throttle, signal)
    },
  }
}

async function* throttled(
  bytes: AsyncIterable<Uint8Array>,
  throttle: Throttle,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  for await (const chunk of bytes) {
    await throttle(chunk.length, signal)
    yield chunk
  }
}

/**
 * Brings the version back from Cloudinary's own backup, then its name and labels. Null when the backup has no version
 * that is known to be the one, or gives other bytes: then it is uploaded.
 */
async function fromBackup(run: RestoreRun, { entry }: Chosen, item: PlanItem): Promise<AccountRow | null> {
  const { reader, writer } = run.deps
  const asset = { ...item.name, assetId: entry.assetId }
  const history = await reader.backupHistory(asset, run.signal).catch(orNull)
  const version = history?.versions.find((one) => one.restorable && one.cldVersion === entry.cldVersion)
  if (version === undefined) return null
  const [answer] = await writer.restoreVersions([{ assetId: entry.assetId, versionId: version.versionId }], run.signal)
  if (answer?.row == null || answer.row.facts.assetId !== entry.assetId) return null
  const { publicId, resourceType, type } = answer.row.facts
  if (publicId !== item.name.publicId || type !== item.name.type) {
    await writer.rename(
      { publicId, resourceType, type },
      { publicId: item.name.publicId, type: item.name.type },
      run.signal,
    )
  }
  const row = await writer.relabel(asset, labelsOf(entry, { folderMode: run.folderMode }), run.signal)
  const found = await reader.details(asset, run.signal)
  return found.found && found.row.facts.etag === entry.md5 ? row : null
}

/** Backup is a shortcut: whatever keeps it from working, short of what ends the run, means to upload instead. */
const orNull = (error: unknown): null => {
  if (isAppError(error) && ['RESOURCE_NOT_FOUND', 'API_REFUSED', 'API_UNEXPECTED'].includes(error.code)) return null
  throw error
}

const restored = (chosen: Chosen, item: PlanItem, { facts }: AccountRow): RestoreResult =>
  resultOf(chosen, item, {
    outcome: 'restored',
    restored: { assetId: facts.assetId, publicId: facts.publicId, cldVersion: facts.cldVersion },
    newUrl: facts.secureUrl,
    // Listings do not speak of it, so it is judged by the answer to the upload.
    missing: isOtherFilename(chosen, item, facts) ? ['original_filename'] : [],
  })

const isOtherFilename = ({ entry }: Chosen, item: PlanItem, { originalFilename }: AccountRow['facts']): boolean =>
  item.content === 'upload' &&
  entry.facts.originalFilename !== null &&
  originalFilename !== null &&
  originalFilename !== entry.facts.originalFilename

/** What became of a line of the plan, as far as nothing else is said. */
export const resultOf = (
  { entry }: Chosen,
  item: PlanItem,
  more: Partial<RestoreResult> & Pick<RestoreResult, 'outcome'>,
): RestoreResult => ({
  assetId: entry.assetId,
  version: entry.version,
  name: item.name,
  action: item.action,
  restored: null,
  oldUrl: entry.facts.secureUrl,
  newUrl: null,
  missing: [],
  code: null,
  reason: null,
  ...more,
})
