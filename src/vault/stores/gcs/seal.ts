import { AppError } from '../../../model/errors.ts'
import type { Store } from '../../store.ts'
import { notFound } from './errors.ts'
import { generationsOf, lookAt } from './generations.ts'
import { fileOf, type Gcs, type Ways } from './place.ts'
import { timeOf } from './resource.ts'

/** The generation that the store speaks of: the oldest where all are kept, the live one elsewhere. */
export const believed = async (gcs: Gcs, ways: Ways, key: string, signal?: AbortSignal) =>
  ways.keepsAll ? ((await generationsOf(gcs, key, signal))[0] ?? null) : lookAt(gcs, key, signal)

/**
 * Object retention as Google's pages "Object Retention Lock" and "Objects: patch" describe it: `Unlocked` can be ended
 * early by whoever has storage.objects.overrideUnlockedRetention, `Locked` by nobody.
 */
export const createSeal =
  (gcs: Gcs, ways: Ways): NonNullable<Store['seal']> =>
  async (key, until, signal) => {
    const found = await believed(gcs, ways, key, signal)
    if (found === null) throw notFound(key)
    const { retention, generation, metageneration } = found
    const mustLock = gcs.place.options.lock?.mode === 'compliance' && retention?.mode !== 'Locked'
    const current = timeOf(retention?.retainUntilTime) ?? Number.NEGATIVE_INFINITY
    if (current >= until && !mustLock) return
    const wanted = {
      mode: mustLock || retention?.mode === 'Locked' ? 'Locked' : 'Unlocked',
      retainUntilTime: new Date(Math.max(until, current)).toISOString(),
    }
    const options = {
      // Somebody who prolonged it in between is not undone.
      ...(metageneration !== undefined && { ifMetagenerationMatch: metageneration }),
      // Making it firmer needs this, too; making it longer does not.
      ...(mustLock && retention !== undefined && { overrideUnlockedRetention: true }),
      fields: 'generation',
    }
    const right = 'storage.objects.setRetention and storage.objects.update'
    const answer = await gcs.calls.call({ doing: `protect ${key}`, right, signal, accept: [404, 412] }, () =>
      fileOf(gcs, key, generation).setMetadata({ retention: wanted }, options),
    )
    if (answer.status === 404) throw notFound(key)
    if (answer.status === 412)
      throw new AppError('STORE_UNAVAILABLE', `somebody else changed ${key} while it was protected`, {
        permanent: false,
      })
  }
