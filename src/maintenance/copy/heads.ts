import { isAppError } from '../../model/errors.ts'
import { decodeSnapshot, encodeSnapshot } from '../../model/snapshot-codec.ts'
import { textBody } from '../../vault/body.ts'
import { readText } from '../../vault/content.ts'
import type { RecordKind } from '../../vault/records.ts'
import { accountsOf, entriesOf, type Manifest, objectsOf, versionKey } from './manifests.ts'
import type { CopyFinding, IncompleteHead } from './report.ts'
import type { Copying } from './state.ts'

/** A head names its segments, at most tens of thousands of them, and nothing that grows faster. */
const LARGEST = 64 * 1024 * 1024
/** How many assets are named with a loss. */
const NAMED = 5

/** What of a manifest is lost. */
interface Lacking {
  /** A list, or another object that the head itself names: the head cannot be used without. */
  readonly own: number
  /** Bytes of assets. */
  readonly bytes: number
}

type Affected = Map<string, CopyFinding['affects'][number][]>

export interface Heads {
  written: number
  there: number
  readonly incomplete: IncompleteHead[]
  /** By digest of what is lost: assets that need it. */
  readonly affected: Affected
}

/**
 * Writes the heads, each only when all that it names is in the target, so that a snapshot that is there can be used.
 * One that lacks something is named and left out; `damaged` takes it along when nothing but bytes of assets is missing.
 */
export async function copyHeads(copying: Copying, manifests: readonly Manifest[]): Promise<Heads> {
  const { lost, options, signal } = copying
  const heads: Heads = { written: 0, there: 0, incomplete: [], affected: new Map() }
  const judged = new Map<string, number>()
  for (const [done, manifest] of manifests.entries()) {
    signal.throwIfAborted()
    options.onProgress({ phase: 'heads', done, total: manifests.length, bytes: 0, totalBytes: 0 })
    const lacking = lost.size === 0 ? NOTHING : await judge(copying, manifest, { judged, affected: heads.affected })
    const isWhole = lacking.own + lacking.bytes === 0
    if (isWhole || (options.damaged && lacking.own === 0)) await copyHead(copying, manifest, heads)
    if (isWhole || (await wentAway(copying, manifest))) continue
    const written = options.damaged && lacking.own === 0
    const { key, cloud, id } = manifest
    heads.incomplete.push({ key, cloud, id, lacking: lacking.own + lacking.bytes, written })
  }
  return heads
}

const NOTHING: Lacking = { own: 0, bytes: 0 }

/** Reads the lists again, but only when something is lost; most lists are shared, so each is read once. */
async function judge(
  copying: Copying,
  manifest: Manifest,
  { judged, affected }: { judged: Map<string, number>; affected: Affected },
): Promise<Lacking> {
  const lists = manifest.lists.map(({ object }) => object)
  const own = [...manifest.parts, ...lists].filter((object) => copying.lost.has(object))
  for (const object of own) if (!affected.has(object)) affected.set(object, [])
  let bytes = 0
  for (const list of lists) {
    const known = judged.get(list)
    const count = known ?? (copying.lost.has(list) ? 0 : await countLost(copying, manifest, list, affected))
    judged.set(list, count)
    bytes += count
  }
  return { own: own.length, bytes }
}

async function countLost(copying: Copying, manifest: Manifest, list: string, affected: Affected): Promise<number> {
  const objects = new Set<string>()
  for await (const entry of entriesOf(copying, manifest, list)) {
    if (copying.purged.has(versionKey(entry))) continue
    for (const { digest } of objectsOf(entry)) {
      if (!copying.lost.has(digest)) continue
      objects.add(digest)
      const named = affected.get(digest) ?? []
      affected.set(digest, named)
      if (named.length < NAMED) named.push({ cloud: manifest.cloud, publicId: entry.publicId, snapshot: manifest.id })
    }
  }
  return objects.size
}

/** A snapshot that a prune took away while it was copied needs nothing any more. */
async function wentAway({ source, signal }: Copying, { key }: Manifest): Promise<boolean> {
  return (await source.store.stat(key, signal)) === null
}

/** As it stands, byte for byte: a later version of the program may have written fields that this one does not know. */
async function copyHead(copying: Copying, manifest: Manifest, heads: Heads): Promise<void> {
  const { source, target, findings, options, signal } = copying
  const text = await readText(source.store, manifest.key, { limit: LARGEST, signal }).catch(absentIsNull)
  if (text === null) return
  const there = await readText(target.store, manifest.key, { limit: LARGEST, signal }).catch(absentIsNull)
  if (there !== null && (there === text || (manifest.kind === 'snapshot' && isSame(there, text)))) {
    heads.there += 1
  } else if (there !== null && manifest.kind === 'snapshot' && isReadable(there)) {
    const message = 'the target holds another snapshot under this key, which is left as it is'
    findings.push({ code: 'snapshot-differs', subject: manifest.key, message, affects: [] })
  } else {
    if (!options.dryRun) await target.store.put(manifest.key, textBody(text), signal)
    heads.written += 1
  }
}

const absentIsNull = (error: unknown): null => {
  if (isAppError(error, 'OBJECT_NOT_FOUND')) return null
  throw error
}

const isReadable = (text: string): boolean => canonical(text) !== null
const isSame = (one: string, other: string): boolean => canonical(one) !== null && canonical(one) === canonical(other)

const canonical = (text: string): string | null => {
  try {
    return encodeSnapshot(decodeSnapshot(text))
  } catch (error) {
    if (!isAppError(error, 'VAULT_INVALID')) throw error
    return null
  }
}

/**
 * Copies small records as they stand; one that both vaults have and that differs becomes that of the source. Proofs
 * and drills stay behind on purpose: they say which bytes of the source were read, and nothing of those of the target.
 */
export async function copyRecords(copying: Copying, kinds: readonly RecordKind[]): Promise<number> {
  const { source, target, findings, options, signal } = copying
  let written = 0
  for (const cloud of await accountsOf(source, signal)) {
    for (const kind of kinds) {
      for (const key of await source.recordKeys({ kind, cloud }, signal)) {
        try {
          await source.readRecord(key, signal)
        } catch (error) {
          if (isAppError(error, 'OBJECT_NOT_FOUND')) continue
          if (!isAppError(error, 'VAULT_INVALID')) throw error
          findings.push({ code: 'record-unreadable', subject: key, message: error.message, affects: [] })
          continue
        }
        if (await copyRecord({ source, target, key, dryRun: options.dryRun, signal })) written += 1
      }
    }
  }
  return written
}

interface RecordCopy extends Pick<Copying, 'source' | 'target' | 'signal'> {
  readonly key: string
  readonly dryRun: boolean
}

async function copyRecord({ source, target, key, dryRun, signal }: RecordCopy): Promise<boolean> {
  const text = await readText(source.store, key, { limit: LARGEST, signal }).catch(absentIsNull)
  const there = await readText(target.store, key, { limit: LARGEST, signal }).catch((error: unknown) => {
    // Damaged in the target: written anew.
    if (isAppError(error, 'VAULT_INVALID')) return null
    return absentIsNull(error)
  })
  if (text === null || text === there) return false
  if (!dryRun) await target.store.put(key, textBody(text), signal)
  return true
}
