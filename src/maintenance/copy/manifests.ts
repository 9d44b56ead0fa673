import { derivedRows } from '../../model/derived.ts'
import type { Entry } from '../../model/entry.ts'
import { isAppError } from '../../model/errors.ts'
import { decodeHistoryHead, decodeHistoryLine } from '../../model/history.ts'
import { decodePurge, type Purge } from '../../model/purge.ts'
import type { Vault } from '../../vault/vault.ts'
import type { CopyFinding } from './report.ts'
import type { Copying } from './state.ts'

/** A snapshot or a history record: a small file whose existence promises that all it names is there. */
export interface Manifest {
  readonly kind: 'snapshot' | 'history'
  readonly key: string
  readonly cloud: string
  readonly id: string
  readonly lists: readonly { readonly object: string; readonly size: number }[]
  /** Further objects that it names itself: folders, configuration, failures. */
  readonly parts: readonly string[]
}

/** Snapshots before history records, oldest first in each account. What cannot be read becomes a finding. */
export async function readManifests(copying: Copying): Promise<readonly Manifest[]> {
  const { source, signal } = copying
  const manifests: Manifest[] = []
  const keep = async (code: CopyFinding['code'], key: string, read: () => Promise<Manifest>): Promise<void> => {
    const manifest = await orFinding(copying, { code, key }, read)
    if (manifest !== null) manifests.push(manifest)
  }
  for (const cloud of await accountsOf(source, signal)) {
    for (const key of await source.snapshotKeys(cloud, signal)) {
      await keep('snapshot-unreadable', key, () => readSnapshot(source, key, signal))
    }
    for (const key of await source.recordKeys({ kind: 'history', cloud }, signal)) {
      await keep('record-unreadable', key, () => readHistory(source, key, signal))
    }
  }
  return manifests
}

/** Also accounts that have records only, because all their snapshots were pruned or never made. */
export async function accountsOf(vault: Vault, signal: AbortSignal): Promise<readonly string[]> {
  const clouds = new Set<string>()
  for await (const { key } of vault.store.list('accounts/', signal)) {
    const cloud = /^accounts\/([A-Za-z0-9_-]{1,128})\//u.exec(key)?.[1]
    if (cloud !== undefined) clouds.add(cloud)
  }
  return [...clouds].sort((a, b) => (a < b ? -1 : 1))
}

async function readSnapshot(vault: Vault, key: string, signal: AbortSignal): Promise<Manifest> {
  const { snapshot } = await vault.readSnapshot(key, signal)
  return {
    kind: 'snapshot',
    key,
    cloud: snapshot.cloud,
    id: snapshot.id,
    lists: snapshot.segments.map(({ object, size }) => ({ object, size })),
    parts: [snapshot.folders, snapshot.configuration, snapshot.failures].filter((digest) => digest !== null),
  }
}

async function readHistory(vault: Vault, key: string, signal: AbortSignal): Promise<Manifest> {
  const { cloud, id, lines, size } = decodeHistoryHead(await vault.readRecord(key, signal))
  return { kind: 'history', key, cloud, id, lists: [{ object: lines, size }], parts: [] }
}

/** The purges of a vault; unreadable ones become findings. */
export async function readPurges(copying: Copying, vault: Vault): Promise<readonly Purge[]> {
  const purges: Purge[] = []
  for (const cloud of await accountsOf(vault, copying.signal)) {
    for (const key of await vault.recordKeys({ kind: 'purges', cloud }, copying.signal)) {
      const purge = await orFinding(copying, { code: 'record-unreadable', key }, async () =>
        decodePurge(await vault.readRecord(key, copying.signal)),
      )
      if (purge !== null) purges.push(purge)
    }
  }
  return purges
}

/** Null when it is damaged, which is told, or went away since it was listed, as what is pruned does. */
async function orFinding<T>(
  { findings }: Copying,
  { code, key }: { code: CopyFinding['code']; key: string },
  read: () => Promise<T>,
): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (isAppError(error, 'SNAPSHOT_NOT_FOUND') || isAppError(error, 'OBJECT_NOT_FOUND')) return null
    if (!isAppError(error, 'VAULT_INVALID')) throw error
    findings.push({ code, subject: key, message: error.message, affects: [] })
    return null
  }
}

/** The entries of a list, from the source or, where the source's is damaged and the target has it, from the target. */
export async function* entriesOf(
  { source, target, signal }: Copying,
  { kind }: Manifest,
  list: string,
): AsyncIterable<Entry> {
  try {
    yield* read(source, kind, list, signal)
  } catch (error) {
    const isDamaged = isAppError(error, 'OBJECT_CORRUPT') || isAppError(error, 'OBJECT_NOT_FOUND')
    if (!isDamaged || (await target.statObject(list, signal)) === null) throw error
    yield* read(target, kind, list, signal)
  }
}

async function* read(vault: Vault, kind: Manifest['kind'], list: string, signal: AbortSignal): AsyncIterable<Entry> {
  if (kind === 'snapshot') yield* vault.readSegment(list, signal)
  else for await (const line of vault.readLines(list, signal)) yield decodeHistoryLine(line).entry
}

/** The original's bytes, and those of derived assets that were asked for; a null size is to be looked up. */
export function objectsOf(entry: Entry): readonly { readonly digest: string; readonly size: number | null }[] {
  const derived = derivedRows(entry.raw.details).flatMap(({ object }) =>
    object === null ? [] : [{ digest: object, size: null }],
  )
  return entry.object === null ? derived : [{ digest: entry.object, size: entry.size }, ...derived]
}

/** What a purge names. */
export const versionKey = ({ assetId, version }: Pick<Entry, 'assetId' | 'version'>): string => `${assetId}@${version}`
