import { createDigestSet } from '../lib/digest-set.ts'
import type { Vault } from '../vault/vault.ts'

/** Below this a list saves nothing. */
const WORTH_A_LIST = 50
/** Objects that are listed for each look that it may save: a page of a thousand then costs ten looks. */
const LISTED_PER_LOOK = 100

/**
 * Which of these objects a list of the vault shows. What it does not show has to be looked for one by one: the list
 * ends early in a vault that holds much more than what is looked for, since a look at each is then the cheaper way.
 * Shows nothing, and costs nothing, where a list of everything is dear, and for a few.
 */
export async function foundInList(
  vault: Pick<Vault, 'listObjects' | 'store'>,
  digests: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<(digest: string) => boolean> {
  if (vault.store.traits.listsInOrder !== true) return () => false
  const wanted = createDigestSet()
  for await (const digest of digests) wanted.add(digest)
  if (wanted.size < WORTH_A_LIST) return () => false
  let left = wanted.size * LISTED_PER_LOOK
  let missing = wanted.size
  for await (const { digest } of vault.listObjects(signal)) {
    if (!wanted.isMarked(digest) && wanted.mark(digest)) missing -= 1
    left -= 1
    if (missing === 0 || left === 0) break
  }
  return (digest) => wanted.isMarked(digest)
}
