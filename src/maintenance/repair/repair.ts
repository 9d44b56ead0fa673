import { type AppError, isAppError } from '../../model/errors.ts'
import type { StoredSnapshot } from '../../model/snapshot.ts'
import { memoryBody } from '../../vault/body.ts'
import { reclaimObject } from '../../vault/trash.ts'
import { objectKey, type Vault } from '../../vault/vault.ts'
import type { Use } from '../verify/affected.ts'
import type { Lost, Repaired, VerifyOptions } from '../verify/report.ts'
import { isDamage } from '../verify/state.ts'
import type { RepairHands } from './hands.ts'
import { quarantine } from './quarantine.ts'
import { type Asking, type Candidate, candidates, isRight, listCandidates } from './sources.ts'

/**
 * Mends what a check found. Good bytes are proven by their digest before anything is touched, bad bytes are moved to
 * the quarantine and never removed, and what was written is read back.
 */
export interface Repair {
  readonly repaired: readonly Repaired[]
  /** A head that cannot be read, from another vault. Null when none has it. */
  head(key: string): Promise<StoredSnapshot | null>
  /** A head that is not there any more, from another vault. */
  missingHead(cloud: string, id: string): Promise<StoredSnapshot | null>
  /** A record that cannot be read, from another vault; `take` throws VAULT_INVALID for one that is no better. */
  record(key: string, take: (value: unknown, key: string) => void): Promise<boolean>
  /** An object that holds a list of assets. */
  list(digest: string): Promise<boolean>
  /** Any object; `use` says what needs it, null for what nothing needs: that is only moved out of the way. */
  object(digest: string, use: Use | null, newest: ReadonlySet<string>): Promise<Mended>
}

export type Mended =
  | { readonly kind: 'repaired' }
  /** The object itself is right, so it is something else that is wrong. */
  | { readonly kind: 'sound' }
  | { readonly kind: 'lost'; readonly quarantined: string | null; readonly mayReturn: Lost['mayReturn'] }

interface Mending {
  readonly vault: Vault
  readonly hands: RepairHands
  readonly options: VerifyOptions
  readonly signal: AbortSignal
  readonly repaired: Repaired[]
}

export function createRepair(
  vault: Vault,
  { hands, options, signal }: Pick<Mending, 'hands' | 'options' | 'signal'>,
): Repair {
  const mending: Mending = { vault, hands, options, signal, repaired: [] }
  return {
    repaired: mending.repaired,
    head: (key) => mendHead(mending, key),
    missingHead: (cloud, id) => mendMissingHead(mending, cloud, id),
    record: (key, take) => mendRecord(mending, key, take),
    list: async (digest) => {
      const asking = { vault, hands, signal, silent: note(options) }
      return await mendFrom(mending, digest, listCandidates(asking, { digest, use: null }), asking)
    },
    object: (digest, use, newest) => mendObject(mending, { digest, use, newest }),
  }
}

const note =
  ({ listen }: VerifyOptions) =>
  (message: string): void =>
    listen({ type: 'note', message })

async function mendObject(
  mending: Mending,
  { digest, use, newest }: { digest: string; use: Use | null; newest: ReadonlySet<string> },
): Promise<Mended> {
  const { vault, hands, options, signal, repaired } = mending
  if (await isSound(vault, digest, signal)) return { kind: 'sound' }
  if (use === null) {
    const quarantined = await quarantine(vault.store, objectKey(digest), options.now(), signal)
    repaired.push({ subject: digest, source: 'unneeded', from: 'nothing needs it', quarantined })
    return { kind: 'repaired' }
  }
  const silences: string[] = []
  const asking: Asking = { vault, hands, signal, silent: (reason) => silences.push(reason) }
  if (await mendFrom(mending, digest, candidates(asking, { digest, use }), asking)) {
    await relink(mending, { digest, use, newest })
    return { kind: 'repaired' }
  }
  // Under its name the bad bytes would be in the way: a backup that brings the good ones would think that they are there.
  const quarantined = await quarantine(vault.store, objectKey(digest), options.now(), signal)
  return { kind: 'lost', quarantined, mayReturn: silences[0] ?? null }
}

/** Takes the first candidate with the right bytes. False when none has them. */
async function mendFrom(
  { vault, options, signal, repaired }: Mending,
  digest: string,
  found: AsyncIterable<Candidate>,
  { silent }: Asking,
): Promise<boolean> {
  for await (const candidate of found) {
    try {
      if (!(await isRight(candidate, digest, silent))) continue
      const quarantined = await quarantine(vault.store, objectKey(digest), options.now(), signal)
      if (candidate.source === 'trash') await reclaimObject(vault.store, digest, signal)
      else await vault.putObject(digest, candidate.body, signal)
      if (!(await isSound(vault, digest, signal))) {
        silent(`object ${digest} was written and cannot be read back; the disk may be failing`)
        continue
      }
      repaired.push({ subject: digest, source: candidate.source, from: candidate.from, quarantined })
      return true
    } finally {
      await candidate.discard()
    }
  }
  return false
}

async function isSound(vault: Vault, digest: string, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const _ of await vault.openObject(digest, signal));
    return true
  } catch (error) {
    if (!isDamage(error)) throw error
    return false
  }
}

/** A library file that was a link to the damaged object still shows it. Only what the newest snapshots show is shown. */
async function relink(
  { hands, options }: Mending,
  { digest, use, newest }: { digest: string; use: Use; newest: ReadonlySet<string> },
): Promise<void> {
  for (const { cloud, path, mtimeMs, snapshots, isOriginal } of use.versions.values()) {
    if (path === null || !isOriginal || ![...snapshots].some((id) => newest.has(id))) continue
    try {
      await hands.relink({ cloud, path, object: digest, mtimeMs })
    } catch (error) {
      if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
      note(options)(`library/${cloud}/${path} still shows the damaged bytes: ${error.message}`)
    }
  }
}

async function mendHead(mending: Mending, key: string): Promise<StoredSnapshot | null> {
  for (const { name, vault } of mending.hands.others) {
    const found = await readable(() => vault.readSnapshot(key, mending.signal))
    if (found !== null) return await writeHead(mending, { key, subject: key, name, from: vault })
  }
  return null
}

async function mendMissingHead(mending: Mending, cloud: string, id: string): Promise<StoredSnapshot | null> {
  for (const { name, vault } of mending.hands.others) {
    const keys = (await readable(() => vault.snapshotKeys(cloud, mending.signal))) ?? []
    const key = keys.find((one) => one.endsWith(`Z-${id}.json`))
    if (key === undefined || (await readable(() => vault.readSnapshot(key, mending.signal))) === null) continue
    return await writeHead(mending, { key, subject: id, name, from: vault })
  }
  return null
}

async function mendRecord(
  mending: Mending,
  key: string,
  take: (value: unknown, key: string) => void,
): Promise<boolean> {
  for (const { name, vault } of mending.hands.others) {
    const isGood = await readable(async () => {
      take(await vault.readRecord(key, mending.signal), key)
      return true
    })
    if (isGood === null) continue
    await copyKey(mending, { key, subject: key, name, from: vault })
    return true
  }
  return false
}

interface KeyCopy {
  readonly key: string
  readonly subject: string
  readonly name: string
  readonly from: Vault
}

/** What the head names and this vault lacks is found, and mended, by the rest of the check. */
async function writeHead(mending: Mending, copy: KeyCopy): Promise<StoredSnapshot> {
  await copyKey(mending, copy)
  return await mending.vault.readSnapshot(copy.key, mending.signal)
}

/** Byte for byte. */
async function copyKey(
  { vault, options, signal, repaired }: Mending,
  { key, subject, name, from }: KeyCopy,
): Promise<void> {
  const pieces: Uint8Array[] = []
  for await (const piece of await from.store.get(key, signal)) pieces.push(piece)
  const quarantined = await quarantine(vault.store, key, options.now(), signal)
  await vault.store.put(key, memoryBody(Buffer.concat(pieces)), signal)
  repaired.push({ subject, source: 'vault', from: name, quarantined })
}

async function readable<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (isDamage(error) || isOutOfReach(error)) return null
    throw error
  }
}

const isOutOfReach = (error: unknown): error is AppError =>
  isAppError(error, 'STORE_UNAVAILABLE') || isAppError(error, 'STORE_REFUSED')
