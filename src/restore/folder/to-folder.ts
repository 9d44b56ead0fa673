import { createCrew } from '../../lib/crew.ts'
import { isManagedType } from '../../model/asset.ts'
import type { Entry } from '../../model/entry.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import { libraryFolder } from '../../model/library-path.ts'
import { checkSignal } from '../../vault/interrupt.ts'
import type { Chosen } from '../selection.ts'
import { createFolderChecks } from './check.ts'
import { createFolderCommit } from './commit.ts'
import { endsRestore } from './error.ts'
import { createFolderWriter } from './file.ts'
import { createFolderNames } from './names.ts'
import { placeFile, type Restoring } from './place.ts'
import type { FolderDeps, FolderFile, FolderOptions, FolderOutcome, FolderReport } from './report.ts'
import { nameSidecars, placeSidecars, type SidecarPath } from './sidecars.ts'
import { openFolderTree } from './tree.ts'

interface Run extends Restoring {
  readonly deps: FolderDeps
  readonly counts: Record<FolderOutcome, number>
  readonly missing: FolderFile[]
  readonly signal: AbortSignal
  bytes: number
  sidecars: number
  /** Files in a row that failed for a reason that may pass. */
  strained: number
}

/** That many in a row are not bad files: a disk is gone. */
const MOST_STRAINED = 20

/**
 * Restores the chosen versions as ordinary files below `options.target`. What cannot be restored is reported by name
 * and the rest goes on; a full disk, a target that cannot be written and an interruption end it (STORE_FULL,
 * STORE_REFUSED, INTERRUPTED). May be repeated: finished files are recognised by their bytes.
 */
export async function restoreToFolder(
  deps: FolderDeps,
  chosen: AsyncIterable<Chosen>,
  options: FolderOptions,
  signal: AbortSignal,
): Promise<FolderReport> {
  const started = deps.now().getTime()
  const tree = await openFolderTree({
    target: options.target,
    vaultRoot: deps.vault.store.traits.localRoot,
    dryRun: options.dryRun,
    now: started,
  })
  const [checks, commit] = [createFolderChecks(), createFolderCommit(tree.root)]
  try {
    const { vault } = deps
    const writer = createFolderWriter({ vault, checks, commit, concurrency: options.concurrency, signal })
    const run = begin({ deps, options, signal, tree, checks, commit, writer, names: createFolderNames() })
    for (const folder of options.folders ?? []) tree.ensure(libraryFolder(folder))
    await restoreAll(run, chosen)
    const { counts, missing, bytes, sidecars } = run
    return {
      target: tree.root,
      assets: Object.values(counts).reduce((sum, count) => sum + count, 0),
      counts,
      bytes,
      sidecars,
      missing,
      durationMs: deps.now().getTime() - started,
    }
  } finally {
    await Promise.all([checks.close(), commit.close()])
  }
}

const begin = (on: Restoring & Pick<Run, 'deps' | 'signal'>): Run => ({
  ...on,
  counts: noCounts(),
  missing: [],
  bytes: 0,
  sidecars: 0,
  strained: 0,
})

const noCounts = (): Record<FolderOutcome, number> => ({
  restored: 0,
  renamed: 0,
  replaced: 0,
  'already-there': 0,
  conflict: 0,
  'newer-there': 0,
  'no-bytes': 0,
  purged: 0,
  failed: 0,
})

/** Files that are written or wait for their sync: enough for a sync to be shared by many. */
const IN_FLIGHT = 512

/** Names are given one after the other, in the order of the selection; the work on them overlaps. */
async function restoreAll(run: Run, chosen: AsyncIterable<Chosen>): Promise<void> {
  const crew = createCrew(IN_FLIGHT)
  try {
    for await (const each of chosen) {
      checkSignal(run.signal, 'restoring files')
      const path = run.names.nameOf(each.entry)
      const sidecars = nameSidecars(run, each, path)
      await crew.run(() => restoreOne(run, each, { path, sidecars }))
    }
  } finally {
    await crew.finished()
  }
}

interface Names {
  readonly path: string
  readonly sidecars: readonly SidecarPath[]
}

async function restoreOne(run: Run, chosen: Chosen, { path, sidecars }: Names): Promise<void> {
  const { entry } = chosen
  try {
    const placed = await placeBytes(run, chosen, path)
    finish(run, entry, WITHOUT_SIDECARS.includes(placed.outcome) ? placed : await withSidecars(placed))
    run.strained = 0
  } catch (error) {
    if (endsRestore(error) || !isAppError(error)) throw error
    run.strained = error.code === 'STORE_UNAVAILABLE' ? run.strained + 1 : 0
    if (run.strained >= MOST_STRAINED) throw error
    finish(run, entry, { outcome: 'failed', path, code: error.code, reason: error.message })
  }

  async function withSidecars(placed: Ending): Promise<Ending> {
    const isMoved = placed.path !== null && placed.path !== path
    const named = isMoved ? nameSidecars(run, chosen, placed.path) : sidecars
    const { written, paths, conflict } = await placeSidecars(run, chosen, named)
    run.sidecars += written
    if (conflict === null || placed.path === null) return { ...placed, sidecars: paths }
    return { outcome: 'conflict', path: conflict, reason: `${conflict} is there and says something else` }
  }
}

/** Beside somebody else's file a sidecar of ours would tell lies. */
const WITHOUT_SIDECARS: readonly FolderOutcome[] = ['conflict', 'newer-there']

type Ending = Pick<FolderFile, 'outcome' | 'path'> & Partial<Pick<FolderFile, 'sidecars' | 'code' | 'reason'>>

const WHY: Readonly<Partial<Record<FolderOutcome, string>>> = {
  conflict: 'another file is there',
  'newer-there': 'the file there is as new',
  'no-bytes': 'it is kept as a record, without bytes',
  purged: 'its bytes were purged',
}

function finish(run: Run, entry: Entry, { outcome, path, sidecars, code, reason }: Ending): void {
  const file: FolderFile = {
    assetId: entry.assetId,
    publicId: entry.publicId,
    resourceType: entry.resourceType,
    deliveryType: entry.type,
    version: entry.version,
    object: entry.object,
    size: entry.size,
    outcome,
    path,
    sidecars: sidecars ?? [],
    code: code ?? null,
    reason: reason ?? WHY[outcome] ?? null,
  }
  run.counts[outcome] += 1
  if (outcome === 'restored' || outcome === 'renamed' || outcome === 'replaced') run.bytes += entry.size ?? 0
  // What Cloudinary fetches or makes again by itself has no bytes to be missed.
  const isRemote = outcome === 'no-bytes' && !isManagedType(entry.type)
  if (MISSING.includes(outcome) && !isRemote) run.missing.push(file)
  run.deps.listen({ type: 'file', file })
}

const MISSING: readonly FolderOutcome[] = ['conflict', 'no-bytes', 'purged', 'failed']

async function placeBytes(run: Run, { entry, purged }: Chosen, path: string): Promise<Ending> {
  const { object, size } = entry
  if (purged) return { outcome: 'purged', path: null }
  if (object === null || size === null) return { outcome: 'no-bytes', path: null }
  if (run.options.dryRun) await checkObject(run, object, size)
  return await placeFile(run, { path, content: { digest: object, size, mtime: timeOf(entry), memory: null } })
}

/** As much as can be known without reading the bytes. */
async function checkObject({ deps, signal }: Run, digest: string, size: number): Promise<void> {
  const found = await deps.vault.statObject(digest, signal)
  if (found === null) throw new AppError('OBJECT_NOT_FOUND', `object ${digest} is not in the vault`)
  if (found.size !== size)
    throw new AppError('OBJECT_CORRUPT', `object ${digest} is damaged: it has ${found.size} of ${size} bytes`)
}

/** When the bytes were last uploaded, as far as anybody knows; milliseconds since the epoch. */
const timeOf = ({ facts, capturedAt }: Entry): number | null =>
  finite(Date.parse(facts.uploadedAt ?? facts.createdAt ?? capturedAt))

const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null)
