import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../../model/errors.ts'
import { count, fieldsOf, list, parseJson, text, time } from '../../model/shape.ts'
import type { Snapshot, StoredSnapshot } from '../../model/snapshot.ts'
import type { Vault } from '../../vault/vault.ts'
import { createNeeded, type Needed } from '../verify/needed.ts'
import {
  isLost,
  type LostSegment,
  purgedVersions,
  type RestorePoints,
  readableEntries,
  restorePoints,
  versionName,
} from './point.ts'

/** What looking at an account's restore points showed. Presence and lengths only: bytes are read by verify and drill. */
export interface Restorability {
  readonly cloud: string
  readonly points: RestorePoints
  /** When the objects were looked for; older than now when a look at a large account is still remembered. */
  readonly checkedAt: string
  /** Distinct objects that the newest complete snapshot and the newest one name. */
  readonly objects: number
  /** Assets of the newest snapshot that are kept without bytes, because their bytes live elsewhere. */
  readonly records: number
  /** Objects of these that are not there, or not with their length. */
  readonly absent: number
  /** Assets that need one of them, a few by name. */
  readonly affected: { readonly assets: number; readonly names: readonly string[] }
  /** Lists of assets that cannot be read. */
  readonly lost: readonly LostSegment[]
  /** Versions purged on purpose, of the whole account. */
  readonly purged: number
}

export interface LookOptions {
  readonly now: Date
  /** Where a look at a large account is remembered: a file of the cache; null: nowhere. */
  readonly memory: string | null
}

/** Accounts from this size on are not looked at anew each time. */
const LARGE = 20_000
const REMEMBERED_MS = 3_600_000
/** Up to so many objects are asked for one by one; beyond that the vault is listed once. */
const ASKED = 5000
/** Where one list of a thousand costs as much as one look. */
const ASKED_FAR = 100
const AT_A_TIME = 32
const NAMED = 5

/**
 * Looks whether everything that the newest complete snapshot and the newest one name is in the vault with its length.
 * A good result of a large account is remembered for an hour; a bad one never is, so that a repair shows at once.
 */
export async function lookAtRestorability(
  vault: Vault,
  cloud: string,
  { now, memory }: LookOptions,
  signal: AbortSignal,
): Promise<Restorability> {
  const points = await restorePoints(vault, cloud, signal)
  const snapshots = snapshotsOf(points)
  const purged = await purgedVersions(vault, cloud, signal)
  const base = { cloud, points, purged: purged.size }
  const remembered = memory === null ? null : await recall(memory, snapshots, now)
  if (remembered !== null) return { ...base, ...remembered, absent: 0, affected: NOBODY, lost: [] }
  const looking = { vault, snapshots, purged, signal }
  const { needed, lost, records } = await gather(looking)
  const absent = await absentOf(vault, needed, signal)
  const affected = absent.size === 0 ? NOBODY : await nameAffected(looking, absent)
  const checkedAt = now.toISOString()
  const objects = needed.set.size
  if (memory !== null && isLarge(snapshots) && absent.size === 0 && lost.length === 0)
    await remember(memory, snapshots, { checkedAt, objects, records })
  return { ...base, checkedAt, objects, records, absent: absent.size, affected, lost }
}

const NOBODY = { assets: 0, names: [] } as const

const snapshotsOf = ({ newest, newestComplete }: RestorePoints): readonly StoredSnapshot[] =>
  [newestComplete, newest]
    .filter((one): one is StoredSnapshot => one !== null)
    .filter((one, i, all) => all.indexOf(one) === i)

const isLarge = (snapshots: readonly StoredSnapshot[]): boolean =>
  snapshots.some(({ snapshot }) => snapshot.assets >= LARGE)

interface Looking {
  readonly vault: Vault
  readonly snapshots: readonly StoredSnapshot[]
  readonly purged: ReadonlySet<string>
  readonly signal: AbortSignal
}

/** Snapshots share most of their segments, and each is read once. */
const segmentsOnce = (snapshots: readonly StoredSnapshot[]): Snapshot['segments'] => {
  const all = snapshots.flatMap(({ snapshot }) => snapshot.segments)
  return [...new Map(all.map((segment) => [segment.object, segment])).values()]
}

interface Gathered {
  readonly needed: Needed
  readonly lost: readonly LostSegment[]
  readonly records: number
}

async function gather({ vault, snapshots, purged, signal }: Looking): Promise<Gathered> {
  const needed = createNeeded()
  const lost: LostSegment[] = []
  for (const { snapshot } of snapshots) {
    for (const part of [snapshot.folders, snapshot.configuration, snapshot.failures])
      if (part !== null) needed.add(part, null, 0)
  }
  const newest = new Set(snapshots.at(-1)?.snapshot.segments.map(({ object }) => object))
  let records = 0
  for (const segment of segmentsOnce(snapshots)) {
    const one = { segments: [segment] }
    for await (const entry of readableEntries(vault, one, { signal, onLost: (each) => lost.push(each) })) {
      if (entry.object === null) records += newest.has(segment.object) ? 1 : 0
      else if (!purged.has(versionName(entry))) needed.add(entry.object, entry.size, 0)
    }
  }
  return { needed, lost, records }
}

/** Digests of what is not there with its length. */
async function absentOf(vault: Vault, needed: Needed, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { listsInOrder } = vault.store.traits
  if (needed.set.size > (listsInOrder === true ? ASKED_FAR : ASKED)) await markListed(vault, needed, signal)
  // A listing may miss what was put while it went on, so each absence is asked for by name.
  const absent = new Set<string>()
  let asked: string[] = []
  const ask = async (): Promise<void> => {
    const found = await Promise.all(asked.map((digest) => vault.statObject(digest, signal)))
    for (const [i, digest] of asked.entries()) if (!isRight(found[i] ?? null, needed.sizeOf(digest))) absent.add(digest)
    asked = []
  }
  for (const digest of needed.set.unmarked()) {
    asked.push(digest)
    if (asked.length >= AT_A_TIME) await ask()
  }
  await ask()
  return absent
}

const isRight = (found: { readonly size: number } | null, size: number | null): boolean =>
  found !== null && (size === null || found.size === size)

async function markListed(
  vault: Vault,
  { set, sizeOf }: Pick<Needed, 'set' | 'sizeOf'>,
  signal: AbortSignal,
): Promise<void> {
  for await (const { digest, size } of vault.listObjects(signal))
    if (isRight({ size }, sizeOf(digest))) set.mark(digest)
}

async function nameAffected(
  { vault, snapshots, signal }: Looking,
  absent: ReadonlySet<string>,
): Promise<Restorability['affected']> {
  // An asset that both snapshots hold is one asset.
  const assets = new Set<string>()
  const names: string[] = []
  const segments = segmentsOnce(snapshots)
  for await (const entry of readableEntries(vault, { segments }, { signal, onLost: () => undefined })) {
    if (entry.object === null || !absent.has(entry.object) || assets.has(entry.assetId)) continue
    assets.add(entry.assetId)
    if (names.length < NAMED) names.push(entry.publicId)
  }
  return { assets: assets.size, names }
}

type Remembered = Pick<Restorability, 'checkedAt' | 'objects' | 'records'>

/** The memory is a cache: whatever is wrong with it, the look is taken anew. */
async function recall(file: string, snapshots: readonly StoredSnapshot[], now: Date): Promise<Remembered | null> {
  try {
    const fields = fieldsOf(parseJson(await readFile(file, 'utf8')), 'the memory')
    const remembered = {
      checkedAt: time(fields, 'checkedAt'),
      objects: count(fields, 'objects'),
      records: count(fields, 'records'),
    }
    const ids = list(fields, 'snapshots').map((id) => text({ id: id }, 'id'))
    const age = now.getTime() - Date.parse(remembered.checkedAt)
    return age >= 0 && age < REMEMBERED_MS && ids.join() === idsOf(snapshots).join() ? remembered : null
  } catch (error) {
    if (isLost(error) || (error instanceof Error && !(error instanceof AppError))) return null
    throw error
  }
}

const idsOf = (snapshots: readonly StoredSnapshot[]): readonly string[] => snapshots.map(({ snapshot }) => snapshot.id)

async function remember(file: string, snapshots: readonly StoredSnapshot[], what: Remembered): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, JSON.stringify({ ...what, snapshots: idsOf(snapshots) }))
  } catch {
    // A vault that cannot be written is looked at anew each time.
    return
  }
}
