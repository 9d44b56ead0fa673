import { isAppError } from '../../../model/errors.ts'
import type { Store } from '../../store.ts'
import { notFound } from './errors.ts'
import { lookAt } from './generations.ts'
import { fileOf, type Gcs } from './place.ts'

const RIGHT = 'storage.objects.get, storage.objects.delete and storage.objects.create'
/** What a service answers that does not know the method, or knows it for buckets with folders only. */
const UNKNOWN = [400, 405, 412, 501]

type Step = (gcs: Gcs, from: string, to: string, signal: AbortSignal | undefined) => Promise<boolean>

/**
 * "Objects: move": one step, no bytes copied, a new time. Null when the service does not know it: Google's reference once
 * had it for buckets with a hierarchical namespace only, and stand-ins may not have it at all.
 */
const moveAtOnce = async (...[gcs, from, to, signal]: Parameters<Step>): Promise<boolean | null> => {
  const answer = await gcs.calls.call({ doing: `move ${from}`, right: RIGHT, signal, accept: [...UNKNOWN, 404] }, () =>
    fileOf(gcs, from).moveFileAtomic(fileOf(gcs, to)),
  )
  if (UNKNOWN.includes(answer.status)) return null
  if (answer.status !== 404) return true
  await gcs.checkBucket(signal)
  // Absent may be the object or the method.
  return (await lookAt(gcs, from, signal)) === null ? false : null
}

/** "Objects: rewrite", which copies within the service, and then a delete of that generation and no later one. */
const copyAndDelete: Step = async (gcs, from, to, signal) => {
  const found = await lookAt(gcs, from, signal)
  if (found === null) return false
  const { encryptionKey } = gcs.place.options
  const options = encryptionKey === undefined ? {} : { destinationKmsKeyName: encryptionKey }
  const source = fileOf(gcs, from, found.generation)
  const copied = await gcs.calls.call({ doing: `move ${from}`, right: RIGHT, signal, accept: [404] }, () =>
    source.copy(fileOf(gcs, to), options),
  )
  if (copied.status === 404) return false
  await gcs.calls.call({ doing: `move ${from}`, right: RIGHT, signal, accept: [404] }, () => source.delete())
  return true
}

/**
 * A move whose answer got lost is repeated and finds nothing to move; whether the other key has got another generation
 * since then tells.
 */
export const createMove = (gcs: Gcs, touch: NonNullable<Store['touch']>): NonNullable<Store['move']> => {
  /** Of moves without an answer: the generation that the other key had before the first try. */
  const unsure = new Map<string, string | undefined>()

  const moveOnce: Step = async (...way) => (await moveAtOnce(...way)) ?? copyAndDelete(...way)
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
      if (!(await moveOnce(gcs, from, to, signal)) && !(isRepeated && (await hasChanged(to, before, signal))))
        throw notFound(from)
      unsure.delete(both)
    } catch (error) {
      if (isAppError(error) && !error.permanent) unsure.set(both, before)
      else unsure.delete(both)
      throw error
    }
  }
}
