import { createReadStream } from 'node:fs'
import { lstat, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createHashTap } from '../../lib/hash.ts'
import { isAppError } from '../../model/errors.ts'
import type { Body, Bytes } from '../../vault/store.ts'
import { trashKey } from '../../vault/trash.ts'
import { objectKey, type Vault } from '../../vault/vault.ts'
import type { Use, VersionUse } from '../verify/affected.ts'
import type { RepairSource } from '../verify/report.ts'
import { fromAccount } from './account.ts'
import type { RepairHands } from './hands.ts'

/** A body that may be the one that is missing. Nobody has looked at its bytes yet. */
export interface Candidate {
  readonly source: RepairSource
  /** In words, for people. */
  readonly from: string
  readonly body: Body
  /** Lets go of what it took to have it. */
  discard(): Promise<void>
}

export interface Wanted {
  readonly digest: string
  readonly use: Use | null
}

export interface Asking {
  readonly vault: Vault
  readonly hands: RepairHands
  readonly signal: AbortSignal
  /** Told when a source could not be asked, so that nothing is called lost that may still be had. */
  readonly silent: (reason: string) => void
}

const nothing = (): Promise<void> => Promise.resolve()

/** The places where an object may be had, the nearest first. */
export async function* candidates(asking: Asking, wanted: Wanted): AsyncGenerator<Candidate, void, void> {
  yield* fromTrash(asking, wanted)
  const versions = [...(wanted.use?.versions.values() ?? [])]
  yield* fromLibrary(asking, wanted, versions)
  yield* fromOthers(asking, wanted)
  yield* fromAccount(
    asking,
    wanted,
    versions.filter(({ isOriginal }) => isOriginal),
  )
}

/** Lists of assets are in no library and in no account. */
export async function* listCandidates(asking: Asking, wanted: Wanted): AsyncGenerator<Candidate, void, void> {
  yield* fromTrash(asking, wanted)
  yield* fromOthers(asking, wanted)
}

async function* fromTrash({ vault, signal }: Asking, { digest }: Wanted): AsyncGenerator<Candidate, void, void> {
  const key = trashKey(digest)
  const found = await vault.store.stat(key, signal)
  if (found === null) return
  const body = { size: found.size, open: () => opened(() => vault.store.get(key, signal)) }
  yield { source: 'trash', from: key, body, discard: nothing }
}

async function* fromLibrary(
  { hands }: Asking,
  { digest }: Wanted,
  versions: readonly VersionUse[],
): AsyncGenerator<Candidate, void, void> {
  if (hands.root === null) return
  const object = await stat(join(hands.root, objectKey(digest))).catch(() => null)
  for (const { cloud, path, size } of versions) {
    if (path === null) continue
    const file = join(hands.root, 'library', cloud, path)
    const found = await lstat(file).catch(() => null)
    if (found?.isFile() !== true || found.size !== size) continue
    // Another name of the damaged file holds the same damage.
    if (object !== null && object.ino === found.ino && object.dev === found.dev) continue
    const body = { size: found.size, open: (): Bytes => createReadStream(file, { highWaterMark: 256 * 1024 }) }
    yield { source: 'library', from: `library/${cloud}/${path}`, body, discard: nothing }
  }
}

async function* fromOthers(
  { hands, signal, silent }: Asking,
  { digest }: Wanted,
): AsyncGenerator<Candidate, void, void> {
  for (const { name, vault } of hands.others) {
    const found = await vault.statObject(digest, signal).catch((error: unknown) => {
      if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
      silent(`${name}: ${error.message}`)
      return null
    })
    if (found === null) continue
    const body = { size: found.size, open: () => opened(() => vault.openObject(digest, signal)) }
    yield { source: 'vault', from: name, body, discard: nothing }
  }
}

async function* opened(open: () => Promise<Bytes>): AsyncGenerator<Uint8Array, void, void> {
  yield* await open()
}

/** Reads the whole body: true when its bytes are what the digest says. */
export async function isRight({ body, from }: Candidate, digest: string, silent: Asking['silent']): Promise<boolean> {
  const tap = createHashTap({ md5: false })
  try {
    for await (const piece of body.open()) tap.update(piece)
  } catch (error) {
    if (isAppError(error, 'INTERRUPTED') || (!isAppError(error) && !isDiskError(error))) throw error
    if (!isAppError(error, 'OBJECT_CORRUPT') && !isAppError(error, 'OBJECT_NOT_FOUND'))
      silent(`${from}: ${error instanceof Error ? error.message : String(error)}`)
    return false
  }
  const { sha256, size } = tap.finish()
  return sha256 === digest && size === body.size
}

const isDiskError = (error: unknown): boolean => error instanceof Error && 'code' in error
