import type { VaultLocation } from './config/vault-location.ts'
import type { Context } from './context.ts'
import { copyVault } from './maintenance/copy/copy.ts'
import { refuseOverlap } from './maintenance/copy/places.ts'
import type { CopyOptions, CopyReport } from './maintenance/copy/report.ts'
import { AppError, isAppError } from './model/errors.ts'
import { bucketName } from './model/vault-place.ts'
import { assureConsent, locationOf } from './places.ts'

export interface CopyPlaces {
  /** Null: the configured vault. */
  readonly from: string | null
  readonly to: string | VaultLocation
}

/**
 * Copies a vault into another one, which is made where the place is empty. Takes the target's locks. A dry run takes
 * none and makes no vault. A bucket must consent to every account that comes into it.
 */
export async function runCopyCommand(
  context: Context,
  { from, to: target }: CopyPlaces,
  options: Omit<CopyOptions, 'now'>,
  signal: AbortSignal,
): Promise<CopyReport> {
  const to = typeof target === 'string' ? locationOf(target, context.config) : target
  await refuseSame(from === null ? context.config.vault : locationOf(from, context.config), to)
  const source = (await (from === null ? context.place() : context.otherPlace(from))).bare
  if (options.dryRun) {
    const there = await context.otherPlace(to).catch((error: unknown) => {
      if (!isAppError(error, 'VAULT_NOT_FOUND')) throw error
      return null
    })
    const vault = there?.bare ?? (await context.emptyVault())
    return await copyVault(source, vault, { ...options, now: context.now }, signal)
  }
  const clouds = await source.clouds(signal)
  const place = await context.otherPlace(to, { create: clouds })
  await assureConsent(place, clouds, signal)
  const locks = [await context.lock('copy', 'run', place)]
  try {
    // What the copy found in its place must still be there when the head that names it is written.
    locks.push(await context.lock('copy', 'prune', place))
    return await copyVault(source, place.vault, { ...options, now: context.now }, signal)
  } finally {
    for (const lock of locks.reverse()) await lock.release()
  }
}

async function refuseSame(from: VaultLocation, to: VaultLocation): Promise<void> {
  if (from.kind === 'local' && to.kind === 'local') return refuseOverlap(from.path, to.path)
  if (from.kind !== 'bucket' || to.kind !== 'bucket') return
  const [one, other] = [bucketName(from.place), bucketName(to.place)]
  if (one !== other && !other.startsWith(`${one}/`) && !one.startsWith(`${other}/`)) return
  // The same name at another service is another bucket.
  if (from.place.options.endpoint !== to.place.options.endpoint) return
  throw new AppError(
    'USAGE',
    one === other ? `${other} is the vault that is to be copied` : `one of ${one} and ${other} lies inside the other`,
    {
      hint: 'choose a place outside, best with another vendor',
    },
  )
}
