import type { Entry } from '../../model/entry.ts'
import { decodeHistoryLine } from '../../model/history.ts'
import type { SegmentRef } from '../../model/snapshot.ts'
import { partsOf } from './manifests.ts'
import type { Finding, Lost } from './report.ts'
import { type Check, isDamage, objectsOf } from './state.ts'

/** A version that needs a damaged object: what names it, and where its bytes may still be had. */
export interface VersionUse
  extends Pick<
    Entry,
    'assetId' | 'version' | 'publicId' | 'resourceType' | 'type' | 'capturedAt' | 'path' | 'md5' | 'size' | 'cldVersion'
  > {
  readonly cloud: string
  /** Of a version that was imported from Cloudinary's backup. */
  readonly versionId: string | null
  /** The time that its library file bears; milliseconds since the epoch. */
  readonly mtimeMs: number
  /** False for a derived asset of it. */
  readonly isOriginal: boolean
  /** Ids, oldest first. */
  readonly snapshots: Set<string>
}

/** What needs a damaged object. */
export interface Use {
  what: Lost['what']
  readonly versions: Map<string, VersionUse>
  readonly snapshots: Set<string>
}

/** Says what needs the damaged objects. Reads the manifests again, but only when something is wrong. */
export async function findUses(check: Check, digests: ReadonlySet<string>): Promise<ReadonlyMap<string, Use>> {
  const uses = new Map<string, Use>()
  if (digests.size === 0) return uses
  const segments = new Map<string, { ref: SegmentRef; cloud: string; snapshots: string[] }>()
  for (const { snapshot } of check.heads) {
    for (const { what, object } of partsOf(snapshot)) noteList(uses, digests, { what, object, id: snapshot.id })
    for (const ref of snapshot.segments) {
      noteList(uses, digests, { what: 'segment', object: ref.object, id: snapshot.id })
      const known = segments.get(ref.object) ?? { ref, cloud: snapshot.cloud, snapshots: [] }
      known.snapshots.push(snapshot.id)
      segments.set(ref.object, known)
    }
  }
  for (const { ref, cloud, snapshots } of segments.values()) {
    const entries = check.vault.readSegment(ref.object, check.signal)
    await whileReadable(async () => {
      for await (const entry of entries)
        noteEntry(check, { uses, digests }, { cloud, entry, versionId: null, snapshots })
    })
  }
  for (const { head } of check.histories) {
    noteList(uses, digests, { what: 'history', object: head.lines, id: head.id })
    await whileReadable(async () => {
      for await (const line of check.vault.readLines(head.lines, check.signal)) {
        const { entry, versionId } = decodeHistoryLine(line)
        noteEntry(check, { uses, digests }, { cloud: head.cloud, entry, versionId, snapshots: [] })
      }
    })
  }
  return uses
}

/** A manifest that cannot be read was told of already. */
async function whileReadable(read: () => Promise<void>): Promise<void> {
  try {
    await read()
  } catch (error) {
    if (!isDamage(error)) throw error
  }
}

function useOf(uses: Map<string, Use>, digest: string, what: Lost['what']): Use {
  const use = uses.get(digest) ?? { what, versions: new Map(), snapshots: new Set() }
  uses.set(digest, use)
  return use
}

function noteList(
  uses: Map<string, Use>,
  digests: ReadonlySet<string>,
  { what, object, id }: { readonly what: Lost['what']; readonly object: string; readonly id: string },
): void {
  if (digests.has(object)) useOf(uses, object, what).snapshots.add(id)
}

function noteEntry(
  check: Check,
  { uses, digests }: { readonly uses: Map<string, Use>; readonly digests: ReadonlySet<string> },
  at: { cloud: string; entry: Entry; versionId: string | null; snapshots: readonly string[] },
): void {
  const { cloud, entry, versionId, snapshots } = at
  for (const { digest } of objectsOf(check, cloud, entry).needed) {
    if (!digests.has(digest)) continue
    const isOriginal = digest === entry.object
    const use = useOf(uses, digest, isOriginal ? 'asset' : 'derived')
    if (isOriginal) use.what = 'asset'
    const key = `${cloud} ${entry.assetId} ${entry.version}`
    const version = use.versions.get(key) ?? versionUse(cloud, entry, { versionId, isOriginal })
    use.versions.set(key, version)
    for (const id of snapshots) {
      use.snapshots.add(id)
      version.snapshots.add(id)
    }
  }
}

function versionUse(
  cloud: string,
  entry: Entry,
  { versionId, isOriginal }: Pick<VersionUse, 'versionId' | 'isOriginal'>,
): VersionUse {
  const { assetId, version, publicId, resourceType, type, capturedAt, path, md5, size, cldVersion } = entry
  const { uploadedAt, createdAt } = entry.facts
  const time = Date.parse(uploadedAt ?? createdAt ?? capturedAt)
  return {
    ...{ assetId, version, publicId, resourceType, type, capturedAt, path, md5, size, cldVersion },
    cloud,
    versionId,
    isOriginal,
    mtimeMs: Number.isNaN(time) ? Date.parse(capturedAt) : time,
    snapshots: new Set(),
  }
}

/** How many assets are named with a finding. */
const NAMED = 5

/** Findings with the names of some assets that need what is wrong. */
export const withAffected = (findings: readonly Finding[], uses: ReadonlyMap<string, Use>): readonly Finding[] =>
  findings.map((finding) => {
    const use = uses.get(finding.subject)
    if (use === undefined) return finding
    const affects = [...use.versions.values()].slice(0, NAMED).map(({ cloud, publicId, snapshots }) => ({
      cloud,
      publicId,
      snapshot: [...snapshots].at(-1) ?? '',
    }))
    return { ...finding, affects }
  })
