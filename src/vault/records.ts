import { isCloudName } from '../model/cloud-name.ts'
import { AppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import { parseJson } from '../model/shape.ts'
import { textBody } from './body.ts'
import { naming } from './content.ts'
import { readOnce } from './near.ts'
import type { ObjectsOptions } from './objects.ts'
import { believedRecord } from './purge-claims.ts'
import type { Store } from './store.ts'

/**
 * What a vault remembers besides objects and snapshots: small JSON files, each written once. Those of an account lie
 * beside its snapshots; proofs speak of the whole vault.
 */
const RECORD_KINDS = ['history', 'purges', 'pins', 'prunes', 'restores', 'drills'] as const
export type RecordKind = (typeof RECORD_KINDS)[number]

/** Where a record belongs. */
type RecordPlace = { readonly kind: RecordKind; readonly cloud: string } | { readonly kind: 'proofs' }

export interface Records {
  /**
   * Writes a record and returns its key. `at` is an ISO-8601 time and orders the keys, `id` is letters, digits, - and
   * _, at most 64. The same place, time and id name the same key: what was there is replaced in one step.
   */
  writeRecord(
    place: RecordPlace,
    record: { readonly id: string; readonly at: string; readonly value: Json },
    signal?: AbortSignal,
  ): Promise<string>
  /** Oldest first; empty when there is none. */
  recordKeys(place: RecordPlace, signal?: AbortSignal): Promise<readonly string[]>
  /** The parsed JSON, for a codec to check. Throws VAULT_INVALID when it is none, OBJECT_NOT_FOUND when it is absent. */
  readRecord(key: string, signal?: AbortSignal): Promise<unknown>
}

/** Lists of names grow with what they describe; anything longer belongs into an object that the record names. */
const LARGEST_RECORD = 64 * 1024 * 1024
const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-[A-Za-z0-9_-]{1,64}\.json$/

const folderOf = (place: RecordPlace): string => {
  if (place.kind === 'proofs') return 'proofs/'
  if (isCloudName(place.cloud)) return `accounts/${place.cloud}/${place.kind}/`
  throw new AppError('VAULT_INVALID', `${JSON.stringify(place.cloud)} is not a cloud name`)
}

export const createRecords = (store: Store, { near }: Pick<ObjectsOptions, 'near'> = {}): Records => ({
  writeRecord: async (place, { id, at, value }, signal) => {
    const name = `${new Date(at).toISOString().replaceAll(':', '-')}-${id}.json`
    if (!NAME.test(name)) throw new AppError('VAULT_INVALID', `${JSON.stringify(name)} cannot name a record`)
    const key = folderOf(place) + name
    const body = textBody(`${JSON.stringify(value, null, 1)}\n`)
    await near?.put(key, body, signal)
    await store.put(key, body, signal)
    return key
  },
  recordKeys: async (place, signal) => {
    const folder = folderOf(place)
    const keys: string[] = []
    for await (const { key } of store.list(folder, signal)) if (NAME.test(key.slice(folder.length))) keys.push(key)
    return keys.sort((a, b) => (a < b ? -1 : 1))
  },
  readRecord: async (key, signal) => {
    const text = await readOnce(store, near, key, { limit: LARGEST_RECORD, signal })
    const value = naming(key, () => parseJson(text))
    return await believedRecord(store, key, value, signal)
  },
})
