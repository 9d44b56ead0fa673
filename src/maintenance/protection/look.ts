import { isAppError } from '../../model/errors.ts'
import type { Protection } from '../../model/protection.ts'
import type { SegmentRef, StoredSnapshot } from '../../model/snapshot.ts'
import { objectKey, type Vault } from '../../vault/vault.ts'
import { isLost } from '../restorable/point.ts'

/** Of each account at most so many objects, and so many of its lists. */
const OBJECTS = 6
const LISTS = 3
/** Keys altogether; a vault of many accounts shows fewer of each. */
const KEYS = 60

export interface LookedKey {
  readonly key: string
  readonly is: 'newest head' | 'oldest head' | 'list' | 'object'
  readonly cloud: string
}

export interface ProtectionLook {
  readonly protection: Protection
  /** What was looked at, as the vault's store takes it. Empty: there is nothing in the vault yet, or nothing readable. */
  readonly looked: readonly LookedKey[]
}

/** Asks the place about these keys: `protection` of a bucket, `fsProtection` of a disk. */
export type ProtectionLooker = (keys: readonly string[]) => Promise<Protection>

/**
 * Has keys of every account looked at: its newest and its oldest head, some lists of the newest, some objects that
 * these name, spread over their digests. The same snapshots give the same keys. What cannot be read to choose from is
 * said in the notes. At most `most` keys are looked at. Writes nothing, but the looker may try to remove a key that does not exist. Throws the errors of
 * the store and of the looker, INTERRUPTED.
 */
export async function lookAtProtection(
  vault: Vault,
  looker: ProtectionLooker,
  signal: AbortSignal,
  most: number = KEYS,
): Promise<ProtectionLook> {
  const notes: string[] = []
  const looked: LookedKey[] = []
  const clouds = await vault.clouds(signal)
  for (const cloud of clouds.slice(0, most)) looked.push(...(await chooseKeys(vault, { cloud, notes, signal })))
  const few = inTurn(looked, clouds).slice(0, most)
  const protection = await looker(few.map(({ key }) => key))
  return { protection: { ...protection, notes: [...protection.notes, ...notes] }, looked: few }
}

/** One of each account, then the next of each, so that a bound cuts all alike. */
function inTurn(looked: readonly LookedKey[], clouds: readonly string[]): readonly LookedKey[] {
  const rows = clouds.map((cloud) => looked.filter((each) => each.cloud === cloud))
  const longest = Math.max(0, ...rows.map((row) => row.length))
  return Array.from({ length: longest }, (_, i) => rows.flatMap((row) => row[i] ?? [])).flat()
}

interface Choosing {
  readonly cloud: string
  readonly notes: string[]
  readonly signal: AbortSignal
}

async function chooseKeys(vault: Vault, choosing: Choosing): Promise<readonly LookedKey[]> {
  const { cloud, signal } = choosing
  const heads = await vault.snapshotKeys(cloud, signal)
  const [newest, oldest] = [heads.at(-1), heads[0]]
  if (newest === undefined || oldest === undefined) return []
  const head = { key: newest, is: 'newest head', cloud } as const
  const rest: LookedKey[] = []
  const stored = await readable(choosing, newest, () => vault.readSnapshot(newest, signal))
  if (stored !== null) rest.push(...(await namedKeys(vault, stored, choosing)))
  return [head, ...rest, ...(oldest === newest ? [] : [{ key: oldest, is: 'oldest head', cloud } as const])]
}

async function namedKeys(
  vault: Vault,
  { snapshot }: StoredSnapshot,
  choosing: Choosing,
): Promise<readonly LookedKey[]> {
  const { cloud } = choosing
  const lists = spread(snapshot.segments, LISTS)
  const digests = await chooseObjects(vault, lists, choosing)
  return [
    ...digests.map((digest) => ({ key: objectKey(digest), is: 'object', cloud }) as const),
    ...lists.map(({ object }) => ({ key: objectKey(object), is: 'list', cloud }) as const),
  ]
}

/** For each of some points of the range of digests the digest that lies nearest to it. */
async function chooseObjects(
  vault: Vault,
  lists: readonly SegmentRef[],
  choosing: Choosing,
): Promise<readonly string[]> {
  const points = Array.from({ length: OBJECTS }, (_, i) => Math.floor(((i + 0.5) * 2 ** 32) / OBJECTS))
  const nearest = points.map((point) => ({ point, digest: null as string | null, far: Number.POSITIVE_INFINITY }))
  for (const list of lists) {
    await readable(choosing, objectKey(list.object), async () => {
      for await (const { object } of vault.readSegment(list.object, choosing.signal)) {
        if (object === null) continue
        const at = Number.parseInt(object.slice(0, 8), 16)
        for (const each of nearest) {
          const far = Math.abs(at - each.point)
          if (far < each.far) Object.assign(each, { digest: object, far })
        }
      }
    })
  }
  return [...new Set(nearest.flatMap(({ digest }) => digest ?? []))]
}

/** The first, the last, and some between. */
const spread = <T>(all: readonly T[], few: number): readonly T[] => {
  if (all.length <= few) return all
  const places = Array.from({ length: few }, (_, i) => Math.round((i * (all.length - 1)) / (few - 1)))
  return places.flatMap((place) => all[place] ?? [])
}

/** Null, and a note, for what is damaged or what no key here opens. */
async function readable<T>({ notes, cloud }: Choosing, key: string, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (!isLost(error) && !isAppError(error, 'KEY_MISSING')) throw error
    notes.push(`${cloud}: ${key} cannot be read here, so nothing that it names was looked at (${error.message})`)
    return null
  }
}
