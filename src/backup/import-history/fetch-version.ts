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
/** How often a version is downloaded at most when its ETag seems to be an MD5 and disagrees. */
const ROUNDS = 3
/** So many ETags that were no MD5s, and no other is taken for one. */
const ENOUGH_FOREIGN = 3
const MD5 = /^[0-9a-f]{32}$/

export interface VersionRef {
  readonly assetId: string
  /** For messages. */
  readonly name: string
  readonly version: BackupVersion
}

/**
 * Brings the bytes of one version into the vault. What a killed run had brought there already is found by the journal;
 * what it had in scratch is continued. Throws the DOWNLOAD_ errors: DOWNLOAD_MISMATCH when the length is not the stated
 * one, or when other bytes come each time.
 */
export async function fetchVersion(run: ImportRun, throttle: Throttle, ref: VersionRef): Promise<Received> {
  const { deps, journal, signal } = run
  const { assetId, version } = ref
  const before = journal.received(assetId, version.versionId)
  const isThere = before !== null && (await deps.vault.statObject(before.object, signal))?.size === before.size
  if (isThere) return before
  const bounds = { budget: run.scratch.budget, signal }
  const part = await createPart(version.size, join(deps.scratch, scratchName(ref)), bounds)
  try {
    const received = await receiveProven(run, throttle, { ...ref, part })
    await journal.noteReceived(assetId, version.versionId, received)
    await deps.vault.putObject(received.object, part.body(), signal)
    return received
  } finally {
    await (signal.aborted ? part.suspend() : part.discard())
  }
}

/**
 * The account states no MD5 of an earlier version. The ETag of the answer is one on most storages, and on some it only
 * looks like one: then the same bytes come a second time.
 */
async function receiveProven(run: ImportRun, throttle: Throttle, receiving: Receiving): Promise<Received> {
  const { part, version } = receiving
  let before: string | null = null
  for (let round = 1; ; round += 1) {
    const etag = await receiveWhole(run, throttle, receiving)
    const { sha256, md5 } = await part.digest()
    const received = { object: sha256, size: part.length, md5 }
    if (etag === md5) return { ...received, proof: 'md5' }
    const isRepeated = md5 === before
    if (isRepeated) run.live.foreignEtags += 1
    if (isRepeated || etag === null || !MD5.test(etag) || run.live.foreignEtags >= ENOUGH_FOREIGN) {
      return { ...received, proof: version.size === null ? null : 'length' }
    }
    if (round === ROUNDS) throw new AppError('DOWNLOAD_MISMATCH', `other bytes came each of ${ROUNDS} times`)
    before = md5
    await part.reset()
  }
}

/** The name is the same on every run, so that a large body goes on where a killed run left it. */
const scratchName = ({ assetId, version }: VersionRef): string =>
  `${sha256Hex(`backup ${assetId} ${version.versionId}`).slice(0, 32)}.part`

interface Receiving extends VersionRef {
  readonly part: Part
}

/** Returns the ETag of the last answer. */
async function receiveWhole(run: ImportRun, throttle: Throttle, receiving: Receiving): Promise<string | null> {
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
async function receive(
  run: ImportRun,
  throttle: Throttle,
  { assetId, version, part }: Receiving,
): Promise<string | null> {
  const { size } = version
  if (size !== null && part.length > size) await part.reset()
  if (size !== null && part.length === size && size > 0) return null
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
    return opened.etag
  } finally {
    opened.destroy()
  }
}

const broken = (reason: string): AppError => new AppError('DOWNLOAD_UNAVAILABLE', reason, { permanent: false })

const mismatch = (size: number, saw: string): AppError =>
  new AppError('DOWNLOAD_MISMATCH', `Cloudinary states ${size} bytes, and ${saw}`, { permanent: false })
