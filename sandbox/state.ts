/**
 * What the sandbox knows of an account: plain data, no HTTP. `admin/`, `upload/` and `delivery/` read and change it;
 * `sample/` and `virtual/` fill it. Times are milliseconds since the epoch unless they say otherwise.
 */
export type ResourceType = 'image' | 'video' | 'raw'
export type FolderMode = 'fixed' | 'dynamic'
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** Bytes of an original or of a backed-up version; immutable. Virtual libraries compute them when they are asked. */
export interface Content {
  readonly size: number
  /** Lower-case hex MD5. */
  readonly md5: string
  /** The bytes from `start` to `end`, inclusive. */
  read(start: number, end: number): Buffer
}

export interface BackupVersion {
  /** 32 hex digits. */
  readonly versionId: string
  readonly version: number
  readonly format: string | null
  readonly time: number
  readonly content: Content
  restorable: boolean
}

export interface UpdateTimes {
  updated: number
  tags?: number
  context?: number
  metadata?: number
  publicId?: number
  accessControl?: number
}

export interface Asset {
  readonly assetId: string
  publicId: string
  resourceType: ResourceType
  /** Delivery type: upload, private, authenticated, fetch, … */
  type: string
  format: string | null
  /** Unix seconds of the last binary upload. */
  version: number
  versionId: string
  createdAt: number
  uploadedAt: number
  times: UpdateTimes
  /** Null for a placeholder: deleted, with backups. */
  content: Content | null
  width: number | null
  height: number | null
  pages: number | null
  duration: number | null
  isAudio: boolean
  /** '' is the root. In fixed mode always the path part of the public_id. */
  assetFolder: string
  displayName: string
  originalFilename: string | null
  tags: string[]
  /** The `custom` map. */
  context: Record<string, string>
  metadata: Record<string, JsonValue>
  accessMode: 'public' | 'authenticated'
  accessControl: JsonValue[] | null
  moderation: { kind: string; status: string; updatedAt: number }[]
  coordinates: { faces?: number[][]; custom?: number[][] } | null
  regions: { [name: string]: JsonValue } | null
  backup: boolean
  versions: BackupVersion[]
  /** asset_ids, both ways. */
  related: Set<string>
  derived: { id: string; transformation: string; format: string; bytes: number; content: Content }[]
  /** Fields that only some assets have (phash, faces, …), sent as they are in details. */
  extra: { [key: string]: JsonValue }
  createdBy: string
}

/** active | pending | inactive | deleted, as search states it. */
export const statusOf = (asset: Asset): 'active' | 'pending' | 'inactive' | 'deleted' => {
  if (asset.content === null && asset.versions.length > 0) return 'deleted'
  if (asset.moderation.some((m) => m.status === 'rejected')) return 'inactive'
  return asset.moderation.some((m) => m.status === 'pending') ? 'pending' : 'active'
}

/** A place in the order of a shelf; need not be that of an asset which still exists. */
export interface ShelfPosition {
  readonly createdAt: number
  readonly assetId: string
}

/** A wish for only these assets: a shelf that can skip the others cheaply does, the reader filters again anyway. */
export interface ShelfFilter {
  readonly resourceType?: string
  readonly type?: string
}

/** Where an account keeps its assets: in memory, or computed (`virtual/`). Order of `scan` is created_at, then assetId. */
export interface AssetShelf {
  readonly size: number
  byId(assetId: string): Asset | undefined
  byName(resourceType: string, type: string, publicId: string): Asset | undefined
  /** All assets in ascending order of (createdAt, assetId), from strictly after the given position. Lazy. */
  scan(after?: ShelfPosition, filter?: ShelfFilter): Iterable<Asset>
  /** Newest first, from strictly before the given position. Lazy. */
  scanDown(before?: ShelfPosition, filter?: ShelfFilter): Iterable<Asset>
  /**
   * Every asset that is not as it was created: its `uploadedAt` or `times.updated` is not its `createdAt`, or its
   * status is not active. A shelf of computed assets offers it so that a search over all of them, by time, reads only
   * these and one page. Without it search reads and sorts the whole shelf.
   */
  changed?(): Iterable<Asset>
  add(asset: Asset): void
  /** To be called with the identity the asset had before its public_id or types changed. */
  renamed(asset: Asset, before: { resourceType: string; type: string; publicId: string }): void
  remove(assetId: string): void
}

export interface FolderRecord {
  readonly externalId: string
  path: string
  createdAt: number
}

export interface Trigger {
  readonly id: string
  uri: string
  uriType: 'webhook' | 'flow' | 'poll'
  eventType: string
  additive: boolean
  createdAt: number
  updatedAt: number
}

export interface CloudSettings {
  folderMode: FolderMode
  /** The console's "Automatic backup". */
  autoBackup: boolean
  /** Plans metered on impressions: plain URLs are optimised, so their bytes are not the original's. */
  optimizeByDefault: boolean
  /** False on free and new accounts: PDF and ZIP delivery answers 401 `deny or ACL failure`. */
  allowPdfZip: boolean
  /** Overwriting an asset clears its tags, context and metadata. */
  overwriteClearsAttributes: boolean
  /** Empty parameters of upload and explicit are as if they were not sent; nobody has written down which it is. */
  blanksIgnored: boolean
  /** Upload and explicit answer without context, metadata, access control and moderation, as if only some answers had them. */
  terseAnswers: boolean
  plan: string
  /** Admin API calls an hour. */
  rateLimit: number
  /** Length of the quota window; an hour in life, shorter in tests. */
  rateWindowMs: number
  mediaLimits: { image: number; video: number; raw: number }
  /** How long search lags behind writes. */
  searchLagMs: number
}

export interface Cloud {
  readonly name: string
  /** The first, and default, key signs webhooks. */
  readonly keys: { key: string; secret: string; enabled: boolean }[]
  readonly createdAt: number
  readonly settings: CloudSettings
  readonly shelf: AssetShelf
  readonly folders: Map<string, FolderRecord>
  readonly presets: Map<
    string,
    { name: string; unsigned: boolean; settings: Record<string, JsonValue>; externalId: string }
  >
  readonly transformations: Map<
    string,
    { name: string; definition: string; allowedForStrict: boolean; createdAt: number }
  >
  readonly mappings: Map<string, { folder: string; template: string; externalId: string }>
  readonly profiles: Map<
    string,
    { name: string; displayName: string; predefined: boolean; representations: JsonValue; externalId: string }
  >
  /** In order of position. */
  readonly fields: { [key: string]: JsonValue }[]
  readonly rules: { [key: string]: JsonValue }[]
  readonly triggers: Map<string, Trigger>
  /** Chunked uploads under way, by X-Unique-Upload-Id. */
  readonly uploads: Map<string, { received: Map<number, Buffer>; total: number | null; startedAt: number }>
  /** Assets as they were before their recent changes, for as long as search lags; `changes.ts` writes it. */
  readonly before: { readonly assetId: string; readonly asset: Asset | null; readonly at: number }[]
  /** Quota window under way. */
  quota: { windowEnds: number; used: number }
  /** Every change that webhooks tell, in order; `webhooks.ts` sends them. */
  readonly events: { type: string; body: { [key: string]: JsonValue }; at: number }[]
}

/** One request, as the tests read it back from the log. */
export interface LoggedRequest {
  readonly at: number
  readonly method: string
  readonly path: string
  readonly area: 'admin' | 'upload' | 'delivery' | 'download' | 'other'
  readonly cloud: string | null
  readonly range: string | null
  status: number
  /** Body bytes sent. */
  sent: number
  /** The fault that was applied, if any. */
  fault: string | null
}

/** Everything the routes share. */
export interface World {
  readonly clouds: Map<string, Cloud>
  /** Part of every `next_cursor`; raising it makes all cursors given out so far invalid. */
  cursorEpoch: number
  /** The sandbox's clock; tests may set it. */
  now(): number
  /** `http://127.0.0.1:PORT`, known once the server listens. API and delivery share it. */
  readonly baseUrl: string
  readonly log: LoggedRequest[]
}
