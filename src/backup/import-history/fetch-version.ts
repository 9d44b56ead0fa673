import { join } from 'node:path'
import type { BackupVersion } from '../../cloudinary/reader.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { backOff, pause } from '../../lib/retry.ts'
import type { Throttle } from '../../lib/throttle.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import { createPart, type Part } from '../part.ts'
import type { ImportRun } from './import-state.ts'
import type { Received } from './journal.ts'

/** For what may pass: broken connections, 5xx, bodies that came short or wrong. */
const TRIES = 4
const BETWEEN_TRIES = { firstMs: 200, maxMs: 30_000 }
const LONGEST_PAUSE_MS = 300_000

export interface VersionRef {
  readonly assetId: string
  /** For messages. */
  readonly name: string
  readonly version: BackupVersion
}

/**
 * Brings the bytes of one version into the vault. What a killed run had brought there already is found by the journal;
 * what it had in scratch is continued. Throws the DOWNLOAD_ errors and DOWNLOAD_MISMATCH when the length is not the
 * stated one.
 */
export async function fetchVersion(run: ImportRun, throttle: Throttle, ref: VersionRef): Promise<Received> {
  const { deps, journal, signal } = run
  const { assetId, version } = ref
  const before = journal.received(assetId, version.versionId)
  const isThere = before !== null && (await deps.vault.statObject(before.object, signal))?.size === before.size
  if (isThere) return before
  const part = await createPart(version.size, join(deps.scratch, scratchName(ref)))
  try {
    await receiveWhole(run, throttle, { ...ref, part })
    const { sha256, md5 } = await part.digest()
    const received = { object: sha256, size: part.length, md5 }
    await journal.noteReceived(assetId, version.versionId, received)
    await deps.vault.putObject(sha256, part.body(), signal)
    return received
  } finally {
    await (signal.aborted ? part.suspend() : part.discard())
  }
}

/** The name is the same on every run, so that a large body goes on where a killed run left it. */
const scratchName = ({ assetId, version }: VersionRef): string =>
  `${sha256Hex(`backup ${assetId} ${version.versionId}`).slice(0, 32)}.part`

interface Receiving extends VersionRef {
  readonly part: Part
}

async function receiveWhole(run: ImportRun, throttle: Throttle, receiving: Receiving): Promise<void> {
  const { deps, signal } = run
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await receive(run, throttle, receiving)
    } catch (error) {
      if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
      if (error.code === 'DOWNLOAD_MISMATCH') await receiving.part.reset()
      // A body of another length may be the network's doing, so it is asked for once more.
      if (error.permanent || attempt >= (error.code === 'DOWNLOAD_MISMATCH' ? 2 : TRIES)) throw error
      const asked = Math.min(LONGEST_PAUSE_MS, (error.resumeAt ?? 0) - deps.now().getTime())
      const delayMs = Math.max(backOff(attempt, BETWEEN_TRIES, Math.random()), asked)
      deps.listen({ type: 'retry', what: receiving.name, attempt, delayMs, reason: error.message })
      await pause(delayMs, signal)
    }
  }
}

/** What has come stays in the part, and the next attempt asks for the rest only. */
async function receive(run: ImportRun, throttle: Throttle, { assetId, version, part }: Receiving): Promise<void> {
  const { size } = version
  if (size !== null && part.length > size) await part.reset()
  if (size !== null && part.length === size && size > 0) return
  const opened = await run.deps.reader.openBackup(assetId, version.versionId, { offset: part.length }, run.signal)
  try {
    if (opened.start !== part.length) await part.reset()
    if (opened.start !== part.length) throw broken('another range came than was asked for')
    if (size !== null && opened.total !== null && opened.total !== size)
      throw mismatch(size, `${opened.total} bytes are offered`)
    const total = size ?? opened.total
    for await (const chunk of opened.body) {
      if (total !== null && part.length + chunk.length > total) throw mismatch(total, `more than that came`)
      await part.append(chunk)
      await throttle(chunk.length, run.signal)
    }
    if (total !== null && part.length < total)
      throw broken(`the connection ended after ${part.length} of ${total} bytes`)
  } finally {
    opened.destroy()
  }
}

const broken = (reason: string): AppError => new AppError('DOWNLOAD_UNAVAILABLE', reason, { permanent: false })

const mismatch = (size: number, saw: string): AppError =>
  new AppError('DOWNLOAD_MISMATCH', `Cloudinary states ${size} bytes, and ${saw}`, { permanent: false })
