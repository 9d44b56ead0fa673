import type { AssetFacts, FolderMode, Moderation } from '../../model/asset.ts'
import type { Entry } from '../../model/entry.ts'
import { canonicalJson, type Json } from '../../model/json.ts'

/** What a restore can bring back. Everything else about an asset is the service's own: see `NOT_REPRODUCIBLE`. */
const RESTORABLE_FIELDS = [
  'bytes',
  'public_id',
  'type',
  'folder',
  'display_name',
  'tags',
  'context',
  'metadata',
  'access_control',
  'access_mode',
  'moderation',
  'coordinates',
  'regions',
  'original_filename',
] as const
export type RestorableField = (typeof RESTORABLE_FIELDS)[number]

/** Given by the service and settable by nobody (docs/cloudinary.md, "Uploading"). */
export const NOT_REPRODUCIBLE = ['asset_id', 'created_at', 'cld_version', 'uploaded_at', 'updated_at'] as const

/** The fields that change with `--metadata-only`: no bytes, no names, no places. */
export const LABEL_FIELDS: readonly RestorableField[] = [
  'tags',
  'context',
  'metadata',
  'access_control',
  'access_mode',
  'moderation',
  'coordinates',
  'regions',
]

/** A state of an asset, kept or present. */
export interface State {
  readonly facts: AssetFacts
  /** Of the bytes as kept or as the account states them; null when nobody knows. */
  readonly md5: string | null
  readonly size: number | null
  /** The details were read: what they do not mention is not there. */
  readonly detailed: boolean
}

export const stateOf = (entry: Entry): State => ({
  facts: entry.facts,
  md5: entry.md5 ?? entry.facts.etag,
  size: entry.size ?? entry.facts.bytes,
  detailed: entry.raw.details !== undefined,
})

/** The fields in which the account would have to change to show the kept state. */
export function differingFields(
  kept: State,
  present: State,
  options: { readonly folderMode: FolderMode | null },
): readonly RestorableField[] {
  return RESTORABLE_FIELDS.filter((field) => !isSame[field](kept, present, options.folderMode))
}

type Test = (kept: State, present: State, folderMode: FolderMode | null) => boolean

const isSame: Readonly<Record<RestorableField, Test>> = {
  bytes: (kept, present) =>
    kept.md5 !== null && present.md5 !== null
      ? kept.md5 === present.md5 && (kept.size === null || present.size === null || kept.size === present.size)
      : kept.size === present.size && kept.facts.cldVersion === present.facts.cldVersion,
  public_id: ({ facts }, present) =>
    facts.publicId === present.facts.publicId && facts.resourceType === present.facts.resourceType,
  type: ({ facts }, present) => facts.type === present.facts.type,
  // In fixed mode the folder is part of the public_id and is compared with it.
  folder: ({ facts }, present, mode) =>
    mode !== 'dynamic' || facts.folder === null || facts.folder === (present.facts.folder ?? ''),
  display_name: ({ facts }, present, mode) =>
    mode !== 'dynamic' || facts.displayName === null || facts.displayName === present.facts.displayName,
  tags: ({ facts }, present) => sameJson(tagSet(facts), tagSet(present.facts)),
  context: ({ facts }, present) => sameJson(pairsOf(facts), pairsOf(present.facts)),
  metadata: ({ facts }, present) => sameJson(facts.metadata ?? {}, present.facts.metadata ?? {}),
  access_control: ({ facts }, present) => sameJson(facts.accessControl ?? [], present.facts.accessControl ?? []),
  access_mode: ({ facts }, present) => modeOf(facts) === modeOf(present.facts),
  moderation: ({ facts }, present) => sameJson(verdicts(facts.moderation), verdicts(present.facts.moderation)),
  coordinates: (kept, present) => sameWhereKnown('coordinates', kept, present),
  regions: (kept, present) => sameWhereKnown('regions', kept, present),
  original_filename: ({ facts }, present) =>
    facts.originalFilename === null || facts.originalFilename === present.facts.originalFilename,
}

/** Only details speak of these, so their absence says something only where details were read. */
const sameWhereKnown = (field: 'coordinates' | 'regions', kept: State, present: State): boolean => {
  const [was, is] = [kept.facts[field], present.facts[field]]
  if (was === null && !kept.detailed) return true
  return sameJson(was, is)
}

/** An order means nothing, nor does a tag that stands there twice. */
const tagSet = ({ tags }: AssetFacts): readonly string[] => [...new Set(tags)].sort()

const sameJson = (a: Json, b: Json): boolean => canonicalJson(a) === canonicalJson(b)

/** The settable pairs of a context, without the wrapper. */
export const pairsOf = ({ context }: Pick<AssetFacts, 'context'>): Readonly<Record<string, string>> => {
  const custom =
    typeof context === 'object' && context !== null && 'custom' in context ? (context['custom'] ?? null) : null
  if (typeof custom !== 'object' || custom === null || Array.isArray(custom)) return {}
  return Object.fromEntries(
    Object.entries(custom).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  )
}

const modeOf = ({ accessMode }: AssetFacts): string => accessMode ?? 'public'

const verdicts = (moderation: readonly Moderation[]): Json =>
  moderation.map(({ kind, status }) => `${kind ?? ''}:${status ?? ''}`).sort()
