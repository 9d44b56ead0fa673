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
 * repeated and finds nothing to move; whether the other key has got another generation since then tells.
 */
export const createMove = (gcs: Gcs, touch: NonNullable<Store['touch']>): NonNullable<Store['move']> => {
  /** Of moves without an answer: the generation that the other key had before the first try. */
  const unsure = new Map<string, string | undefined>()

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
    if (answer.status === 404) await gcs.checkBucket(signal)
    return answer.status !== 404
  }
  const generationAt = async (key: string, signal: AbortSignal | undefined): Promise<string | undefined> =>
    (await lookAt(gcs, key, signal))?.generation
  const hasChanged = async (
    key: string,
    before: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<boolean> => {
    const now = await generationAt(key, signal)
    return now !== undefined && now !== before
  }
  return async (from, to, signal) => {
    if (from === to) {
      if (await touch(from, signal)) return
      throw notFound(from)
    }
    const both = `${from} ${to}`
    const isRepeated = unsure.has(both)
    const before = isRepeated ? unsure.get(both) : await generationAt(to, signal)
    try {
      if (!(await moveOnce(from, to, signal)) && !(isRepeated && (await hasChanged(to, before, signal))))
        throw notFound(from)
      unsure.delete(both)
    } catch (error) {
      if (isAppError(error) && !error.permanent) unsure.set(both, before)
      else unsure.delete(both)
      throw error
    }
  }
}
