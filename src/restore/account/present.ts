import type { Catalog, SnapshotRow } from '../../catalog/catalog.ts'
import type { AccountReader, AccountRow } from '../../cloudinary/reader.ts'
import { type AssetName, writtenName } from '../../cloudinary/writer.ts'
import type { Vault } from '../../vault/vault.ts'
import { type State, stateOf } from './compare.ts'

/** What the target holds now, asked for in groups. Ids are asset_ids of the target. */
export interface PresentStates {
  of(
    wanted: { readonly assetIds: readonly string[]; readonly names: readonly AssetName[] },
    signal: AbortSignal,
  ): Promise<Found>
}

export interface Found {
  readonly byId: ReadonlyMap<string, State>
  /** By `writtenName`. */
  readonly byName: ReadonlyMap<string, State>
}

const index = (states: Iterable<State>): Found => {
  const byId = new Map<string, State>()
  const byName = new Map<string, State>()
  for (const state of states) {
    byId.set(state.facts.assetId, state)
    byName.set(writtenName(state.facts), state)
  }
  return { byId, byName }
}

const NOTHING = index([])

/** From the snapshot of the target that was taken just before: no calls, and bytes known by their MD5. */
export const presentInVault = (
  deps: { readonly vault: Vault; readonly catalog: Catalog },
  { seq, snapshot }: SnapshotRow,
): PresentStates => ({
  async of({ assetIds, names }, signal) {
    if (snapshot.assets === 0) return NOTHING
    const wanted = new Set(names.map(writtenName))
    const ids = await deps.catalog.read(async (tx) => {
      const found = new Set((await tx.known(snapshot.cloud, assetIds)).keys())
      const publicIds = [...new Set(names.map(({ publicId }) => publicId))]
      for (const { assetId, publicId, resourceType, type } of await tx.bearers(snapshot.cloud, seq, publicIds)) {
        if (wanted.has(`${resourceType}/${type}/${publicId}`)) found.add(assetId)
      }
      return found
    })
    const states: State[] = []
    const segments = snapshot.segments.filter(({ prefix }) => [...ids].some((id) => id.startsWith(prefix)))
    for (const { object } of segments) {
      for await (const entry of deps.vault.readSegment(object, signal)) {
        if (ids.has(entry.assetId)) states.push(stateOf(entry))
      }
    }
    return index(states)
  },
})

/** Ids and names a call takes. */
const BATCH = 100
/** Details that may be asked for where a listing does not say whether bytes differ. */
const MOST_DETAILS = 100

/**
 * Straight from the account, a call per 100 ids and per 100 names: for dry runs, which take no snapshot. Listings state
 * no MD5; the details are asked for it, up to a limit.
 */
export const presentLive = (reader: AccountReader): PresentStates => {
  let details = 0
  const stateOfRow = async (row: AccountRow, signal: AbortSignal): Promise<State> => {
    const plain = { facts: row.facts, md5: row.facts.etag, size: row.facts.bytes, detailed: false }
    if (row.facts.etag !== null || details >= MOST_DETAILS) return plain
    details += 1
    const answer = await reader.details(row.facts, signal)
    if (!answer.found) return plain
    const { facts } = answer.row
    return { facts, md5: facts.etag, size: facts.bytes, detailed: true }
  }
  return {
    async of({ assetIds, names }, signal) {
      const rows = new Map<string, AccountRow>()
      const take = (found: readonly AccountRow[]): void => {
        for (const row of found) if (!row.placeholder) rows.set(row.facts.assetId, row)
      }
      for (let i = 0; i < assetIds.length; i += BATCH)
        take(await reader.byAssetIds(assetIds.slice(i, i + BATCH), signal))
      for (let i = 0; i < names.length; i += BATCH) take(await reader.byNames(names.slice(i, i + BATCH), signal))
      const states: State[] = []
      for (const row of rows.values()) states.push(await stateOfRow(row, signal))
      return index(states)
    },
  }
}
