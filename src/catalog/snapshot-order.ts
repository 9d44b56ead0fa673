import type { Snapshot, StoredSnapshot } from '../model/snapshot.ts'

type Place = Pick<Snapshot, 'id' | 'parent' | 'takenAt'> & { readonly key: string }

/**
 * Snapshot keys in the order in which the snapshots were taken. A key tells the second; heads are read only where
 * several share one, and those that cannot be read are left out.
 */
export async function inTimeOrder(
  keys: readonly string[],
  readHead: (key: string) => Promise<StoredSnapshot | null>,
): Promise<readonly string[]> {
  const seconds = new Map<string, string[]>()
  for (const key of [...keys].sort()) {
    const second = secondOf(key)
    seconds.set(second, [...(seconds.get(second) ?? []), key])
  }
  const ordered: string[] = []
  for (const group of seconds.values()) {
    if (group.length === 1) ordered.push(...group)
    else ordered.push(...sortSecond(await readPlaces(group, readHead)))
  }
  return ordered
}

/** `accounts/<cloud>/snapshots/<YYYY-MM-DDTHH-MM-SSZ>` */
const secondOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 21)

async function readPlaces(
  keys: readonly string[],
  readHead: (key: string) => Promise<StoredSnapshot | null>,
): Promise<readonly Place[]> {
  const places: Place[] = []
  for (const key of keys) {
    const stored = await readHead(key)
    if (stored !== null) places.push({ key, ...stored.snapshot })
  }
  return places
}

/** By time to the millisecond; within one, a parent comes before what was taken upon it. */
function sortSecond(places: readonly Place[]): readonly string[] {
  const byId = new Map(places.map((place) => [place.id, place]))
  const depth = (place: Place, limit = places.length): number => {
    const parent = place.parent === null ? undefined : byId.get(place.parent)
    return parent === undefined || limit === 0 || parent.takenAt !== place.takenAt ? 0 : 1 + depth(parent, limit - 1)
  }
  const sorted = [...places].sort(
    (a, b) => Date.parse(a.takenAt) - Date.parse(b.takenAt) || depth(a) - depth(b) || (a.key < b.key ? -1 : 1),
  )
  return sorted.map((place) => place.key)
}
