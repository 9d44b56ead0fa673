import { sha256Of } from '../lib/hash.ts'
import { isAppError } from '../model/errors.ts'
import { textBody } from './body.ts'
import { readText } from './content.ts'
import type { Bytes, Store } from './store.ts'
import { objectKey } from './vault.ts'

interface Shelf {
  readonly store: Store
  readonly near: Store
  readonly signal: AbortSignal | undefined
}

/**
 * Opens a list that lies near, or brings it there first. Null when the vault itself has to be asked: the list is not
 * there, or cannot be put near.
 */
export async function bringNear(digest: string, { store, near, signal }: Shelf): Promise<Bytes | null> {
  const key = objectKey(digest)
  if (await isWhole(near, digest, signal)) return near.get(key, signal)
  const found = await store.stat(key, signal)
  if (found === null) return null
  const open = async function* (): Bytes {
    yield* await store.get(key, signal)
  }
  await near.put(key, { size: found.size, open }, signal)
  // What came damaged must not stay here, where the next one would believe it.
  if (await isWhole(near, digest, signal)) return near.get(key, signal)
  await near.delete(key, signal)
  return null
}

async function isWhole(near: Store, digest: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return (await sha256Of(await near.get(objectKey(digest), signal))) === digest
  } catch (error) {
    if (isAppError(error, 'OBJECT_NOT_FOUND')) return false
    throw error
  }
}

interface Reading {
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

/** A small text that is written once, from near if it is there; remembered near otherwise. */
export async function readOnce(store: Store, near: Store | undefined, key: string, reading: Reading): Promise<string> {
  if (near === undefined) return readText(store, key, reading)
  try {
    return await readText(near, key, reading)
  } catch (error) {
    if (!isAppError(error, 'OBJECT_NOT_FOUND')) throw error
  }
  const text = await readText(store, key, reading)
  await near.put(key, textBody(text), reading.signal)
  return text
}
