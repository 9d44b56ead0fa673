import type { Entry } from '../../model/entry.ts'
import type { AppError } from '../../model/errors.ts'
import { decodeHistoryLine, type HistoryHead } from '../../model/history.ts'
import type { SegmentRef, Snapshot, StoredSnapshot } from '../../model/snapshot.ts'
import { type Check, isDamage, objectsOf, report } from './state.ts'

/** Reads every manifest once, however many snapshots share it, and gathers what they need. */
export async function readManifests(check: Check): Promise<void> {
  const { heads, histories, options, signal } = check
  const total = heads.length + histories.length
  const tell = (done: number): void =>
    options.listen({ type: 'progress', progress: { phase: 'snapshots', done, total, bytes: 0, totalBytes: 0 } })
  for (const [i, stored] of heads.entries()) {
    tell(i)
    await readSnapshot(check, stored)
    signal.throwIfAborted()
  }
  for (const [i, { key, head }] of histories.entries()) {
    tell(heads.length + i)
    await readHistory(check, key, head)
    signal.throwIfAborted()
  }
}

async function readSnapshot(check: Check, { key, snapshot }: StoredSnapshot): Promise<void> {
  const at = Date.parse(snapshot.takenAt)
  for (const { object } of partsOf(snapshot)) {
    // No head says how long these are; a share of all bytes is better counted with them.
    const isKnown = check.needed.sizeOf(object) !== null
    const found = isKnown ? null : await check.vault.statObject(object, check.signal)
    check.needed.add(object, found?.size ?? null, at)
  }
  for (const ref of snapshot.segments) {
    check.needed.add(ref.object, ref.size, at)
    await readOnce(check, {
      digest: ref.object,
      name: `segment "${ref.prefix}" of ${key}`,
      said: ref,
      entries: () => entriesOf(check, ref),
      cloud: snapshot.cloud,
      at,
    })
  }
}

async function readHistory(check: Check, key: string, head: HistoryHead): Promise<void> {
  const at = Date.parse(head.writtenAt)
  check.needed.add(head.lines, head.size, at)
  await readOnce(check, {
    digest: head.lines,
    name: `the list of ${key}`,
    said: head,
    entries: () => historyEntries(check, head),
    cloud: head.cloud,
    at,
  })
}

/** What a head names besides its segments. */
export const partsOf = ({ folders, configuration, failures }: Snapshot) =>
  [
    { what: 'folders', object: folders },
    { what: 'configuration', object: configuration },
    { what: 'failures', object: failures },
  ].flatMap(({ what, object }) => (object === null ? [] : [{ what, object }])) as readonly {
    what: 'folders' | 'configuration' | 'failures'
    object: string
  }[]

const entriesOf = ({ vault, signal }: Pick<Check, 'vault' | 'signal'>, ref: SegmentRef): AsyncIterable<Entry> =>
  vault.readSegment(ref.object, signal)

async function* historyEntries(
  { vault, signal }: Pick<Check, 'vault' | 'signal'>,
  { lines }: HistoryHead,
): AsyncIterable<Entry> {
  for await (const line of vault.readLines(lines, signal)) yield decodeHistoryLine(line).entry
}

interface Manifest {
  readonly digest: string
  readonly name: string
  readonly cloud: string
  readonly at: number
  /** What its head says of it. */
  readonly said: { readonly entries: number; readonly contentBytes: number; readonly size: number }
  entries(): AsyncIterable<Entry>
}

async function readOnce(check: Check, manifest: Manifest): Promise<void> {
  const { digest, name } = manifest
  if (check.readAlready.has(digest) || check.findings.some(({ subject }) => subject === digest)) return
  const damage = await readManifest(check, manifest)
  if (damage === null) return
  report(check, 'error', { code: 'segment-unreadable', subject: digest, message: `${name}: ${damage.message}` })
  if (damage.code === 'VAULT_INVALID' || (await check.repair?.list(digest)) !== true) return
  const again = await readManifest(check, manifest)
  if (again !== null) throw again
}

/** Gathers what the manifest names. Returns what is wrong with it, as far as it then cannot be read. */
async function readManifest(check: Check, manifest: Manifest): Promise<AppError | null> {
  const { digest, said, cloud, at } = manifest
  let entries = 0
  let contentBytes = 0
  try {
    for await (const entry of manifest.entries()) {
      entries += 1
      contentBytes += entry.size ?? 0
      const { needed, purged } = objectsOf(check, cloud, entry)
      for (const { digest: object, size } of needed) check.needed.add(object, size, at)
      if (purged !== null) check.purgedObjects.add(purged)
    }
  } catch (error) {
    if (!isDamage(error)) throw error
    return error
  }
  check.readAlready.add(digest)
  check.manifests.bytes += said.size
  if (entries !== said.entries || contentBytes !== said.contentBytes) {
    const message = `${manifest.name} holds ${entries} assets with ${contentBytes} bytes, its head says ${said.entries} with ${said.contentBytes}`
    report(check, 'error', { code: 'segment-count', subject: digest, message })
  }
  return null
}
