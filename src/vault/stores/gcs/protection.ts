import { randomUUID } from 'node:crypto'
import { isAppError } from '../../../model/errors.ts'
import type { ObjectProtection, Protection } from '../../../model/protection.ts'
import { fileOf, type Gcs, readSettings, type Ways } from './place.ts'
import { parseResource, type Resource, type Settings, timeOf } from './resource.ts'
import { believed } from './seal.ts'

const FIELDS = 'name,generation,retention,retentionExpirationTime,temporaryHold,eventBasedHold'

/** How one object is protected at this moment; null when it is not. */
interface Guard {
  readonly kind: 'object-retention' | 'bucket-retention' | 'legal-hold'
  readonly mode: ObjectProtection['mode']
  /** Milliseconds since the epoch; null without an end. */
  readonly until: number | null
}

const guardOf = (resource: Resource, settings: Settings | null, now: number): Guard | null => {
  const until = timeOf(resource.retention?.retainUntilTime) ?? 0
  if (until > now)
    return {
      kind: 'object-retention',
      mode: resource.retention?.mode === 'Locked' ? 'compliance' : 'governance',
      until,
    }
  const policy = timeOf(resource.retentionExpirationTime) ?? 0
  if (policy > now) {
    const mode = settings === null ? null : settings.retentionPolicy?.isLocked === true ? 'compliance' : 'governance'
    return { kind: 'bucket-retention', mode, until: policy }
  }
  // Whoever may change an object may release its hold.
  const isHeld = resource.temporaryHold === true || resource.eventBasedHold === true
  return isHeld ? { kind: 'legal-hold', mode: 'governance', until: null } : null
}

const summary = (guards: readonly (Guard | null)[]): ObjectProtection => {
  const found = guards.filter((guard) => guard !== null)
  const ends = found.flatMap(({ until }) => (until === null ? [] : [until])).sort((one, other) => one - other)
  const [first] = found
  const isoOf = (time: number | undefined): string | null => (time === undefined ? null : new Date(time).toISOString())
  return {
    kind: first?.kind ?? 'none',
    // Of several the weakest: what is said holds for all of them.
    mode: found.find(({ mode }) => mode !== 'compliance')?.mode ?? first?.mode ?? null,
    looked: guards.length,
    protected: found.length,
    earliest: isoOf(ends[0]),
    latest: isoOf(ends.at(-1)),
  }
}

const lookAtGuard = async (gcs: Gcs, ways: Ways, key: string, signal?: AbortSignal): Promise<Resource | null> => {
  const oldest = ways.keepsAll ? await believed(gcs, ways, key, signal) : undefined
  if (oldest === null) return null
  const doing = `look at the protection of ${key}`
  const answer = await gcs.calls.call(
    { doing, right: 'storage.objects.get', signal, accept: [404] },
    async () => (await fileOf(gcs, key, oldest?.generation).getMetadata({ fields: FIELDS }))[0],
  )
  return answer.status === 404 ? null : parseResource(answer.json, doing)
}

const objectsOf = async (
  gcs: Gcs,
  ways: Ways,
  look: {
    readonly keys: readonly string[]
    readonly settings: Settings | null
    readonly signal: AbortSignal | undefined
  },
): Promise<ObjectProtection | null> => {
  const guards: (Guard | null)[] = []
  for (const key of look.keys) {
    try {
      const found = await lookAtGuard(gcs, ways, key, look.signal)
      if (found !== null) guards.push(guardOf(found, look.settings, Date.now()))
    } catch (error) {
      if (isAppError(error, 'STORE_REFUSED')) return null
      throw error
    }
  }
  return guards.length === 0 ? null : summary(guards)
}

/** The service looks at rights before it looks for the object: 403 means no, 404 means that nothing but the object is missing. */
const canRemove = async (gcs: Gcs, signal: AbortSignal | undefined): Promise<boolean> => {
  const answer = await gcs.calls.call(
    { doing: 'try to delete what is not there', right: 'storage.objects.delete', signal, accept: [403, 404] },
    () => fileOf(gcs, `trash/never-${randomUUID()}`).delete(),
  )
  return answer.status !== 403
}

const DAY = 86_400

const notesOf = (settings: Settings | null, objects: ObjectProtection | null, looked: number): string[] => {
  const notes: string[] = []
  if (settings === null)
    notes.push('the settings of the bucket could not be read: these credentials lack storage.buckets.get')
  const soft = settings?.softDeletePolicy?.retentionDurationSeconds ?? 0
  if (soft > 0)
    notes.push(`soft delete keeps what is removed for ${Math.floor(soft / DAY)} days, until somebody turns it off`)
  const { retentionPolicy } = settings ?? {}
  if (retentionPolicy !== undefined)
    notes.push(
      `the bucket's retention policy is ${retentionPolicy.isLocked === true ? 'locked' : 'not locked: whoever may change the bucket can end it'}`,
    )
  if (settings?.objectRetention?.mode === 'Enabled') notes.push('the bucket can protect single objects')
  if (objects === null)
    notes.push(
      looked === 0
        ? 'there was no object whose protection could be looked at'
        : 'no object could be looked at: these credentials lack storage.objects.get, or none of them is there',
    )
  if (objects?.mode === 'governance')
    notes.push('whoever has storage.objects.overrideUnlockedRetention or may change the bucket can end this protection')
  return notes
}

export const readProtection = async (
  gcs: Gcs,
  ways: Ways,
  keys: readonly string[],
  signal?: AbortSignal,
): Promise<Protection> => {
  const settings = await readSettings(gcs, signal)
  const objects = await objectsOf(gcs, ways, { keys, settings, signal })
  return {
    canRemove: await canRemove(gcs, signal),
    keepsVersions: settings === null ? null : settings.versioning?.enabled === true,
    objects,
    notes: notesOf(settings, objects, keys.length),
  }
}
