import { createHash } from 'node:crypto'
import type { Entry, EntryChange } from '../../src/model/entry.ts'
import type { HistoryLine } from '../../src/model/history.ts'
import type { Purge } from '../../src/model/purge.ts'
import type { Snapshot, StoredSnapshot } from '../../src/model/snapshot.ts'
import { snapshotKey } from '../../src/vault/vault.ts'
import { sampleEntry, sampleSnapshot } from './manifest.ts'

export const CLOUD = 'acme'

const hex = (text: string): string => createHash('sha256').update(text).digest('hex')
/** The id of the n-th sample asset: 32 hex digits in no order. */
export const assetIdOf = (n: number): string => hex(`asset ${n}`).slice(0, 32)

/** What a test wants an asset to be like; all else is made up from it, the same every time. */
export interface State {
  readonly assetId: string
  readonly bytes?: string | null
  readonly publicId?: string
  readonly resourceType?: Entry['resourceType']
  readonly type?: string
  readonly folder?: string
  readonly displayName?: string
  readonly tags?: readonly string[]
  readonly path?: string | null
  readonly hasDetails?: boolean
  readonly format?: string
}

/** The version id follows from the state, but not from its path and details: reading more makes no new version. */
export function entryOf(state: State): Entry {
  const { assetId, bytes = 'bytes', publicId = `name-${assetId.slice(0, 6)}`, path = null, hasDetails = false } = state
  const {
    resourceType = 'image',
    type = 'upload',
    folder = '',
    displayName = 'name',
    tags = [],
    format = 'jpg',
  } = state
  const version = hex(JSON.stringify([assetId, bytes, publicId, resourceType, type, folder, displayName, tags, format]))
  const sample = sampleEntry({ assetId, publicId })
  const facts = {
    ...sample.facts,
    resourceType,
    type,
    folder,
    displayName,
    tags,
    format,
    updatedAt: version.slice(0, 8),
  }
  return {
    ...sample,
    version: version.slice(0, 16),
    resourceType,
    type,
    object: bytes === null ? null : hex(bytes),
    size: bytes === null ? null : bytes.length,
    md5: bytes === null ? null : hex(bytes).slice(0, 32),
    proof: bytes === null ? null : 'md5',
    path,
    listHash: version.slice(0, 32),
    facts,
    raw: hasDetails ? { list: {}, details: { versions: [] } } : { list: {} },
  }
}

/** The n-th snapshot, a minute after the one before. */
export function storedSnapshot(n: number, changes: Partial<Snapshot> = {}): StoredSnapshot {
  const takenAt = new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString()
  const snapshot = sampleSnapshot({ id: `snapshot${n}`, cloud: CLOUD, takenAt, startedAt: takenAt, ...changes })
  return { key: snapshotKey(snapshot), snapshot }
}

export async function* each<T>(items: Iterable<T>): AsyncIterable<T> {
  yield* items
}

export const put = (...states: readonly State[]): EntryChange[] =>
  states.map((state) => ({ assetId: state.assetId, after: entryOf(state) }))
export const drop = (...assetIds: readonly string[]): EntryChange[] =>
  assetIds.map((assetId) => ({ assetId, after: null }))

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A version beside the snapshots. */
export const lineOf = (state: State, more: Partial<HistoryLine> = {}): HistoryLine => ({
  entry: { ...entryOf(state), path: null },
  since: '2025-06-01T00:00:00Z',
  until: null,
  reason: "Cloudinary's backup",
  keepUntil: null,
  versionId: null,
  ...more,
})

/** A purge of these versions, later than everything sampled. */
export const purgeOf = (...entries: readonly Entry[]): Purge => ({
  format: 1,
  id: 'purge1',
  cloud: CLOUD,
  at: '2027-01-01T00:00:00.000Z',
  reason: 'asked for',
  tool: 'cloudkeep test',
  alsoAtCloudinary: false,
  versions: entries.map(({ assetId, version, publicId, object }) => ({
    assetId,
    version,
    publicId,
    object,
    objectRemoved: object !== null,
    derived: [],
  })),
})
