import type { Entry } from '../../model/entry.ts'
import { decodeEntry } from '../../model/entry-codec.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import { decodeHistoryHead } from '../../model/history.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { Vault } from '../../vault/vault.ts'
import { purgedVersions } from '../prune/history.ts'
import { objectsOf, versionKey } from '../prune/survey.ts'

/** Who needs an object, so that it stays. */
export type Namer =
  | {
      readonly kind: 'version'
      readonly cloud: string
      readonly assetId: string
      readonly version: string
      readonly publicId: string
      /** False: as the bytes of a derived asset. */
      readonly isOriginal: boolean
    }
  /** A list of assets, folders or the like has these very bytes. */
  | { readonly kind: 'manifest'; readonly key: string }
  /** A backup that was interrupted has just downloaded it. */
  | { readonly kind: 'run' }

export interface NamesWanted {
  readonly candidates: ReadonlySet<string>
  /** Versions that do not count, of one account. */
  readonly without: { readonly cloud: string; readonly versions: ReadonlySet<string> }
}

/**
 * Who names the candidates, in all accounts of the vault: every manifest and history record is read, because the bytes
 * are gone for good afterwards. Purged versions need nothing. Throws what a manifest throws that cannot be read: nobody
 * knows what it names.
 */
export async function namersOf(
  vault: Vault,
  wanted: NamesWanted,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly Namer[]>> {
  const search: Search = { vault, wanted, signal, read: new Set(), found: new Map() }
  for (const cloud of await vault.clouds(signal)) {
    const purged = await purgedVersions(vault, cloud, signal)
    const without = new Set([...purged, ...(cloud === wanted.without.cloud ? wanted.without.versions : [])])
    for (const key of await vault.snapshotKeys(cloud, signal)) await searchSnapshot(search, { cloud, key, without })
    for (const key of await vault.recordKeys({ kind: 'history', cloud }, signal)) {
      await searchHistory(search, { cloud, key, without })
    }
  }
  return new Map([...search.found].map(([digest, namers]) => [digest, [...namers.values()]]))
}

interface Search {
  readonly vault: Vault
  readonly wanted: NamesWanted
  readonly signal: AbortSignal
  /** Objects of lines that were searched, by account: snapshots share most of their segments. */
  readonly read: Set<string>
  readonly found: Map<string, Map<string, Namer>>
}

interface Place {
  readonly cloud: string
  readonly key: string
  readonly without: ReadonlySet<string>
}

async function searchSnapshot(search: Search, place: Place): Promise<void> {
  const { vault, signal } = search
  const { snapshot } = await knowing(place.key, () => vault.readSnapshot(place.key, signal))
  for (const digest of manifestsOf(snapshot)) note(search, digest, { kind: 'manifest', key: place.key })
  for (const { object } of snapshot.segments) await searchLines(search, place, object)
}

const manifestsOf = (snapshot: Snapshot): readonly string[] =>
  [
    ...snapshot.segments.map(({ object }) => object),
    snapshot.folders,
    snapshot.configuration,
    snapshot.failures,
  ].filter((digest) => digest !== null)

async function searchHistory(search: Search, place: Place): Promise<void> {
  const { vault, signal } = search
  const { lines } = await knowing(place.key, async () => decodeHistoryHead(await vault.readRecord(place.key, signal)))
  note(search, lines, { kind: 'manifest', key: place.key })
  await searchLines(search, place, lines)
}

const DIGESTS = /\b[0-9a-f]{64}\b/g

/** Only lines in which a candidate stands somewhere are parsed. */
async function searchLines(search: Search, { cloud, key, without }: Place, object: string): Promise<void> {
  const { vault, wanted, signal, read } = search
  if (read.has(`${cloud} ${object}`)) return
  read.add(`${cloud} ${object}`)
  await knowing(key, async () => {
    for await (const line of vault.readLines(object, signal)) {
      if (!line.match(DIGESTS)?.some((digest) => wanted.candidates.has(digest))) continue
      const entry = decodeEntry(line)
      if (!without.has(versionKey(entry))) noteEntry(search, cloud, entry)
    }
  })
}

function noteEntry(search: Search, cloud: string, entry: Entry): void {
  const { assetId, version, publicId } = entry
  for (const digest of objectsOf(entry)) {
    note(search, digest, { kind: 'version', cloud, assetId, version, publicId, isOriginal: digest === entry.object })
  }
}

function note({ wanted, found }: Search, digest: string, namer: Namer): void {
  if (!wanted.candidates.has(digest)) return
  const namers = found.get(digest) ?? new Map<string, Namer>()
  found.set(digest, namers.set(keyOf(namer), namer))
}

const keyOf = (namer: Namer): string =>
  namer.kind === 'version' ? `${namer.cloud} ${versionKey(namer)} ${namer.isOriginal}` : JSON.stringify(namer)

/** What cannot be read may name anything. */
async function knowing<T>(key: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (!isAppError(cause) || cause.code === 'INTERRUPTED' || !cause.permanent) throw cause
    throw new AppError(cause.code, `nothing can be purged while ${key} cannot be read: it may name the same bytes`, {
      hint: 'cloudkeep verify --repair mends it, if anybody still has it',
      cause,
    })
  }
}
