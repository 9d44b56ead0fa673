import { join } from 'node:path'
import { createPart, type Part } from '../../backup/part.ts'
import type { AccountReader, BackupHistory, OpenedBody } from '../../cloudinary/reader.ts'
import { isAppError } from '../../model/errors.ts'
import type { VersionUse } from '../verify/affected.ts'
import type { Asking, Candidate, Wanted } from './sources.ts'

/**
 * What the account may still have: the current original, when it has the length and the MD5 of the kept version, and
 * the versions in Cloudinary's own backup. One Admin API call an asset; downloads are not counted.
 */
export async function* fromAccount(
  asking: Asking,
  { digest }: Wanted,
  versions: readonly VersionUse[],
): AsyncGenerator<Candidate, void, void> {
  const { reader } = asking.hands
  if (versions.length === 0) return
  if (reader === null) return asking.silent('the account was not asked: there are no credentials')
  const here = versions.filter(({ cloud }) => cloud === reader.account.cloud)
  if (here.length < versions.length && here.length === 0)
    return asking.silent(`the account ${versions[0]?.cloud} was not asked: the credentials are of another`)
  for (const version of latestOfEach(here)) {
    const history = await ask(asking, () => reader.backupHistory(version, asking.signal))
    if (history === null) continue
    for (const { open, source, from } of waysTo(reader, version, history, asking.signal)) {
      const candidate = await download(asking, { digest, version, open })
      if (candidate !== null) yield { ...candidate, source, from }
    }
  }
}

/** Several recorded versions of an asset may share the bytes, and one question about the asset answers for all. */
function latestOfEach(versions: readonly VersionUse[]): readonly VersionUse[] {
  const latest = new Map<string, VersionUse>()
  for (const version of versions) latest.set(version.assetId, version)
  return [...latest.values()]
}

interface Way extends Pick<Candidate, 'source' | 'from'> {
  readonly open: (offset: number) => Promise<OpenedBody>
}

function waysTo(
  reader: AccountReader,
  version: VersionUse,
  { row, versions }: BackupHistory,
  signal: AbortSignal,
): readonly Way[] {
  const { facts, placeholder } = row
  const isCurrent =
    !placeholder &&
    (facts.bytes === null || version.size === null || facts.bytes === version.size) &&
    (facts.etag === null || version.md5 === null || facts.etag === version.md5)
  const name = `${version.resourceType}/${version.type}/${version.publicId}`
  const current: Way[] = reader.sources(facts).map((source) => ({
    source: 'account',
    from: `the original of ${name}`,
    open: (offset) => reader.openSource(facts, source, { offset, etag: null }, signal),
  }))
  const isExact = (one: BackupHistory['versions'][number]): boolean =>
    one.versionId === version.versionId || one.cldVersion === version.cldVersion
  const fitting = versions.filter(
    (one) => one.restorable && (one.size === null || version.size === null || one.size === version.size),
  )
  const backups = [...fitting.filter(isExact), ...fitting.filter((one) => !isExact(one))].map(
    ({ versionId }): Way => ({
      source: 'backup',
      from: `Cloudinary's backup of ${name}`,
      open: (offset) => reader.openBackup(version.assetId, versionId, { offset }, signal),
    }),
  )
  return isCurrent ? [...current, ...backups] : backups
}

/** Null when the bytes are others, or cannot be had now. What came right lies in scratch until it is discarded. */
async function download(
  asking: Asking,
  { digest, version, open }: { readonly digest: string; readonly version: VersionUse; readonly open: Way['open'] },
): Promise<Pick<Candidate, 'body' | 'discard'> | null> {
  const part = await createPart(version.size, join(asking.hands.scratch, `repair-${digest.slice(0, 32)}.part`))
  const came = await ask(asking, async () => {
    await part.reset()
    await receive(part, await open(0))
    return await part.digest()
  }).catch(async (error: unknown) => {
    await part.discard()
    throw error
  })
  if (came?.sha256 === digest) return { body: part.body(), discard: () => part.discard() }
  await part.discard()
  return null
}

async function receive(part: Part, opened: OpenedBody): Promise<void> {
  try {
    for await (const piece of opened.body) await part.append(piece)
  } finally {
    opened.destroy()
  }
}

/** A refusal is an answer; a time-out or a limit is none, and is told. */
async function ask<T>({ silent }: Asking, question: () => Promise<T>): Promise<T | null> {
  try {
    return await question()
  } catch (error) {
    if (!isAppError(error) || error.code === 'INTERRUPTED' || error.code.startsWith('STORE_')) throw error
    if (error.code === 'DOWNLOAD_REFUSED' || error.code === 'DOWNLOAD_MISMATCH' || error.code === 'RESOURCE_NOT_FOUND')
      return null
    silent(error.message)
    return null
  }
}
