import { syncCatalog } from '../catalog/sync.ts'
import type { Snapshot, StoredSnapshot } from '../model/snapshot.ts'
import { choosePrefixLength, writeSegments } from './manifest.ts'
import type { Run } from './run-state.ts'
import { reclaimNamed, secure } from './still-there.ts'
import type { Surroundings } from './surroundings.ts'
import { totalsOf } from './totals.ts'

/**
 * Objects are durable already; now the segments, then the head, then the catalog. A kill before the head leaves the
 * last snapshot as it was; a kill after it leaves a snapshot that the catalog learns of at the next start.
 */
export async function commit(
  run: Run,
  parts: { gone: readonly string[]; surroundings: Surroundings },
): Promise<StoredSnapshot> {
  const { catalog, vault, listen } = run.deps
  listen({ type: 'phase', phase: 'commit' })
  for (let i = 0; i < parts.gone.length; i += 1000) {
    const slice = parts.gone.slice(i, i + 1000)
    await catalog.write((tx) => tx.markGone(run.id, slice))
  }
  const surroundings = await secure(run, parts.surroundings)
  const snapshot = await head(run, { ...parts, surroundings })
  await reclaimNamed(run, snapshot)
  const stored = await vault.writeSnapshot(snapshot, run.signal)
  await reclaimNamed(run, snapshot)
  await syncCatalog(catalog, vault, run.signal)
  await catalog.write((tx) => tx.saveFailures(stored.snapshot.id, run.failures))
  return stored
}

async function head(
  run: Run,
  { gone, surroundings }: { gone: readonly string[]; surroundings: Surroundings },
): Promise<Snapshot> {
  const { catalog, vault } = run.deps
  const before = run.base?.snapshot ?? null
  const counts = await catalog.read((tx) => tx.stepCounts(run.id))
  const totals = totalsOf(counts, gone.length)
  const fresh = counts.filter((row) => row.state === 'done' && row.why === 'new').reduce((n, row) => n + row.count, 0)
  const prefixLength = choosePrefixLength((before?.assets ?? 0) + fresh, before?.prefixLength ?? null)
  const segments = await writeSegments(run, prefixLength)
  const failures =
    run.failures.length === 0
      ? null
      : (
          await vault.putLines(
            run.failures.map((f) => JSON.stringify(f)),
            run.signal,
          )
        ).object
  if (run.failures.length > 0) run.partial.add('failures')
  return {
    format: 1,
    id: run.id,
    cloud: run.cloud,
    startedAt: run.startedAt,
    takenAt: run.deps.now().toISOString(),
    parent: before?.id ?? null,
    complete: run.partial.size === 0,
    partialReasons: [...run.partial],
    tool: run.deps.tool,
    folderMode: run.folderMode,
    totals,
    assets: segments.reduce((n, ref) => n + ref.entries, 0),
    bytes: segments.reduce((n, ref) => n + ref.contentBytes, 0),
    prefixLength,
    segments,
    folders: surroundings.folders,
    configuration: surroundings.configuration,
    failures,
    excludedBy: Object.fromEntries(run.excludedBy),
    reconciledAt: run.live.reconciledAt ?? before?.reconciledAt ?? null,
    ...(run.options.purpose === undefined ? {} : { purpose: run.options.purpose }),
  }
}
