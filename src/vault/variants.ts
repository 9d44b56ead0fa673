import { sha256Of } from '../lib/hash.ts'
import { isAppError } from '../model/errors.ts'
import type { Store, Variant } from './store.ts'
import { objectKey } from './vault.ts'

const hashOf = async (variant: Variant, signal: AbortSignal | undefined): Promise<string | null> => {
  try {
    return await sha256Of(await variant.open(signal))
  } catch (error) {
    // What cannot even be decrypted is somebody else's.
    if (isAppError(error, 'OBJECT_CORRUPT')) return null
    throw error
  }
}

/**
 * The body of an object that is what its name says, whatever else was written under that name before or after. Null when
 * there is none, and for stores that keep only the last body. Reads nothing where there is no choice: whoever reads the
 * bytes checks them.
 */
export async function findVariant(store: Store, digest: string, signal?: AbortSignal): Promise<Variant | null> {
  const all = (await store.variants?.(objectKey(digest), signal)) ?? []
  return all.length <= 1 ? (all[0] ?? null) : await firstGood(all, digest, signal)
}

/** The same, and what is found was read and is good. */
export async function proveVariant(store: Store, digest: string, signal?: AbortSignal): Promise<Variant | null> {
  return await firstGood((await store.variants?.(objectKey(digest), signal)) ?? [], digest, signal)
}

async function firstGood(
  all: readonly Variant[],
  digest: string,
  signal: AbortSignal | undefined,
): Promise<Variant | null> {
  for (const variant of all) if ((await hashOf(variant, signal)) === digest) return variant
  return null
}
