import { holdingBoth } from './both-locks.ts'
import { syncCatalog } from './catalog/sync.ts'
import type { Context } from './context.ts'
import { heldAmong, sealedError } from './held-keys.ts'
import {
  isDone,
  isSamePlan,
  type PurgePlan,
  type PurgeSources,
  type PurgeWish,
  planPurge,
} from './maintenance/purge/plan.ts'
import { applyPurge, type PurgeReport } from './maintenance/purge/purge.ts'
import { AppError } from './model/errors.ts'
import type { Place } from './places.ts'
import { openLibrary } from './vault/library.ts'
import { openSweeper } from './vault/sweeper.ts'
import { objectKey } from './vault/vault.ts'

/**
 * Plans a purge, has it confirmed, and does it under the locks of runs and of prunes. `confirm` is shown the plan and
 * throws when nobody agrees; false ends it there, as a dry run does. Null: nothing was done. Throws VAULT_SEALED, and
 * NOT_CONFIRMED when the vault has changed since the plan was shown.
 */
export async function runPurgeCommand(
  context: Context,
  wish: PurgeWish & { readonly reason: string },
  confirm: (plan: PurgePlan) => Promise<boolean>,
  signal: AbortSignal,
): Promise<PurgeReport | null> {
  const vault = await context.vault()
  const catalog = await context.catalog()
  const hands = wish.atCloudinary ? context.hands(null) : null
  const root = vault.store.traits.localRoot
  const library = root === null ? null : await openLibrary(root, wish.cloud)
  const sources: PurgeSources = {
    vault,
    catalog,
    shelf: root === null || library === null ? null : { root, library },
    reader: hands?.reader ?? null,
  }
  const shown = await planPurge(sources, wish, signal)
  if (!(await confirm(shown)) || isDone(shown)) return null
  const sweeper = openSweeper(vault.store)
  return await holdingBoth(context, 'purge', async () => {
    await syncCatalog(catalog, vault, signal)
    const plan = await planPurge(sources, wish, signal)
    if (!isSamePlan(shown, plan)) {
      throw new AppError('NOT_CONFIRMED', 'what the purge would remove has changed since it was shown', {
        hint: 'look at it again with -n, and run it once more',
      })
    }
    await refuseHeld(await context.place(), plan, signal)
    const deed = { id: context.newId(), at: context.now().toISOString(), reason: wish.reason, tool: context.tool }
    const report = await applyPurge({ vault, sweeper, library, writer: hands?.writer ?? null }, plan, deed, signal)
    await syncCatalog(catalog, vault, signal)
    return report
  })
}

/** Before the record that explains the absence: a purge that is not allowed to remove anything must not say that it did. */
async function refuseHeld(place: Place, { objects }: PurgePlan, signal: AbortSignal): Promise<void> {
  const going = objects.filter(({ goes }) => goes)
  const keys = going.flatMap(({ digest, size, besides }) => [...(size === null ? [] : [objectKey(digest)]), ...besides])
  const held = await heldAmong(place, keys, signal)
  if (held !== null) throw sealedError(place, `${held.keys.length} of ${keys.length} objects`, held)
}
