import { isAppError } from '../../model/errors.ts'
import { decodeHistoryHead, encodeHistoryLine, type HistoryHead, type HistoryLine } from '../../model/history.ts'
import { decodePurge } from '../../model/purge.ts'
import type { Sweeper } from '../../vault/sweeper.ts'
import type { Vault } from '../../vault/vault.ts'
import { versionKey } from './survey.ts'

/** A history record and the key under which it lies. */
export interface StoredHistory {
  readonly key: string
  readonly head: HistoryHead
}

/** The history records of an account, oldest first. Throws VAULT_INVALID for one that cannot be read. */
export async function readHistories(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  cloud: string,
  signal: AbortSignal,
): Promise<readonly StoredHistory[]> {
  const found: StoredHistory[] = []
  for (const key of await vault.recordKeys({ kind: 'history', cloud }, signal)) {
    try {
      found.push({ key, head: decodeHistoryHead(await vault.readRecord(key, signal)) })
    } catch (error) {
      // Replaced by a newer one since it was listed.
      if (!isAppError(error, 'OBJECT_NOT_FOUND')) throw error
    }
  }
  return found
}

/** The versions of an account that were purged, as `versionKey` names them. */
export async function purgedVersions(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  cloud: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const purged = new Set<string>()
  for (const key of await vault.recordKeys({ kind: 'purges', cloud }, signal)) {
    for (const version of decodePurge(await vault.readRecord(key, signal)).versions) purged.add(versionKey(version))
  }
  return purged
}

export interface Retained {
  readonly versions: number
  /** Sum of the sizes of their objects. */
  readonly bytes: number
}

interface Writing {
  readonly vault: Vault
  readonly sweeper: Sweeper
  readonly cloud: string
  readonly id: string
  readonly now: Date
  readonly tool: string
  readonly signal: AbortSignal
}

/**
 * Writes down what outlives its snapshots: the new record is durable before the old ones go, and lines that nothing keeps
 * any more are simply not in it. Nothing is written when nothing changed, and there is no record without lines.
 */
export async function rewriteHistory(
  writing: Writing,
  before: readonly StoredHistory[],
  lines: AsyncIterable<HistoryLine>,
): Promise<{ readonly head: HistoryHead | null; readonly retained: Retained }> {
  const { vault, sweeper, cloud, signal } = writing
  const counted = { versions: 0, bytes: 0 }
  const packed = await putSome(vault, counting(lines, counted), signal)
  const same = before.find(({ head }) => head.lines === packed?.object)
  const head = packed === null ? null : (same?.head ?? headOf(writing, packed, counted))
  if (head !== null && same === undefined) {
    const { id, writtenAt: at } = head
    await vault.writeRecord({ kind: 'history', cloud }, { id, at, value: { ...head } }, signal)
  }
  for (const old of before) if (old !== same) await removeOld(sweeper, old, signal)
  return { head, retained: counted }
}

/** One that is held stays beside the new one until a later prune: it only says more than is kept, never less. */
async function removeOld(sweeper: Sweeper, { key }: StoredHistory, signal: AbortSignal): Promise<void> {
  try {
    await sweeper.removeRecord(key, signal)
  } catch (error) {
    if (!isAppError(error, 'VAULT_SEALED')) throw error
  }
}

const headOf = (
  { cloud, id, now, tool }: Writing,
  packed: { readonly object: string; readonly size: number },
  counted: Retained,
): HistoryHead => ({
  format: 1,
  id,
  cloud,
  writtenAt: now.toISOString(),
  origin: 'retention',
  lines: packed.object,
  size: packed.size,
  entries: counted.versions,
  contentBytes: counted.bytes,
  tool,
})

async function* counting(
  lines: AsyncIterable<HistoryLine>,
  counted: { versions: number; bytes: number },
): AsyncGenerator<string, void, void> {
  for await (const line of lines) {
    counted.versions += 1
    counted.bytes += line.entry.size ?? 0
    yield encodeHistoryLine(line)
  }
}

/** Null, and nothing written, when there is no line. */
async function putSome(
  vault: Pick<Vault, 'putLines'>,
  lines: AsyncGenerator<string, void, void>,
  signal: AbortSignal,
): Promise<{ readonly object: string; readonly size: number } | null> {
  const first = await lines.next()
  if (first.done === true) return null
  const all = async function* (): AsyncGenerator<string, void, void> {
    yield first.value
    yield* lines
  }
  return await vault.putLines(all(), signal)
}
