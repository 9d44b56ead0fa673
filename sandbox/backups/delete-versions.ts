import { missing, notFound } from '../errors.ts'
import { idsOf } from '../params.ts'
import type { BackupCall, BackupReply } from './routes.ts'

/**
 * `DELETE /resources/backup/:asset_id`. A placeholder that loses its last version is gone, and its public_id free. The
 * binary that is in use stays in use.
 */
export const deleteVersions = (call: BackupCall): BackupReply => {
  const assetId = call.path[2] ?? ''
  const asset = call.cloud.shelf.byId(assetId)
  if (asset === undefined) throw notFound(`Resource not found - ${assetId}`)
  const ids = idsOf(call.params, 'version_ids')
  if (ids === undefined || ids.length === 0) throw missing('version_ids')
  const held = new Set(asset.versions.map((version) => version.versionId))
  const deleted = ids.filter((id) => held.has(id))
  asset.versions = asset.versions.filter((version) => !deleted.includes(version.versionId))
  if (asset.versions.length === 0) {
    asset.backup = false
    if (asset.content === null) call.cloud.shelf.remove(assetId)
  }
  const failures = ids
    .filter((id) => !held.has(id))
    .map((id) => ({ version_id: id, error: `Version not found - ${id}` }))
  const body = { asset_id: assetId, deleted_version_ids: deleted }
  return failures.length === 0 ? { body } : { status: 207, body: { ...body, failures } }
}
