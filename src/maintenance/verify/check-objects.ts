import { trashKey } from '../../vault/trash.ts'
import { type ByteReader, openByteReader } from './check-bytes.ts'
import type { ReadingCycle } from './reading.ts'
import { createPortion, type Portion } from './reading.ts'
import { type Check, report } from './state.ts'

export interface Checked {
  readonly objects: number
  readonly bytes: number
  readonly read: number
  readonly bytesRead: number
  readonly purged: number
  /** Up to here everything has been read in this cycle; null when all of it has. */
  readonly reached: string | null
}

/** Progress is told this often: by time, because one object may take as long as ten thousand. */
const PROGRESS_MS = 200
const FOLDERS = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'))

/**
 * Walks all objects in order of their positions: lengths are compared, and the portion that is due is read. Then it asks
 * for the needed ones that the walk did not meet.
 *
 * @param suspects digests that an earlier check found damaged: they are read whatever is due
 */
export async function checkObjects(
  check: Check,
  { cycle, suspects }: { readonly cycle: ReadingCycle; readonly suspects: ReadonlySet<string> },
): Promise<Checked> {
  const { options, needed } = check
  const portion = createPortion(options.read, {
    cycle,
    totalBytes: needed.bytes - check.manifests.bytes,
    now: () => options.now().getTime(),
  })
  const reader = openByteReader(check)
  const counts = { objects: 0, bytes: 0, manifests: 0, manifestBytes: 0 }
  const walk: Walk = { portion, reader, suspects, reported: subjectsOf(check), ...counts }
  const ticking = setInterval(() => tell(check, walk), PROGRESS_MS)
  try {
    for await (const folder of foldersOf(check)) await walkFolder(check, walk, folder)
    await reader.finish()
  } finally {
    clearInterval(ticking)
    await reader.close()
  }
  tell(check, walk)
  await findMissing(check, walk)
  return {
    objects: walk.objects,
    bytes: walk.bytes,
    read: reader.objects + walk.manifests,
    bytesRead: reader.bytes + walk.manifestBytes,
    purged: [...check.purgedObjects.unmarked()].filter((digest) => !needed.set.has(digest)).length,
    reached: portion.reached,
  }
}

interface Walk {
  readonly portion: Portion
  readonly reader: ByteReader
  readonly suspects: ReadonlySet<string>
  /** Manifests that were found damaged before the walk. */
  readonly reported: ReadonlySet<string>
  objects: number
  bytes: number
  /** Read on the way to the objects, as in every check. */
  manifests: number
  manifestBytes: number
}

const subjectsOf = ({ findings }: Check): ReadonlySet<string> => new Set(findings.map(({ subject }) => subject))

function tell({ options, needed, manifests }: Check, { objects, reader }: Walk): void {
  const total = Math.max(needed.set.size, objects)
  const totalBytes = options.read.kind === 'all' ? needed.bytes - manifests.bytes : 0
  const progress = { phase: 'objects', done: objects, total, bytes: reader.bytes, totalBytes } as const
  options.listen({ type: 'progress', progress })
}

/** One of 256 folders at a time, so that the order costs no more memory than a folder has names. */
async function* foldersOf({ vault, signal }: Check): AsyncGenerator<Met[], void, void> {
  const meeting = ({ digest, size }: { digest: string; size: number }): Met => ({
    digest,
    size,
    position: vault.positionOf(digest),
  })
  let folder: Met[] = []
  for (const prefix of vault.store.traits.listsInOrder === true ? [''] : FOLDERS) {
    for await (const object of vault.listObjects(signal, prefix)) {
      const met = meeting(object)
      if (folder[0] !== undefined && folder[0].position.slice(0, 2) !== met.position.slice(0, 2)) {
        yield folder
        folder = []
      }
      folder.push(met)
    }
  }
  if (folder.length > 0) yield folder
}

async function walkFolder(check: Check, walk: Walk, found: Met[]): Promise<void> {
  found.sort((a, b) => (a.position < b.position ? -1 : 1))
  for (const object of found) {
    walk.objects += 1
    walk.bytes += object.size
    await meet(check, walk, object)
  }
}

interface Met {
  readonly digest: string
  readonly size: number
  readonly position: string
}

async function meet(check: Check, walk: Walk, object: Met): Promise<void> {
  const { needed } = check
  const { digest, size, position } = object
  const isNeeded = needed.set.mark(digest)
  if (!isNeeded && check.purgedObjects.mark(digest)) {
    const message = 'it was purged, and its bytes are there all the same; cloudkeep purge removes them'
    report(check, 'warning', { code: 'object-not-purged', subject: digest, message })
  }
  if (walk.reported.has(digest)) return
  const expected = needed.sizeOf(digest)
  if (expected !== null && expected !== size) {
    const message = `it has ${size} bytes, and the manifests say ${expected}`
    report(check, 'error', { code: 'object-length', subject: digest, message })
    return
  }
  if (check.readAlready.has(digest)) {
    walk.manifests += 1
    walk.manifestBytes += size
    return
  }
  const isDue = walk.portion.takes({ position, size, since: needed.sinceOf(digest) })
  if (isDue || walk.suspects.has(digest)) await walk.reader.take(object)
}

/** A walk may miss what was put while it went on, so each absence is asked for by name. */
async function findMissing(check: Check, { reported }: Walk): Promise<void> {
  const { vault, needed, signal } = check
  for (const digest of needed.set.unmarked()) {
    if (reported.has(digest) || (await vault.statObject(digest, signal)) !== null) continue
    if (await isInTrash(check, digest)) {
      const message = 'something needs it, and it lies in the trash; a prune that is under way moves it back itself'
      report(check, 'error', { code: 'object-in-trash', subject: digest, message })
    } else {
      const message = 'a snapshot names it, the vault does not hold it'
      report(check, 'error', { code: 'object-missing', subject: digest, message })
    }
  }
}

const isInTrash = async ({ vault, signal }: Check, digest: string): Promise<boolean> =>
  (await vault.store.stat(trashKey(digest), signal)) !== null
