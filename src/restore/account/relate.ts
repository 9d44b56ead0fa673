import { isInSnapshot } from '../../catalog/version-order.ts'
import { type AssetName, nameOf, writtenName } from '../../cloudinary/writer.ts'
import { RESOURCE_TYPES } from '../../model/asset.ts'
import type { Entry } from '../../model/entry.ts'
import { isItsOwn } from './its-own.ts'
import type { RestoreRun } from './run-state.ts'

/**
 * Relations between assets, which uploads do not carry: each pair once, since they go both ways. Only versions whose
 * details were kept know theirs. Returns sentences about what could not be related.
 */
export async function relate(run: RestoreRun): Promise<readonly string[]> {
  if (run.options.metadataOnly || run.options.undo !== null) return []
  const problems: string[] = []
  for await (const { chosen } of run.wanted()) {
    run.signal.throwIfAborted()
    const { entry } = chosen
    const name = nameOf(entry)
    const others = (await namesThen(run, relatedOf(entry))).filter((other) => writtenName(name) < writtenName(other))
    if (others.length === 0) continue
    try {
      await run.deps.writer.relate(name, others, run.signal)
    } catch (error) {
      if (!isItsOwn(error)) throw error
      problems.push(`${writtenName(name)} could not be related to ${others.length} others: ${error.message}`)
    }
  }
  return problems
}

/**
 * What the related assets were called in the snapshot: details are older than it when nothing else of the asset has
 * changed since, and meanwhile another may have been renamed, or be gone and the relation with it.
 */
async function namesThen(run: RestoreRun, assetIds: readonly string[]): Promise<readonly AssetName[]> {
  if (assetIds.length === 0) return []
  const { cloud, snapshot } = run.selection
  return await run.deps.catalog.read(async (tx) => {
    const names: AssetName[] = []
    for (const assetId of assetIds) {
      const then = (await tx.versionsOf(cloud, assetId)).find((row) => isInSnapshot(row, snapshot.seq))
      if (then === undefined) continue
      const resourceType = RESOURCE_TYPES.find((one) => one === then.resourceType)
      if (resourceType !== undefined) names.push({ publicId: then.publicId, resourceType, type: then.type })
    }
    return names
  })
}

/** The asset_ids of the relations that the kept details state. */
function relatedOf({ raw }: Pick<Entry, 'raw'>): readonly string[] {
  const { details } = raw
  if (typeof details !== 'object' || details === null || !('related_assets' in details)) return []
  const related = details['related_assets']
  if (!Array.isArray(related)) return []
  return related.flatMap((one: unknown) =>
    typeof one === 'object' && one !== null && 'asset_id' in one && typeof one.asset_id === 'string'
      ? [one.asset_id]
      : [],
  )
}
