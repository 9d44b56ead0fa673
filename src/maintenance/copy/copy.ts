import { createDigestSet } from '../../lib/digest-set.ts'
import type { Purge } from '../../model/purge.ts'
import type { Vault } from '../../vault/vault.ts'
import { copyHeads, copyRecords, type Heads } from './heads.ts'
import { lookForLacking } from './look.ts'
import { readManifests, readPurges, versionKey } from './manifests.ts'
import { copyObjects } from './objects.ts'
import type { CopyFinding, CopyOptions, CopyReport } from './report.ts'
import type { Copying } from './state.ts'

/**
 * Brings everything of one vault into another that it lacks, and takes nothing away there. Killed at any point it can
 * be called again and copies the rest. The caller holds the target's locks; the source needs none.
 */
export async function copyVault(
  source: Vault,
  target: Vault,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<CopyReport> {
  const started = options.now().getTime()
  const copying = begin(source, target, options, signal)
  const purges = await readPurges(copying, source)
  for (const purge of [...purges, ...(await readPurges(copying, target))]) {
    for (const version of purge.versions) copying.purged.add(versionKey(version))
  }
  // Before the heads, so that the target knows at every moment which absence is meant.
  const purgeRecords = await copyRecords(copying, ['purges'])
  const manifests = await readManifests(copying)
  const { there, lackingBytes } = await lookForLacking(copying, manifests)
  const { copied, bytes } = options.dryRun
    ? { copied: copying.lacking.size, bytes: lackingBytes }
    : await copyObjects(copying, lackingBytes)
  const heads = await copyHeads(copying, manifests)
  const records = await copyRecords(copying, ['pins', 'prunes', 'restores'])
  return {
    source: source.identity.id,
    target: target.identity.id,
    heads: manifests.length,
    headsWritten: heads.written,
    headsThere: heads.there,
    headsLeftOut: heads.incomplete.filter(({ written }) => !written).length,
    objects: copying.needed.size,
    copied,
    copiedBytes: bytes,
    there,
    records: purgeRecords + records,
    purgedVersions: copying.purged.size,
    purgedInTarget: await countPurgedInTarget(copying, purges),
    findings: [...copying.findings, ...namedLosses(copying, heads)],
    incomplete: heads.incomplete,
    dryRun: options.dryRun,
    durationMs: options.now().getTime() - started,
  }
}

const begin = (source: Vault, target: Vault, options: CopyOptions, signal: AbortSignal): Copying => ({
  source,
  target,
  options,
  signal,
  needed: createDigestSet(),
  lacking: createDigestSet(),
  lost: new Map(),
  purged: new Set(),
  findings: [],
})

/** Losses that some head needs; what only a head needed that was pruned meanwhile is none. */
function namedLosses({ lost }: Copying, { affected }: Heads): readonly CopyFinding[] {
  return [...lost].flatMap(([subject, { code, message }]) => {
    const affects = affected.get(subject)
    return affects === undefined ? [] : [{ code, subject, message, affects }]
  })
}

/** A purge here takes nothing away there; whoever purges must know where the bytes still are. */
async function countPurgedInTarget(
  { source, target, needed, signal }: Copying,
  purges: readonly Purge[],
): Promise<number> {
  const removed = new Set<string>()
  for (const { versions } of purges) {
    for (const { object, objectRemoved } of versions) {
      if (object !== null && objectRemoved && !needed.has(object)) removed.add(object)
    }
  }
  let count = 0
  for (const digest of removed) {
    const isHere = (await source.statObject(digest, signal)) !== null
    if (!isHere && (await target.statObject(digest, signal)) !== null) count += 1
  }
  return count
}
