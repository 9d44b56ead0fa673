import { checkSignal } from '../../interrupt.ts'
import { checkKey, checkPrefix } from '../../key.ts'
import type { Store } from '../../store.ts'
import { deleteKey, moveKey, touchKey } from './change.ts'
import type { Connection } from './connection.ts'
import { createTurns } from './in-turn.ts'
import { listKeys } from './list.ts'
import { sealVersion } from './lock.ts'
import { NO_CONDITIONS, putWhole, type Write, type Written } from './put.ts'
import { type PartsOptions, putParts } from './put-parts.ts'
import { notFound, openKey, statKey } from './read.ts'
import { lockEnd, type Settings } from './settings.ts'
import { deleteVersions, listOldest, oldestOf, variantsOf } from './versions.ts'

export interface StoreParts {
  readonly connection: Connection
  readonly settings: Settings
  readonly parts: Omit<PartsOptions, 'exists'>
  /** Bodies up to this size go in one request. */
  readonly wholeUpTo: number
}

const putter = (
  { connection, settings, parts, wholeUpTo }: StoreParts,
  exists: PartsOptions['exists'],
): ((write: Write) => Promise<Written | null>) => {
  let takesConditions = true
  const whole = async (write: Write): Promise<Written | null> => {
    if (write.mode === 'replace' || takesConditions) {
      const written = await putWhole(connection, settings, write)
      if (written !== NO_CONDITIONS) return written
      takesConditions = false
    }
    // A look and a write: two who create one key between them both believe that they did. The bytes under the name of an
    // object are the same whoever wrote them, so this costs nothing that a vault relies on.
    if (await exists(write.key, write.signal)) return null
    const written = await putWhole(connection, settings, { ...write, mode: 'replace' })
    return written === NO_CONDITIONS ? null : written
  }
  return (write) =>
    write.body.size <= wholeUpTo ? whole(write) : putParts(connection, settings, write, { ...parts, exists })
}

const traitsOf = ({ connection, settings }: StoreParts): Store['traits'] => ({
  place: connection.name,
  localRoot: null,
  isFar: true,
  listsInOrder: true,
  maxConcurrency: 48,
  ...(settings.lock !== null && { lock: settings.lock }),
})

const close = ({ connection }: StoreParts) => ({
  close: async () => connection.client.destroy(),
})

/** A bucket that keeps one body for each key. Every request repeats itself; see `connection.ts`. */
export const plainStore = (making: StoreParts): Store => {
  const { connection, settings } = making
  const exists: PartsOptions['exists'] = async (key, signal) => (await statKey(connection, key, signal)) !== null
  const put = putter(making, exists)
  const inTurn = createTurns()
  return {
    traits: traitsOf(making),
    put: async (key, body, signal, mode = 'replace') => {
      checkKey(key)
      checkSignal(signal, `writing ${key}`)
      return (await put({ key, body, signal, mode })) !== null
    },
    get: async (key, signal, range) => openKey(connection, { key: checkKey(key), signal }, range),
    stat: async (key, signal) => statKey(connection, checkKey(key), signal),
    list: (prefix, signal) => listKeys(connection, checkPrefix(prefix), signal),
    delete: async (key, signal) => deleteKey(connection, checkKey(key), signal),
    touch: async (key, signal) => touchKey(connection, settings, checkKey(key), signal),
    move: async (from, to, signal) => {
      const keys = [checkKey(from), checkKey(to)]
      await inTurn(keys, () => moveKey(connection, settings, { from, to, signal }))
    },
    ...close(making),
  }
}

/**
 * Of several who create one key at once, some services other than Amazon's (Ceph 16) let all through when they keep
 * versions. The oldest body is the true one, so whoever wrote that has created the key; nobody sees the
 * bodies of the others.
 */
const isFirst = async (
  { connection }: StoreParts,
  key: string,
  { versionId }: Written,
  signal: AbortSignal | undefined,
): Promise<boolean> => {
  if (connection.place.options.endpoint === undefined || versionId === undefined) return true
  return (await oldestOf(connection, key, signal))?.id === versionId
}

/**
 * A bucket that locks bodies, and so keeps every one that a key ever got. It speaks of the oldest: whoever has the
 * credentials of a backup can put others on top, or hide them all under the mark of a deletion, but cannot get below.
 */
export const lockedStore = (making: StoreParts): Store => {
  const { connection, settings } = making
  const exists: PartsOptions['exists'] = async (key, signal) => (await oldestOf(connection, key, signal)) !== null
  const put = putter(making, exists)
  const { lock } = settings
  return {
    traits: traitsOf(making),
    put: async (key, body, signal, mode = 'replace') => {
      checkKey(key)
      checkSignal(signal, `writing ${key}`)
      // The service's own condition passes when only the mark of a deletion is on top.
      if (mode === 'create' && (await exists(key, signal))) return false
      const until = lock === null ? 0 : lockEnd(lock, Date.now())
      const written = await put({ key, body, signal, mode })
      // What was asked for when an upload by parts began does not reach the whole everywhere (not with Ceph 16).
      if (lock !== null && written !== null && body.size > making.wholeUpTo)
        await sealVersion(connection, lock, { id: written.versionId }, { key, until, signal })
      return written !== null && (mode !== 'create' || isFirst(making, key, written, signal))
    },
    get: async (key, signal, range) => {
      const oldest = await oldestOf(connection, checkKey(key), signal)
      if (oldest === null) throw notFound(key)
      return openKey(connection, { key, versionId: oldest.id, signal }, range)
    },
    stat: async (key, signal) => (await oldestOf(connection, checkKey(key), signal))?.stat ?? null,
    list: (prefix, signal) => listOldest(connection, checkPrefix(prefix), signal),
    delete: async (key, signal) => deleteVersions(connection, checkKey(key), signal),
    variants: async (key, signal) => variantsOf(connection, checkKey(key), signal),
    ...(lock !== null && {
      seal: async (key: string, until: number, signal?: AbortSignal) =>
        sealVersion(connection, lock, await oldestOf(connection, checkKey(key), signal), { key, until, signal }),
    }),
    ...close(making),
  }
}
