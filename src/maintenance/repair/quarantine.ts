import type { Store } from '../../vault/store.ts'
import { moveKey } from '../../vault/trash.ts'

const FOLDER = 'quarantine/'

/**
 * Moves bytes that are not what their name says to `quarantine/<name>-<time>`, where nothing looks for an object any
 * more and a person still can. Nothing is ever removed from there by Cloudkeep, except by a purge. Returns the new key;
 * null when there is nothing under the old one.
 */
export async function quarantine(store: Store, key: string, at: Date, signal: AbortSignal): Promise<string | null> {
  if ((await store.stat(key, signal)) === null) return null
  const name = key.slice(key.lastIndexOf('/') + 1)
  const target = `${FOLDER}${name}-${at.toISOString().replaceAll(':', '-')}`
  await moveKey(store, key, target, signal)
  return target
}

/** The keys under which bytes lie that once bore this name. */
export async function quarantinedOf(store: Store, name: string, signal: AbortSignal): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(FOLDER, signal)) if (key.startsWith(`${FOLDER}${name}-`)) keys.push(key)
  return keys.sort()
}
