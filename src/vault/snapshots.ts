import { isCloudName } from '../model/cloud-name.ts'
import { AppError, isAppError } from '../model/errors.ts'
import type { Snapshot, StoredSnapshot } from '../model/snapshot.ts'
import { decodeSnapshot, encodeSnapshot } from '../model/snapshot-codec.ts'
import { textBody } from './body.ts'
import { naming } from './content.ts'
import { readOnce } from './near.ts'
import type { Objects, ObjectsOptions } from './objects.ts'
import type { Store } from './store.ts'
import type { Vault } from './vault.ts'
import { snapshotKey } from './vault.ts'

export type Snapshots = Pick<Vault, 'writeSnapshot' | 'clouds' | 'snapshotKeys' | 'readSnapshot'>

const KEY =
  /^accounts\/([A-Za-z0-9_-]{1,128})\/snapshots\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-[A-Za-z0-9_-]{1,64}\.json$/
/** A head names its segments, at most tens of thousands of them, and nothing that grows faster. */
const LARGEST_HEAD = 64 * 1024 * 1024

/** Code units, so that the order is the same everywhere. */
const inOrder = (texts: Iterable<string>): string[] => [...texts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))

const namedObjects = (snapshot: Snapshot): readonly { digest: string; size: number | null }[] => [
  ...snapshot.segments.map(({ object, size }) => ({ digest: object, size })),
  ...[snapshot.folders, snapshot.configuration, snapshot.failures]
    .filter((digest) => digest !== null)
    .map((digest) => ({ digest, size: null })),
]

type Stat = Objects['statObject']

const checkNamed = async (
  snapshot: Snapshot,
  stat: Stat,
  at: { once: number; signal: AbortSignal | undefined },
): Promise<void> => {
  const named = namedObjects(snapshot)
  for (let from = 0; from < named.length; from += at.once) {
    const slice = named.slice(from, from + at.once)
    const found = await Promise.all(slice.map(({ digest }) => stat(digest, at.signal)))
    for (const [index, { digest, size }] of slice.entries()) {
      const there = found[index] ?? null
      if (there === null) {
        throw new AppError(
          'OBJECT_NOT_FOUND',
          `snapshot ${snapshot.id} names object ${digest}, which is not in the vault`,
        )
      }
      if (size !== null && there.size !== size) {
        throw new AppError(
          'OBJECT_CORRUPT',
          `snapshot ${snapshot.id} names object ${digest} with ${size} bytes, but it has ${there.size}`,
        )
      }
    }
  }
}

/** Where heads are: the vault, and what this machine remembers of it. */
interface Shelves {
  readonly store: Store
  readonly near: Store | undefined
}

const readHead = async ({ store, near }: Shelves, key: string, signal: AbortSignal | undefined): Promise<string> => {
  try {
    return await readOnce(store, near, key, { limit: LARGEST_HEAD, signal })
  } catch (error) {
    if (!isAppError(error, 'OBJECT_NOT_FOUND')) throw error
    throw new AppError('SNAPSHOT_NOT_FOUND', `there is no snapshot ${key}`, { cause: error })
  }
}

/** True when exactly this head is there already, as after a kill between the write and its answer. */
const isWritten = async (
  shelves: Shelves,
  { key, head }: { key: string; head: string },
  signal: AbortSignal | undefined,
): Promise<boolean> => {
  if ((await shelves.store.stat(key, signal)) === null) return false
  if ((await readHead(shelves, key, signal)) === head) return true
  throw new AppError('VAULT_INVALID', `another snapshot is already called ${key}`, {
    hint: 'snapshots are never overwritten',
  })
}

const cloudsIn = async (store: Store, signal: AbortSignal | undefined): Promise<readonly string[]> => {
  const clouds = new Set<string>()
  for await (const { key } of store.list('accounts/', signal)) {
    const [, cloud] = KEY.exec(key) ?? []
    if (cloud !== undefined) clouds.add(cloud)
  }
  return inOrder(clouds)
}

const keysIn = async (store: Store, cloud: string, signal: AbortSignal | undefined): Promise<readonly string[]> => {
  if (!isCloudName(cloud)) return []
  const keys: string[] = []
  for await (const { key } of store.list(`accounts/${cloud}/snapshots/`, signal)) if (KEY.test(key)) keys.push(key)
  return inOrder(keys)
}

const readStored = async (shelves: Shelves, key: string, signal: AbortSignal | undefined): Promise<StoredSnapshot> => {
  if (!KEY.test(key)) throw new AppError('SNAPSHOT_NOT_FOUND', `${JSON.stringify(key)} is not the key of a snapshot`)
  const head = await readHead(shelves, key, signal)
  const snapshot = naming(`snapshot ${key}`, () => decodeSnapshot(head))
  if (snapshotKey(snapshot) === key) return { key, snapshot }
  throw new AppError('VAULT_INVALID', `snapshot ${key} says that it is ${snapshotKey(snapshot)}`)
}

export const createSnapshots = (
  store: Store,
  objects: Pick<Objects, 'statObject'>,
  { near }: Pick<ObjectsOptions, 'near'> = {},
): Snapshots => ({
  writeSnapshot: async (snapshot, signal) => {
    const key = snapshotKey(snapshot)
    const head = encodeSnapshot(snapshot)
    // What cannot be read back is refused now, while there is still somebody to tell.
    naming(`snapshot ${key}`, () => decodeSnapshot(head))
    await checkNamed(snapshot, objects.statObject, { once: store.traits.maxConcurrency, signal })
    if (await isWritten({ store, near }, { key, head }, signal)) return { key, snapshot }
    await near?.put(key, textBody(head), signal)
    await store.put(key, textBody(head), signal)
    return { key, snapshot }
  },
  clouds: (signal) => cloudsIn(store, signal),
  snapshotKeys: (cloud, signal) => keysIn(store, cloud, signal),
  readSnapshot: (key, signal) => readStored({ store, near }, key, signal),
})
