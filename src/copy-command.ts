import { join } from 'node:path'
import { holdingBoth } from './both-locks.ts'
import type { VaultLocation } from './config/vault-location.ts'
import type { Context } from './context.ts'
import { copyVault } from './maintenance/copy/copy.ts'
import { mirrorVault } from './maintenance/copy/mirror.ts'
import { refuseOverlap } from './maintenance/copy/places.ts'
import type { CopyOptions, CopyReport } from './maintenance/copy/report.ts'
import { AppError, isAppError } from './model/errors.ts'
import { bucketName } from './model/vault-place.ts'
import { assureConsent, locationOf, type Place } from './places.ts'
import { openVault } from './vault/open.ts'

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
  { decrypt = false, ...options }: Omit<CopyOptions, 'now'> & { readonly decrypt?: boolean },
  signal: AbortSignal,
): Promise<CopyReport> {
  const to = typeof target === 'string' ? locationOf(target, context.config) : target
  const origin = from === null ? context.config.vault : locationOf(from, context.config)
  await refuseSame(origin, to)
  const place = await (from === null ? context.place() : context.otherPlace(from))
  const source = place.bare
  if (source.identity.encryption !== null && !decrypt) {
    const mirrored = await mirror(context, { place, to, options }, signal)
    if (mirrored !== null) return mirrored
  }
  if (options.dryRun) {
    const there = await context.otherPlace(to).catch((error: unknown) => {
      if (!isAppError(error, 'VAULT_NOT_FOUND')) throw error
      return null
    })
    const vault = there?.bare ?? (await context.emptyVault())
    return await copyVault(source, vault, { ...options, now: context.now }, signal)
  }
  const clouds = await source.clouds(signal)
  const there = await context.otherPlace(to, { create: clouds })
  await assureConsent(there, clouds, signal)
  // What the copy found in its place must still be there when the head that names it is written.
  const copying = () => copyVault(source, there.vault, { ...options, now: context.now }, signal)
  return await holdingBoth(context, 'copy', copying, there)
}

interface Mirroring {
  readonly place: Place
  readonly to: VaultLocation
  readonly options: Omit<CopyOptions, 'now'>
}

/**
 * An encrypted vault is copied as it lies there, so that a copy is never easier to read than the original and a machine
 * that cannot read it can feed it. Null: the target is another vault, which has to be told what the source says.
 */
async function mirror(
  context: Context,
  { place, to, options }: Mirroring,
  signal: AbortSignal,
): Promise<CopyReport | null> {
  const vaultId = place.bare.identity.id
  const target = await context.look(to, { create: !options.dryRun })
  const there = await openVault(target.store, {}, signal).catch((error: unknown) => {
    if (!isAppError(error, 'VAULT_NOT_FOUND')) throw error
    return null
  })
  const targetId = there?.identity.id ?? null
  if (targetId !== null && targetId !== vaultId) return null
  const work = { source: place.raw, target: target.store, vaultId, targetId }
  const wish = { ...options, now: context.now }
  if (options.dryRun) return await mirrorVault(work, wish, signal)
  await assureConsent({ bucket: target.bucket, location: to }, await place.bare.clouds(signal), signal)
  const lockRoot = to.kind === 'local' ? to.path : join(context.config.cacheFolder, `${vaultId}-copy`)
  const { bucket } = target
  return await holdingBoth(context, 'copy', () => mirrorVault(work, wish, signal), { lockRoot, bucket })
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
