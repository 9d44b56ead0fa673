import type { CatalogWriter } from '../catalog/catalog.ts'
import type { AssetFacts, FolderMode } from '../model/asset.ts'
import { libraryPath, withSuffix } from '../model/library-path.ts'
import type { Run } from './run-state.ts'

/**
 * The place of an asset in the library. A path is given once and written into the manifest, so it is the same on
 * every run and after a rebuild; of two assets that want the same one, the later gets a suffix. An asset that keeps
 * its name keeps its path, suffix and all.
 */
export async function choosePath(
  run: Run,
  tx: CatalogWriter,
  {
    facts,
    before,
    object,
  }: { readonly facts: AssetFacts; readonly before: string | null; readonly object: string | null },
): Promise<string> {
  const { assetId } = facts
  const mode: FolderMode = run.folderMode ?? (facts.displayName === null ? 'fixed' : 'dynamic')
  let wanted = libraryPath(facts, mode)
  if (before !== null && (before === wanted || before === withSuffix(wanted, assetId))) return before
  for (let attempt = 0; ; attempt += 1) {
    const path = attempt === 0 ? wanted : withSuffix(wanted, assetId.slice((attempt - 1) * 8) || assetId)
    const claim = await tx.claimPath(run.cloud, run.id, { assetId, path, goneIsFree: run.options.delete, object })
    if (claim.kind === 'free') return path
    // A file stands where this path needs a folder (raw ids `a` and `a/b`): the folder gets another name.
    if (claim.kind === 'file-in-the-way') wanted = `${claim.file}~${wanted.slice(claim.file.length)}`
  }
}
