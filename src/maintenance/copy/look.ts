import { createCrew } from '../../lib/crew.ts'
import { createDigestSet } from '../../lib/digest-set.ts'
import { objectKey } from '../../vault/vault.ts'
import { entriesOf, type Manifest, objectsOf, versionKey } from './manifests.ts'
import { type Copying, lossOf } from './state.ts'

interface Wanted {
  readonly digest: string
  /** Null: whatever the source says. */
  readonly size: number | null
}

/** Why an object is wanted: by a head that the target has, or by one that it is about to get. */
type Claim = 'kept' | 'new'

interface Looked {
  /** Objects that the target has. */
  readonly there: number
  readonly lackingBytes: number
}

/**
 * Reads every list of the source and asks the target for each object that is named: fills `needed` and `lacking`, and
 * `lost` with what neither vault has and the lists that cannot be read.
 */
export async function lookForLacking(copying: Copying, manifests: readonly Manifest[]): Promise<Looked> {
  const { needed, target, options, signal } = copying
  const read = createDigestSet()
  const crew = createCrew(options.concurrency)
  const looked = { there: 0, lackingBytes: 0 }
  const want = async (wanted: Wanted, claim: Claim): Promise<void> => {
    if (needed.has(wanted.digest)) return
    needed.add(wanted.digest)
    await crew.run(async () => {
      const lacking = await ask(copying, wanted, claim)
      if (lacking === null) looked.there += 1
      else looked.lackingBytes += lacking
    })
  }
  for (const [done, manifest] of manifests.entries()) {
    signal.throwIfAborted()
    options.onProgress({ phase: 'look', done, total: manifests.length, bytes: 0, totalBytes: 0 })
    const claim = (await target.store.stat(manifest.key, signal)) === null ? 'new' : 'kept'
    for (const digest of manifest.parts) await want({ digest, size: null }, claim)
    for (const { object, size } of manifest.lists) {
      await want({ digest: object, size }, claim)
      if (read.has(object)) continue
      read.add(object)
      for (const wanted of await namedIn(copying, manifest, object)) await want(wanted, claim)
    }
  }
  await crew.finished()
  return looked
}

/** Only what a whole list says counts: a damaged one may say anything before it turns out to be damaged. */
async function namedIn(copying: Copying, manifest: Manifest, list: string): Promise<readonly Wanted[]> {
  const named: Wanted[] = []
  try {
    for await (const entry of entriesOf(copying, manifest, list)) {
      if (!copying.purged.has(versionKey(entry))) named.push(...objectsOf(entry))
    }
    return named
  } catch (error) {
    const loss = await lossOf(copying, error)
    if (!copying.lost.has(list)) copying.lost.set(list, { code: 'list-unreadable', message: loss.message })
    return []
  }
}

/** The bytes to be copied; null when the target has the object with its length. */
async function ask(copying: Copying, { digest, size }: Wanted, claim: Claim): Promise<number | null> {
  const { source, target, lacking, lost, signal } = copying
  const there = await target.statObject(digest, signal)
  if (there !== null && there.size === size && (await isSafe(copying, digest, claim))) return null
  const original = await source.statObject(digest, signal)
  const isThere = there !== null && size === null && (original === null || original.size === there.size)
  if (isThere && (await isSafe(copying, digest, claim))) return null
  if (original !== null) lacking.add(digest)
  else if (!lost.has(digest))
    lost.set(digest, { code: 'object-missing', message: `object ${digest} is not in the vault` })
  return original?.size ?? 0
}

/** A prune of the target takes away what is old and unnamed; what a new head will name is made young before. */
async function isSafe({ target, options, signal }: Copying, digest: string, claim: Claim): Promise<boolean> {
  if (claim === 'kept' || options.dryRun || target.store.touch === undefined) return true
  return target.store.touch(objectKey(digest), signal)
}
