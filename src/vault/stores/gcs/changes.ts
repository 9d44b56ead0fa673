import { isAppError } from '../../../model/errors.ts'
import type { Store } from '../../store.ts'
import { answerError, notFound } from './errors.ts'
import { generationsOf, lookAt } from './generations.ts'
import { type Gcs, objectPath, type Ways } from './place.ts'
import { believed } from './seal.ts'

const deleteGeneration = async (
  gcs: Gcs,
  key: string,
  generation: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const answer = await gcs.calls.call({
    method: 'DELETE',
    target: objectPath(gcs, key),
    query: { generation },
    doing: `delete ${key}`,
    right: 'storage.objects.delete',
    signal,
    accept: [404],
  })
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
    const answer = await gcs.calls.call({
      ...purpose,
      method: 'PATCH',
      target: objectPath(gcs, key),
      query: { generation, fields: 'generation' },
      headers: { 'content-type': 'application/json' },
      body: [Buffer.from(JSON.stringify({ metadata: { [TOUCHED]: new Date(now()).toISOString() } }))],
      signal,
      accept: [403, 404],
    })
    if (answer.status === 404) await gcs.checkBucket(signal)
    if (answer.status !== 403) return answer.status !== 404
    const error = answerError(answer, { ...purpose, place: gcs.name })
    if (error.code === 'STORE_REFUSED') return false
    throw error
  }

/**
 * The service's own move ("Objects: move"): one step, no bytes copied, a new time. A move whose answer got lost is
 * repeated and finds nothing to move; it is then looked whether the bytes have arrived.
 */
export const createMove = (gcs: Gcs, touch: NonNullable<Store['touch']>): NonNullable<Store['move']> => {
  const unsure = new Set<string>()

  const moveOnce = async (from: string, to: string, signal: AbortSignal | undefined): Promise<boolean> => {
    const answer = await gcs.calls.call({
      method: 'POST',
      target: `${objectPath(gcs, from)}/moveTo/o/${encodeURIComponent(gcs.nameOf(to))}`,
      query: { fields: 'generation' },
      doing: `move ${from}`,
      right: 'storage.objects.get, storage.objects.delete and storage.objects.create',
      signal,
      accept: [404],
    })
    return answer.status !== 404
  }
  return async (from, to, signal) => {
    if (from === to) {
      if (await touch(from, signal)) return
      throw notFound(from)
    }
    const both = `${from} ${to}`
    try {
      if (await moveOnce(from, to, signal)) return void unsure.delete(both)
    } catch (error) {
      if (isAppError(error) && !error.permanent) unsure.add(both)
      throw error
    }
    await gcs.checkBucket(signal)
    const hasArrived = unsure.has(both) && (await lookAt(gcs, to, signal)) !== null
    unsure.delete(both)
    if (!hasArrived) throw notFound(from)
  }
}
