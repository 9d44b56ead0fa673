import type { Labels } from '../../cloudinary/writer.ts'
import type { FolderMode } from '../../model/asset.ts'
import type { Entry } from '../../model/entry.ts'
import type { Json } from '../../model/json.ts'
import { pairsOf, type RestorableField, stateOf } from './compare.ts'

/** The labels a kept version had. With `fields`, only those; what the record does not know is left alone. */
export function labelsOf(
  entry: Entry,
  options: { readonly folderMode: FolderMode | null; readonly fields?: readonly RestorableField[] },
): Labels {
  const { facts } = entry
  const { detailed } = stateOf(entry)
  const dynamic = options.folderMode === 'dynamic'
  const all: { readonly [field in RestorableField]?: Labels } = {
    ...(dynamic && facts.folder !== null ? { folder: { folder: facts.folder } } : {}),
    ...(dynamic && facts.displayName !== null ? { display_name: { displayName: facts.displayName } } : {}),
    tags: { tags: facts.tags },
    context: { context: pairsOf(facts) },
    metadata: { metadata: recordOf(facts.metadata) },
    access_control: { accessControl: facts.accessControl ?? [] },
    moderation: { moderation: facts.moderation },
    ...(facts.accessMode === null ? {} : { access_mode: { accessMode: facts.accessMode } }),
    ...(facts.coordinates === null && !detailed ? {} : { coordinates: { coordinates: facts.coordinates } }),
    ...(facts.regions === null && !detailed ? {} : { regions: { regions: facts.regions } }),
  }
  const wanted = options.fields ?? (Object.keys(all) as RestorableField[])
  return Object.assign({}, ...wanted.map((field) => all[field] ?? {}))
}

/** For an asset that is new: what is empty need not be said, and an empty value may be refused. */
export function withoutEmpty(labels: Labels): Labels {
  return Object.fromEntries(
    Object.entries(labels).filter(([name, value]) => name === 'folder' || !isEmpty(value as Json)),
  )
}

const isEmpty = (value: Json): boolean =>
  value === null ||
  value === '' ||
  value === 'public' ||
  (typeof value === 'object' && (Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0))

const recordOf = (value: Json): Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, Json>) : {}
