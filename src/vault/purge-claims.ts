import { isDigest } from '../model/shape.ts'
import type { Store } from './store.ts'
import { objectKey } from './vault.ts'

const IN_PURGES = /^accounts\/[^/]+\/purges\//
const AT_A_TIME = 16

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Where bytes cannot be taken away, whoever can write could still claim that they had been, and everybody would leave them
 * out. So of the record of a purge only those versions are believed whose bytes are really gone. Other stores, and other
 * records, are believed as they are. Bytes that a purge left for another version are then readable for both.
 */
export async function believedRecord(
  store: Store,
  key: string,
  value: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  if (store.variants === undefined || !IN_PURGES.test(key) || !isRecord(value)) return value
  const versions: unknown = value['versions']
  if (!Array.isArray(versions)) return value
  const believed: unknown[] = []
  for (let from = 0; from < versions.length; from += AT_A_TIME) {
    const some: unknown[] = versions.slice(from, from + AT_A_TIME)
    const gone = await Promise.all(some.map((version) => isGone(store, version, signal)))
    believed.push(...some.filter((_, index) => gone[index]))
  }
  return { ...value, versions: believed }
}

async function isGone(store: Store, version: unknown, signal: AbortSignal | undefined): Promise<boolean> {
  const object = isRecord(version) ? version['object'] : null
  if (typeof object !== 'string' || !isDigest(object)) return true
  return (await store.stat(objectKey(object), signal)) === null
}
