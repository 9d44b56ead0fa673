import type { CatalogWriter, Known, StepKind, StepRow } from '../catalog/catalog.ts'
import type { FolderMode } from '../model/asset.ts'
import { libraryPath, withSuffix } from '../model/library-path.ts'
import { factsOfStep, type Run } from './run-state.ts'

const NAMED: readonly StepKind[] = ['fetch', 'rename', 'relabel']
const PAGE = 500

/**
 * Gives every new or renamed asset its place in the library. A path is given once and written into the manifest, so
 * it is the same on every run and after a rebuild; of two assets that want the same one, the later gets a suffix.
 */
export async function assignPaths(run: Run): Promise<void> {
  for (const kind of NAMED) {
    for (let after = ''; ; ) {
      const page = await run.deps.catalog.read((tx) => tx.steps(run.id, { kind, state: 'done', after, limit: PAGE }))
      const last = page.at(-1)
      if (last === undefined) break
      after = last.assetId
      await run.deps.catalog.write(async (tx) => {
        const known = await tx.known(
          run.cloud,
          page.map((step) => step.assetId),
        )
        for (const step of page) await assignPath(run, tx, { step, known: known.get(step.assetId) })
      })
    }
  }
}

async function assignPath(
  run: Run,
  tx: CatalogWriter,
  { step, known }: { step: StepRow; known: Known | undefined },
): Promise<void> {
  const records = factsOfStep(run.deps.reader, step)
  if (records === null || step.path !== null) return
  const mode: FolderMode = run.folderMode ?? (records.facts.displayName === null ? 'fixed' : 'dynamic')
  let wanted = libraryPath(records.facts, mode)
  if (known?.path !== undefined && known.path !== null && isFormOf(known.path, wanted, step.assetId)) return
  for (let attempt = 0; ; attempt += 1) {
    const path = attempt === 0 ? wanted : withSuffix(wanted, step.assetId.slice((attempt - 1) * 8) || step.assetId)
    const claim = await tx.claimPath(run.cloud, run.id, { assetId: step.assetId, path, goneIsFree: run.options.delete })
    if (claim.kind === 'free') return tx.savePath(run.id, step.assetId, path)
    // A file stands where this path needs a folder (raw ids `a` and `a/b`): the folder gets another name.
    if (claim.kind === 'file-in-the-way') wanted = `${claim.file}~${wanted.slice(claim.file.length)}`
  }
}

/** True when an asset already has the wanted path, or has it with the suffix that it got in an earlier run. */
const isFormOf = (path: string, wanted: string, assetId: string): boolean =>
  path === wanted || path === withSuffix(wanted, assetId)
