import { AppError } from '../../../model/errors.ts'
import { repeat } from '../../steady.ts'
import type { Room } from './calls.ts'
import { ask, blobOf } from './calls.ts'
import { isAbsence, isCode, isConditionNotMet, isImmutable } from './errors.ts'
import type { Look } from './read.ts'
import { lookAt, notFound } from './read.ts'

/** Others may move the same bytes at the same time; each round somebody gets further. */
const ROUNDS = 12

interface Move {
  readonly from: string
  readonly to: string
  readonly signal: AbortSignal | undefined
}

const doingOf = ({ from, to }: Move): string => `moving ${from} to ${to}`

/**
 * Copy Blob within an account needs no other credentials for its source than for its target, and is done by the service
 * ("Copy Blob", learn.microsoft.com). False when the source is no longer what was looked at.
 */
const copy = (room: Room, move: Move, etag: string): Promise<boolean> =>
  ask(
    room,
    { doing: doingOf(move), right: 'write', signal: move.signal },
    async (watch) => {
      const poller = await blobOf(room, move.to).beginCopyFromURL(blobOf(room, move.from).url, {
        abortSignal: watch.signal,
        sourceConditions: { ifMatch: etag },
        intervalInMs: 500,
        onProgress: watch.alive,
        ...(room.tier !== null && move.to.startsWith('objects/') && { tier: room.tier }),
      })
      const { copyStatus } = await poller.pollUntilDone()
      if (copyStatus === undefined || copyStatus === 'success') return true
      throw new AppError('STORE_UNAVAILABLE', `${doingOf(move)} failed: the copy ended as ${copyStatus}`, {
        permanent: false,
      })
    },
    (error) => {
      const isGone = isAbsence(error) || isCode(error, 'CannotVerifyCopySource')
      return isGone || isConditionNotMet(error) ? false : undefined
    },
  )

/** Takes away exactly what was copied. False when the key has got other bytes, or the same anew, meanwhile. */
const removeCopied = (room: Room, move: Move, etag: string): Promise<boolean> =>
  ask(
    room,
    { doing: doingOf(move), right: 'delete', signal: move.signal },
    async ({ signal: abortSignal }) => {
      await blobOf(room, move.from).delete({ abortSignal, conditions: { ifMatch: etag } })
      return true
    },
    (error) => (isAbsence(error) ? true : isConditionNotMet(error) ? false : undefined),
  )

/**
 * A copy, then a removal that only removes what was copied. Of two that move to and fro, one finds its source changed
 * and begins again, so the bytes are never nowhere. Killed half way, both keys are there.
 */
export const moveBlob = async (room: Room, move: Move): Promise<void> => {
  const again = <T>(work: () => Promise<T>): Promise<T> => repeat(work, move.signal, room.persistence)
  const look = (key: string): Promise<Look | null> =>
    again(() => lookAt(room, blobOf(room, key), { key, signal: move.signal }))
  for (let round = 0; round < ROUNDS; round++) {
    const found = await look(move.from)
    if (found === null) {
      // Once copied, somebody else may have taken the source away; then the bytes are where they should be.
      if (round > 0 && (await look(move.to)) !== null) return
      throw notFound(move.from, room.place)
    }
    const etag = found.etag ?? '*'
    if (!(await again(() => copy(room, move, etag)))) continue
    if (await again(() => removeCopied(room, move, etag))) return
  }
  throw new AppError('STORE_UNAVAILABLE', `${doingOf(move)} failed: others move the same bytes all the time`, {
    permanent: false,
  })
}

/**
 * Writing the metadata that are there moves Last-Modified and nothing else ("Set Blob Metadata", learn.microsoft.com).
 * What is protected cannot be touched, nor can it be removed: it is as good as young.
 */
export const touchBlob = async (room: Room, key: string, signal: AbortSignal | undefined): Promise<boolean> => {
  const blob = blobOf(room, key)
  const found = await lookAt(room, blob, { key, signal })
  if (found === null) return false
  const scope = found.scope === null ? {} : { encryptionScope: found.scope }
  return ask(
    room,
    { doing: `touching ${key}`, right: 'write', signal },
    async ({ signal: abortSignal }) => {
      await blob.setMetadata({ ...found.metadata }, { abortSignal, ...scope })
      return true
    },
    (error) => {
      if (isImmutable(error)) return true
      return isAbsence(error) || isCode(error, 'AuthorizationPermissionMismatch') ? false : undefined
    },
  )
}
