import { randomBytes } from 'node:crypto'
import { isAppError } from '../../../model/errors.ts'
import type { ObjectProtection, Protection } from '../../../model/protection.ts'
import { repeat } from '../../steady.ts'
import type { Room } from './calls.ts'
import { ask, blobOf } from './calls.ts'
import { factsOf, isAbsence, isImmutable } from './errors.ts'
import type { Find } from './put.ts'
import type { Look } from './read.ts'

/** What is known of a container as a whole. */
export interface ContainerFacts {
  /** Version-level immutability: single versions of blobs can be protected. */
  readonly isVersioned: boolean
  readonly hasPolicy: boolean
  readonly hasHold: boolean
}

/** Null when these credentials may not look: a SAS token of a container, for one, never may. */
export const readContainer = (room: Room, signal?: AbortSignal): Promise<ContainerFacts | null> =>
  ask<ContainerFacts | null>(
    room,
    { doing: 'looking at the container', right: 'container', signal },
    async ({ signal: abortSignal }) => {
      const found = await room.container.getProperties({ abortSignal })
      return {
        isVersioned: found.isImmutableStorageWithVersioningEnabled ?? false,
        hasPolicy: found.hasImmutabilityPolicy ?? false,
        hasHold: found.hasLegalHold ?? false,
      }
    },
    (error) => (factsOf(error).status === 403 ? null : undefined),
  )

/** Tried on a key that nobody has, so that nothing is lost when it works. */
const canRemove = async (room: Room, signal: AbortSignal | undefined): Promise<boolean | null> => {
  const key = `objects/00/${randomBytes(32).toString('hex')}`
  return ask<{ can: boolean | null }>(
    room,
    { doing: 'trying to delete what is not there', right: 'delete', signal },
    async ({ signal: abortSignal }) => {
      await blobOf(room, key).delete({ abortSignal })
      return { can: true }
    },
    (error) => {
      if (isAbsence(error)) return { can: true }
      if (factsOf(error).status === 403 || isImmutable(error)) return { can: false }
      return undefined
    },
  ).then(({ can }) => can)
}

const isoOrNull = (time: number | undefined): string | null =>
  time === undefined ? null : new Date(time).toISOString()

const summary = (looks: readonly Look[], hasHold: boolean, now: number): ObjectProtection => {
  const timed = looks.filter(({ immutableUntil }) => immutableUntil !== null && immutableUntil > now)
  const held = looks.filter(({ isHeld }) => hasHold || isHeld)
  const ends = timed.map(({ immutableUntil }) => immutableUntil ?? 0).sort((one, other) => one - other)
  const areLocked = timed.every(({ immutableMode }) => immutableMode?.toLowerCase() === 'locked')
  return {
    kind: timed.length > 0 ? 'immutable-blob' : held.length > 0 ? 'legal-hold' : 'none',
    mode: timed.length === 0 ? null : areLocked ? 'compliance' : 'governance',
    looked: looks.length,
    protected: looks.filter((look) => timed.includes(look) || held.includes(look)).length,
    earliest: isoOrNull(ends[0]),
    latest: isoOrNull(ends.at(-1)),
  }
}

const SAMPLE = 20

const sampleOf = async (
  find: Find,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ looks: Look[] | null; note: string | null }> => {
  try {
    const looks = await Promise.all(keys.slice(0, SAMPLE).map((key) => find(key, signal)))
    return { looks: looks.filter((look) => look !== null), note: null }
  } catch (error) {
    if (!isAppError(error, 'STORE_REFUSED')) throw error
    return { looks: null, note: `single objects could not be looked at: ${error.message}` }
  }
}

const containerNotes = (facts: ContainerFacts | null): string[] => {
  if (facts === null)
    return ["the container's settings could not be looked at: these credentials lack the right to read its properties"]
  return [
    ...(facts.isVersioned ? ['the container protects single versions of blobs (version-level immutability)'] : []),
    ...(facts.hasHold ? ['the container is under a legal hold'] : []),
    ...(facts.hasPolicy
      ? [
          'the container has a time-based policy of its own; until when it protects a single blob, and whether it is locked, can only be seen in the portal',
        ]
      : []),
  ]
}

/** A blob that has a version id lies in an account that keeps versions; one without was written when it did not. */
const keepsVersions = (facts: ContainerFacts | null, looks: readonly Look[] | null): boolean | null => {
  if (facts?.isVersioned === true) return true
  if (looks === null || looks.length === 0) return null
  return looks.some(({ version }) => version !== null)
}

/**
 * Looks at the container, at up to 20 of the keys, and tries to delete a key that nobody has. What the credentials may not
 * look at becomes a note.
 */
export const findProtection = async (
  room: Room,
  find: Find,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Protection> => {
  const again = <T>(work: () => Promise<T>): Promise<T> => repeat(work, signal, room.persistence)
  const facts = await again(() => readContainer(room, signal))
  const { looks, note } = await again(() => sampleOf(find, keys, signal))
  const isVersioned = keepsVersions(facts, looks)
  const hidden = 'the account keeps versions: what is deleted takes space until a lifecycle rule removes its versions'
  return {
    canRemove: await again(() => canRemove(room, signal)),
    keepsVersions: isVersioned,
    // A policy of the container protects blobs in a way that cannot be seen on them.
    objects:
      looks === null || (facts?.hasPolicy === true && !facts.hasHold)
        ? null
        : summary(looks, facts?.hasHold ?? false, room.now()),
    notes: [
      ...containerNotes(facts),
      ...(isVersioned === true && facts?.isVersioned !== true ? [hidden] : []),
      ...(note === null ? [] : [note]),
    ],
  }
}
