import { setImmediate } from 'node:timers/promises'
import type { VersionRow } from '../catalog/catalog.ts'
import { isAppError } from '../model/errors.ts'
import type { StoredSnapshot } from '../model/snapshot.ts'
import type { BackupReport } from './report.ts'
import type { LibraryTree, Run } from './run-state.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * Brings the browsable tree to the new snapshot: only what changed since the snapshot it last showed. When that is
 * not known (a first run, a deleted `.cache/`) or `full` is asked for, every file is looked at.
 */
export async function updateLibrary(
  run: Run,
  stored: StoredSnapshot,
  surroundings: Surroundings,
): Promise<BackupReport['library']> {
  const { library, listen } = run.deps
  if (library === null) return null
  listen({ type: 'phase', phase: 'library' })
  try {
    return await bringUpToDate(run, library, { stored, surroundings })
  } catch (error) {
    // The snapshot is safe already; the tree is only its shop window, and the next run tries it again.
    if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
    const hint = error.hint === undefined ? '' : ` (${error.hint})`
    listen({ type: 'note', message: `the library could not be brought up to date: ${error.message}${hint}` })
    return null
  }
}

async function bringUpToDate(
  run: Run,
  library: LibraryTree,
  { stored, surroundings }: { readonly stored: StoredSnapshot; readonly surroundings: Surroundings },
): Promise<BackupReport['library']> {
  const { catalog } = run.deps
  const shown = await library.readState()
  const { from, to } = await catalog.read(async (tx) => {
    const all = await tx.snapshots(run.cloud)
    return {
      from: all.find((row) => row.snapshot.id === shown) ?? null,
      to: all.find((row) => row.snapshot.id === stored.snapshot.id),
    }
  })
  if (to === undefined) return null
  const counts = { linked: 0, removed: 0, kept: 0 }
  const earlier = from ?? run.base
  if (earlier !== null) await removeLeft(run, library, { from: earlier.seq, to: to.seq, counts })
  const rows = from === null || run.options.full ? everything(run, to.seq) : changedSince(run, from.seq, to.seq)
  for await (const version of rows) {
    run.signal.throwIfAborted()
    await place(library, version, counts)
    // Nothing in this loop waits for anything, and Ctrl-C must be heard.
    if ((counts.linked + counts.kept) % 256 === 0) await setImmediate()
  }
  for (const folder of surroundings.folderList ?? []) await library.ensureFolder(folder.path)
  await library.writeState(stored.snapshot.id)
  return counts
}

type Counts = { linked: number; removed: number; kept: number }

/** Old places first, so that a name that went from one asset to another is free when its new owner comes. */
async function removeLeft(
  run: Run,
  library: LibraryTree,
  span: { from: number; to: number; counts: Counts },
): Promise<void> {
  for await (const { before, after } of rowsOfDiff(run, span.from, span.to)) {
    if (before === null || before.path === null || before.path === after?.path) continue
    if (after === null && !run.options.delete) continue
    await library.remove(before.path)
    span.counts.removed += 1
  }
}

async function* changedSince(run: Run, from: number, to: number): AsyncIterable<VersionRow> {
  for await (const { after } of rowsOfDiff(run, from, to)) if (after !== null) yield after
}

async function* rowsOfDiff(
  run: Run,
  from: number,
  to: number,
): AsyncIterable<{ before: VersionRow | null; after: VersionRow | null }> {
  yield* run.deps.catalog.stream((tx) => tx.diff(run.cloud, from, to))
}

async function* everything(run: Run, seq: number): AsyncIterable<VersionRow> {
  yield* run.deps.catalog.stream((tx) => tx.versionsAt(run.cloud, seq, {}))
}

async function place(library: LibraryTree, version: VersionRow, counts: Counts): Promise<void> {
  // A purged file that the account could not give again has nothing to show.
  if (version.path === null || version.object === null || version.purged !== null) return
  const time = Date.parse(version.uploadedAt ?? version.createdAt ?? version.capturedAt)
  const done = await library.place(version.path, version.object, Number.isNaN(time) ? 0 : time)
  counts[done === 'placed' ? 'linked' : 'kept'] += 1
}
