import { createCrew } from '../../lib/crew.ts'
import { createDigestSet, type DigestSet } from '../../lib/digest-set.ts'
import { isAppError } from '../../model/errors.ts'
import type { Stat } from '../../vault/store.ts'
import type { Sweeper } from '../../vault/sweeper.ts'
import { listTrash, reclaimObject } from '../../vault/trash.ts'
import type { Vault } from '../../vault/vault.ts'

export interface Amount {
  objects: number
  bytes: number
}

export interface Swept {
  /** Objects that something names. */
  readonly kept: Amount
  /** Named by nothing and younger than the grace: a run may be about to name them. */
  readonly young: Amount
  /** Moved into the trash now. */
  readonly moved: Amount
  /** Of these, bytes that stay on the disk all the same while a file in the library shows them. */
  movedShared: number
  /** Moved back out of the trash, because something names them after all. */
  readonly returned: Amount
  /** Deleted for good: in the trash for longer than the grace. */
  readonly deleted: Amount
  /** Of these, bytes that stay on the disk all the same. */
  deletedShared: number
  /** Left in the trash for a later prune. */
  readonly waiting: Amount
  /** Named by nothing, and held where they are by a lock or a flag. */
  readonly held: Amount
}

export interface Sweeping {
  readonly vault: Vault
  readonly sweeper: Sweeper
  /** What everything that was read so far names. */
  readonly needed: DigestSet
  /** Only what has not changed since then is touched. Milliseconds since the epoch. */
  readonly cutoff: number
  readonly signal: AbortSignal
  /** Adds to `needed` what has appeared since it was made: called when nothing more is moved. */
  lookAgain(needed: DigestSet): Promise<void>
  readonly onProgress: (objects: number) => void
}

const nothing = (): Amount => ({ objects: 0, bytes: 0 })

const count = (to: Amount, { size }: Pick<Stat, 'size'>): void => {
  to.objects += 1
  to.bytes += size
}

export const emptySwept = (): Swept => ({
  kept: nothing(),
  young: nothing(),
  moved: nothing(),
  movedShared: 0,
  returned: nothing(),
  deleted: nothing(),
  deletedShared: 0,
  waiting: nothing(),
  held: nothing(),
})

/** A store that cannot tell when something changed never lets anything grow old. */
const isOld = ({ changedAt }: Stat, cutoff: number): boolean => changedAt !== undefined && changedAt < cutoff

/**
 * Takes away what nothing names, in two steps. First it is moved out of sight. Then everything is looked at that
 * appeared meanwhile, and what it names is moved back. Deleted is only what an earlier prune moved. So whoever relied on
 * an object in the moment it was taken finds it missing or gets it back; the bytes are there all the time.
 */
export async function sweepObjects(sweeping: Sweeping): Promise<Swept> {
  const swept = emptySwept()
  const moved = createDigestSet()
  try {
    await moveUnneeded(sweeping, swept, moved)
    await sweeping.lookAgain(sweeping.needed)
  } catch (error) {
    // Without knowing all that is needed nothing may stay out of sight.
    for (const digest of moved.unmarked()) await reclaimObject(sweeping.vault.store, digest)
    throw error
  }
  await emptyTrash(sweeping, swept, moved)
  return swept
}

async function moveUnneeded(sweeping: Sweeping, swept: Swept, moved: DigestSet): Promise<void> {
  const { vault, needed, cutoff, signal } = sweeping
  const crew = createCrew(vault.store.traits.maxConcurrency)
  let seen = 0
  for await (const object of vault.listObjects(signal)) {
    seen += 1
    if (seen % 256 === 0) sweeping.onProgress(seen)
    if (needed.has(object.digest)) count(swept.kept, object)
    else if (!isOld(object, cutoff)) count(swept.young, object)
    else await crew.run(() => moveOne(sweeping, swept, { moved, object }))
  }
  await crew.finished()
}

async function moveOne(
  { vault, sweeper, cutoff, signal }: Sweeping,
  swept: Swept,
  { moved, object }: { readonly moved: DigestSet; readonly object: Stat & { readonly digest: string } },
): Promise<void> {
  // The list may be minutes old, and a run that relies on the object has touched it since.
  const now = await vault.statObject(object.digest, signal)
  if (now === null) return
  if (!isOld(now, cutoff)) {
    count(swept.young, now)
    return
  }
  moved.add(object.digest)
  try {
    await sweeper.trashObject(object.digest, signal)
  } catch (error) {
    if (isAppError(error, 'VAULT_SEALED')) count(swept.held, now)
    else if (!isAppError(error, 'OBJECT_NOT_FOUND')) throw error
    return
  }
  count(swept.moved, now)
  if ((now.links ?? 1) > 1) swept.movedShared += now.size
}

async function emptyTrash(sweeping: Sweeping, swept: Swept, moved: DigestSet): Promise<void> {
  const { vault, needed, cutoff, signal } = sweeping
  const crew = createCrew(vault.store.traits.maxConcurrency)
  for await (const object of listTrash(vault.store, signal)) {
    await crew.run(async () => {
      if (needed.has(object.digest) && !(await isInPlace(vault, object, signal))) {
        await reclaimObject(vault.store, object.digest, signal)
        count(swept.returned, object)
      } else if (moved.has(object.digest) || !isOld(object, cutoff)) count(swept.waiting, object)
      else await deleteOne(sweeping, swept, object)
    })
  }
  await crew.finished()
}

/** Whoever needed it may have written it anew. */
async function isInPlace(
  vault: Vault,
  object: Stat & { readonly digest: string },
  signal: AbortSignal,
): Promise<boolean> {
  return (await vault.statObject(object.digest, signal))?.size === object.size
}

async function deleteOne(
  { sweeper, signal }: Sweeping,
  swept: Swept,
  object: Stat & { readonly digest: string },
): Promise<void> {
  try {
    await sweeper.removeTrash(object.digest, signal)
  } catch (error) {
    if (!isAppError(error, 'VAULT_SEALED')) throw error
    count(swept.waiting, object)
    return
  }
  count(swept.deleted, object)
  if ((object.links ?? 1) > 1) swept.deletedShared += object.size
}
