import type { Store } from '../../store.ts'
import { answerError } from './errors.ts'
import { generationsOf } from './generations.ts'
import { fileOf, type Gcs, type Ways } from './place.ts'
import { believed } from './seal.ts'

const deleteGeneration = async (
  gcs: Gcs,
  key: string,
  generation: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const answer = await gcs.calls.call(
    { doing: `delete ${key}`, right: 'storage.objects.delete', signal, accept: [404] },
    () => fileOf(gcs, key, generation).delete(),
  )
  if (answer.status === 404) await gcs.checkBucket(signal)
}

export const createDelete =
  (gcs: Gcs, ways: Ways): Store['delete'] =>
  async (key, signal) => {
    if (!ways.keepsAll) return deleteGeneration(gcs, key, undefined, signal)
    // The oldest last: stopped half way, what everybody reads is still there.
    for (const { generation } of (await generationsOf(gcs, key, signal)).reverse())
      await deleteGeneration(gcs, key, generation, signal)
  }

/** Metadata whose only purpose is to be changed: `updated` moves then, and no byte is copied or paid for again. */
const TOUCHED = 'cloudkeep-touched'

export const createTouch =
  (gcs: Gcs, ways: Ways, now: () => number): NonNullable<Store['touch']> =>
  async (key, signal) => {
    const generation = ways.keepsAll ? (await believed(gcs, ways, key, signal))?.generation : undefined
    if (ways.keepsAll && generation === undefined) return false
    const purpose = { doing: `touch ${key}`, right: 'storage.objects.update' }
    const metadata = { [TOUCHED]: new Date(now()).toISOString() }
    const answer = await gcs.calls.call({ ...purpose, signal, accept: [403, 404] }, () =>
      fileOf(gcs, key, generation).setMetadata({ metadata }, { fields: 'generation' }),
    )
    if (answer.status === 404) await gcs.checkBucket(signal)
    if (answer.status !== 403) return answer.status !== 404
    const error = answerError(answer, { ...purpose, place: gcs.name })
    if (error.code === 'STORE_REFUSED') return false
    throw error
  }
