import type { Entry } from '../../model/entry.ts'
import type { Json } from '../../model/json.ts'

/**
 * What is known of a version beside its bytes, as `name.ext.json`: Cloudinary's own names for fields, so that whoever
 * knows the API can read it. The same version always gives the same text.
 */
export const jsonSidecar = (entry: Entry, options: { readonly purged: boolean }): string => {
  const { facts } = entry
  const fields: Json = {
    sidecar: 1,
    asset_id: entry.assetId,
    public_id: entry.publicId,
    resource_type: entry.resourceType,
    type: entry.type,
    format: facts.format,
    version_id: entry.version,
    version: entry.cldVersion,
    bytes: entry.size,
    sha256: entry.object,
    md5: entry.md5,
    purged: options.purged,
    folder: facts.folder,
    display_name: facts.displayName,
    original_filename: facts.originalFilename,
    tags: [...facts.tags],
    context: facts.context,
    metadata: facts.metadata,
    access_mode: facts.accessMode,
    access_control: facts.accessControl,
    moderation: facts.moderation.map(({ kind, status }) => ({ kind, status })),
    coordinates: facts.coordinates,
    regions: facts.regions,
    width: facts.width,
    height: facts.height,
    duration: facts.duration,
    pages: facts.pages,
    is_audio: facts.isAudio,
    status: facts.status,
    created_at: facts.createdAt,
    uploaded_at: facts.uploadedAt,
    updated_at: facts.updatedAt,
    captured_at: entry.capturedAt,
    secure_url: facts.secureUrl,
  }
  return `${JSON.stringify(fields, null, 2)}\n`
}
