import { isAppError } from '../model/errors.ts'
import { isDigest } from '../model/shape.ts'
import type { Bytes, Stat, Store } from './store.ts'
import { objectKey } from './vault.ts'

/**
 * `trash/<digest>`: objects that nothing named when they were looked at. What lies here is out of everybody's sight and
 * still whole, so a mistake, or a snapshot that came meanwhile, costs a move and no bytes.
 */
export const trashKey = (digest: string): string => `trash/${digest}`

const FOLDER = 'trash/'

/** Objects in the trash, in any order; `changedAt` is when they were moved there. */
export async function* listTrash(
  store: Store,
  signal?: AbortSignal,
): AsyncGenerator<Stat & { readonly digest: string }, void, void> {
  for await (const { key, ...stat } of store.list(FOLDER, signal)) {
    const digest = key.slice(FOLDER.length)
    if (isDigest(digest)) yield { digest, ...stat }
  }
}

/** In one step where the store can; otherwise killed half way both keys are there, never none. */
export async function moveKey(store: Store, from: string, to: string, signal?: AbortSignal): Promise<void> {
  if (store.move !== undefined) return store.move(from, to, signal)
  const found = await store.stat(from, signal)
  if (found === null) await store.get(from, signal) // throws OBJECT_NOT_FOUND in the store's own words
  const open = async function* (): Bytes {
    yield* await store.get(from, signal)
  }
  await store.put(to, { size: found?.size ?? 0, open }, signal)
  await store.delete(from, signal)
}

/**
 * Makes sure that an object lies in its place, out of the trash if that is where it is. False when it is in neither.
 * Takes nothing out of the vault, so whoever needs an object may call it.
 */
export async function reclaimObject(store: Store, digest: string, signal?: AbortSignal): Promise<boolean> {
  if ((await store.stat(objectKey(digest), signal)) !== null) return true
  try {
    await moveKey(store, trashKey(digest), objectKey(digest), signal)
    return true
  } catch (error) {
    if (!isAppError(error, 'OBJECT_NOT_FOUND')) throw error
    // In neither at two moments: somebody else may have moved it back between them.
    return (await store.stat(objectKey(digest), signal)) !== null
  }
}
