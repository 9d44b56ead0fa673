import { AppError } from '../../../model/errors.ts'
import { checkSignal } from '../../interrupt.ts'
import { checkKey, checkPrefix } from '../../key.ts'
import type { Store, StoreTraits } from '../../store.ts'
import type { Room } from './calls.ts'
import { blobOf, versionOf } from './calls.ts'
import { moveBlob, touchBlob } from './move.ts'
import type { Find } from './put.ts'
import { createPut } from './put.ts'
import { listBlobs, lookAt, notFound, openBlob } from './read.ts'
import { listOldest, oldestOf, removeBlob, removeVersions, sealOldest, variantsOf } from './versions.ts'

const traitsOf = (room: Room): StoreTraits => ({
  maxConcurrency: 48,
  place: room.place,
  localRoot: null,
  isFar: true,
  listsInOrder: true,
  lock: room.lock,
})

/** A generator begins only when it is read; a bad prefix is refused all the same. */
const checkList = (prefix: string, signal: AbortSignal | undefined): void => {
  checkPrefix(prefix)
  checkSignal(signal, `listing ${prefix}`)
}

export const findPlain =
  (room: Room): Find =>
  (key, signal) =>
    lookAt(room, blobOf(room, key), { key, signal })

/** A container in which a key has one body. */
export const createPlainStore = (room: Room): Store => {
  const put = createPut(room, findPlain(room), false)
  return {
    traits: traitsOf(room),
    put: async (key, body, signal, mode = 'replace') => put({ key: checkKey(key), body, signal, mode }),
    get: async (key, signal, range) => openBlob(room, blobOf(room, key), { key, signal, range }),
    stat: async (key, signal) => {
      const found = await findPlain(room)(key, signal)
      return found === null ? null : statOf(found)
    },
    async *list(prefix, signal) {
      checkList(prefix, signal)
      yield* listBlobs(room, prefix, signal)
    },
    delete: async (key, signal) => removeBlob(room, key, null, signal),
    touch: async (key, signal) => touchBlob(room, key, signal),
    // A copy within the account cannot be put under an encryption scope, so there the bytes go through this machine.
    ...(room.scope === null && {
      move: async (from: string, to: string, signal?: AbortSignal) => {
        checkKey(to)
        if (from !== to) return moveBlob(room, { from: checkKey(from), to, signal })
        if (!(await touchBlob(room, checkKey(from), signal))) throw notFound(from, room.place)
      },
    }),
  }
}

const statOf = ({ size, changedAt }: { readonly size: number; readonly changedAt?: number }) => ({
  size,
  ...(changedAt !== undefined && { changedAt }),
})

/**
 * A container with version-level immutability: a key means its oldest version. No `touch` and no `move`: protected
 * metadata cannot be written, and whatever is written becomes another version.
 */
export const createVersionedStore = (room: Room): Store => {
  const find: Find = (key, signal) => oldestOf(room, key, signal)
  const put = createPut(room, find, true)
  return {
    traits: traitsOf(room),
    put: async (key, body, signal, mode = 'replace') => put({ key: checkKey(key), body, signal, mode }),
    get: async (key, signal, range) => {
      const oldest = await find(key, signal)
      if (oldest === null) throw notFound(key, room.place)
      return openBlob(room, versionOf(room, key, oldest.version), { key, signal, range })
    },
    stat: async (key, signal) => {
      const oldest = await find(key, signal)
      return oldest === null ? null : statOf(oldest)
    },
    async *list(prefix, signal) {
      checkList(prefix, signal)
      yield* listOldest(room, prefix, signal)
    },
    delete: async (key, signal) => removeVersions(room, key, signal),
    variants: async (key, signal) => variantsOf(room, key, signal),
    seal: async (key, until, signal) => sealOldest(room, key, until, signal),
  }
}

/** Tiers by the names that Azure gives them, however they are written. Throws STORE_REFUSED. */
export const tierFrom = (wish: string | undefined): Room['tier'] => {
  if (wish === undefined) return null
  const tier = (['Hot', 'Cool', 'Cold'] as const).find((name) => name.toLowerCase() === wish.toLowerCase())
  if (tier !== undefined) return tier
  const isArchive = wish.toLowerCase() === 'archive'
  throw new AppError(
    'STORE_REFUSED',
    isArchive
      ? 'a vault cannot lie in the tier Archive: before anything could be read there it would have to be rehydrated for hours'
      : `${JSON.stringify(wish)} is not an access tier for vaults`,
    { hint: 'take Hot, Cool or Cold' },
  )
}
