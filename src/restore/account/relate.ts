import { type AssetName, writtenName } from '../../cloudinary/writer.ts'
import type { ResourceType } from '../../model/asset.ts'
import type { Entry } from '../../model/entry.ts'
import { isAppError } from '../../model/errors.ts'
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
    const name = { publicId: entry.publicId, resourceType: entry.resourceType, type: entry.type }
    const others = relatedOf(entry).filter((other) => writtenName(name) < writtenName(other))
    if (others.length === 0) continue
    try {
      await run.deps.writer.relate(name, others, run.signal)
    } catch (error) {
      if (!isAppError(error) || ['API_LIMIT', 'INTERRUPTED', 'CREDENTIALS_REFUSED'].includes(error.code)) throw error
      problems.push(`${writtenName(name)} could not be related to ${others.length} others: ${error.message}`)
    }
  }
  return problems
}

const TYPES: readonly string[] = ['image', 'video', 'raw'] satisfies ResourceType[]

/** The relations that the kept details state. */
export function relatedOf({ raw }: Pick<Entry, 'raw'>): readonly AssetName[] {
  const { details } = raw
  if (typeof details !== 'object' || details === null || !('related_assets' in details)) return []
  const related = details['related_assets']
  if (!Array.isArray(related)) return []
  return related.flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null) return []
    const { public_id, resource_type, type } = one as Record<string, unknown>
    if (typeof public_id !== 'string' || typeof resource_type !== 'string' || typeof type !== 'string') return []
    return TYPES.includes(resource_type)
      ? [{ publicId: public_id, resourceType: resource_type as ResourceType, type }]
      : []
  })
}
