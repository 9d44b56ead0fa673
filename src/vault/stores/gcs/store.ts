import { checkSignal } from '../../interrupt.ts'
import { checkKey, checkPrefix } from '../../key.ts'
import type { Stat, Store } from '../../store.ts'
import { createDelete, createTouch } from './changes.ts'
import { notFound } from './errors.ts'
import { generationsOf, listResources, openObject, statOf, variantOf } from './generations.ts'
import { createMove } from './move.ts'
import type { Gcs, Ways } from './place.ts'
import { createPut, type PutOptions } from './put.ts'
import { byGeneration, type Resource } from './resource.ts'
import { believed, createSeal } from './seal.ts'

export interface StoreOptions extends PutOptions {
  readonly pageSize: number
  /** Repeats a page of a list. */
  readonly again: <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>
}

/** Generations of one name come one after the other; of each name the oldest. */
async function* oldestOfEach(resources: AsyncIterable<Resource>): AsyncGenerator<Resource, void, void> {
  let oldest: Resource | null = null
  for await (const resource of resources) {
    if (oldest !== null && oldest.name === resource.name) {
      if (byGeneration(resource, oldest) < 0) oldest = resource
      continue
    }
    if (oldest !== null) yield oldest
    oldest = resource
  }
  if (oldest !== null) yield oldest
}

/** Names with a leading dot at the root are not the vault's, and a name that ends in a slash is some console's folder. */
const isHidden = (key: string): boolean => key.startsWith('.') || key === '' || key.endsWith('/')

const createList = (gcs: Gcs, ways: Ways, options: StoreOptions): Store['list'] =>
  async function* list(prefix, signal): AsyncGenerator<Stat & { key: string }, void, void> {
    checkPrefix(prefix)
    const listing = { prefix, versions: ways.keepsAll, pageSize: options.pageSize, signal }
    const found = listResources(gcs, listing, options.again)
    const skip = gcs.nameOf('').length
    for await (const resource of ways.keepsAll ? oldestOfEach(found) : found) {
      checkSignal(signal, `listing ${prefix}`)
      const key = resource.name.slice(skip)
      if (!isHidden(key)) yield { key, ...statOf(resource) }
    }
  }

const createGet =
  (gcs: Gcs, ways: Ways): Store['get'] =>
  async (key, signal, range) => {
    if (!ways.keepsAll) return openObject(gcs, checkKey(key), { range, signal })
    const found = await believed(gcs, ways, checkKey(key), signal)
    if (found === null) throw notFound(key)
    return openObject(gcs, key, { generation: found.generation, range, signal })
  }

/** Objects of a bucket under a prefix as a store that tries everything once; `steady` repeats. */
export const createGcsStore = (gcs: Gcs, ways: Ways, options: StoreOptions): Store => {
  const put = createPut(gcs, ways, options)
  const remove = createDelete(gcs, ways)
  const touch = createTouch(gcs, ways, options.now)
  const move = createMove(gcs, touch)
  const seal = createSeal(gcs, ways)
  return {
    traits: {
      place: gcs.name,
      localRoot: null,
      isFar: true,
      listsInOrder: true,
      maxConcurrency: 48,
      lock: gcs.place.options.lock ?? null,
    },
    put: async (key, body, signal, mode) => {
      checkSignal(signal, `writing ${checkKey(key)}`)
      return put(key, body, signal, mode)
    },
    get: createGet(gcs, ways),
    stat: async (key, signal) => {
      const found = await believed(gcs, ways, checkKey(key), signal)
      return found === null ? null : statOf(found)
    },
    list: createList(gcs, ways, options),
    delete: async (key, signal) => remove(checkKey(key), signal),
    touch: async (key, signal) => touch(checkKey(key), signal),
    ...(ways.keepsAll
      ? {
          variants: async (key, signal) =>
            (await generationsOf(gcs, checkKey(key), signal)).map((resource) => variantOf(gcs, key, resource)),
        }
      : { move: async (from, to, signal) => move(checkKey(from), checkKey(to), signal) }),
    ...(ways.canSeal && { seal: async (key, until, signal) => seal(checkKey(key), until, signal) }),
  } satisfies Store
}
