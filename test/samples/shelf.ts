import { createHash } from 'node:crypto'
import type { Entry } from '../../src/model/entry.ts'
import { encodeEntry } from '../../src/model/entry.ts'
import { decodeHistoryHead, decodeHistoryLine, type HistoryLine } from '../../src/model/history.ts'
import type { Snapshot, StoredSnapshot } from '../../src/model/snapshot.ts'
import { memoryBody } from '../../src/vault/body.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { CLOUD, entryOf, type State } from './history.ts'
import { sampleSnapshot } from './manifest.ts'

/** The name of the object that holds a text. */
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Puts a text as an object and returns its name. */
export async function putText(vault: Vault, text: string): Promise<string> {
  const digest = digestOf(text)
  await vault.putObject(digest, memoryBody(Buffer.from(text)))
  return digest
}

export interface Taking {
  readonly id: string
  readonly takenAt: string
  readonly prefixLength?: number
  readonly changes?: Partial<Snapshot>
}

/** Writes a snapshot of these states with all that it names, as a backup does. */
export async function takeSnapshot(vault: Vault, taking: Taking, states: readonly State[]): Promise<StoredSnapshot> {
  const { id, takenAt, prefixLength = 0, changes = {} } = taking
  const entries = states.map(entryOf).sort((a, b) => (a.assetId < b.assetId ? -1 : 1))
  for (const { bytes = 'bytes' } of states) if (bytes !== null) await putText(vault, bytes)
  const byPrefix = new Map<string, Entry[]>()
  for (const entry of entries) {
    const prefix = entry.assetId.slice(0, prefixLength)
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), entry])
  }
  const segments = []
  for (const [prefix, part] of byPrefix) {
    const { object, size } = await vault.putLines(part.map(encodeEntry))
    segments.push({ prefix, object, size, entries: part.length, contentBytes: sizeOf(part) })
  }
  const folders = (await vault.putLines([JSON.stringify({ path: id, name: id })])).object
  const rest = { cloud: CLOUD, segments, prefixLength, folders, assets: entries.length, bytes: sizeOf(entries) }
  return await vault.writeSnapshot(sampleSnapshot({ id, takenAt, startedAt: takenAt, ...rest, ...changes }))
}

const sizeOf = (entries: readonly Entry[]): number => entries.reduce((sum, entry) => sum + (entry.size ?? 0), 0)

/** The lines of all history records of an account, in order. */
export async function historyOf(vault: Vault, cloud = CLOUD): Promise<HistoryLine[]> {
  const lines: HistoryLine[] = []
  for (const key of await vault.recordKeys({ kind: 'history', cloud })) {
    const head = decodeHistoryHead(await vault.readRecord(key))
    for await (const line of vault.readLines(head.lines)) lines.push(decodeHistoryLine(line))
  }
  return lines
}

/** Reads everything that heads and history records name, every byte against its digest; throws at the first lie. */
export async function readWhole(
  vault: Vault,
): Promise<{ readonly snapshots: string[]; readonly objects: Set<string> }> {
  const [snapshots, objects]: [string[], Set<string>] = [[], new Set()]
  const read = async (digest: string): Promise<void> => {
    if (objects.has(digest)) return
    objects.add(digest)
    for await (const _ of await vault.openObject(digest));
  }
  for (const cloud of await vault.clouds()) {
    for (const key of await vault.snapshotKeys(cloud)) {
      const { snapshot } = await vault.readSnapshot(key)
      snapshots.push(snapshot.id)
      for (const digest of [snapshot.folders, snapshot.configuration, snapshot.failures])
        if (digest !== null) await read(digest)
      for (const ref of snapshot.segments) {
        await read(ref.object)
        for await (const { object } of vault.readSegment(ref.object)) if (object !== null) await read(object)
      }
    }
    for (const { entry } of await historyOf(vault, cloud)) if (entry.object !== null) await read(entry.object)
  }
  return { snapshots, objects }
}
