import { createDigestSet, type DigestSet } from '../lib/digest-set.ts'
import { derivedRows } from '../model/derived.ts'
import type { Entry } from '../model/entry.ts'
import { isAppError } from '../model/errors.ts'
import type { Snapshot, StoredSnapshot } from '../model/snapshot.ts'
import type { Vault } from '../vault/vault.ts'
import { checkObjects } from './check-objects.ts'
import { prunedSnapshots } from './prune-records.ts'
import type { Finding, VerifyOptions, VerifyReport } from './report.ts'

/**
 * Checks a vault against itself and changes nothing. Every snapshot's head is parsed, every segment unpacked and
 * counted, and every object that a snapshot needs must be there with the bytes that its name promises.
 */
export async function verify(vault: Vault, options: VerifyOptions, signal: AbortSignal): Promise<VerifyReport> {
  const started = options.now().getTime()
  const findings: Finding[] = []
  const needed = createDigestSet()
  const snapshots = await readHeads(vault, findings, signal)
  await readManifests(vault, snapshots, { findings, needed, options, signal })
  const objects = await checkObjects(vault, { needed, findings, options, signal })
  return {
    snapshots: snapshots.length,
    ...objects,
    findings: await nameAffected(vault, snapshots, findings, signal),
    durationMs: options.now().getTime() - started,
  }
}

async function readHeads(vault: Vault, findings: Finding[], signal: AbortSignal): Promise<readonly StoredSnapshot[]> {
  const heads: StoredSnapshot[] = []
  for (const cloud of await vault.clouds(signal)) {
    const ids = new Set<string>(await prunedSnapshots(vault, cloud, signal))
    for (const key of await vault.snapshotKeys(cloud, signal)) {
      try {
        const stored = await vault.readSnapshot(key, signal)
        heads.push(stored)
        ids.add(stored.snapshot.id)
        const { parent } = stored.snapshot
        if (parent !== null && !ids.has(parent)) {
          findings.push(
            finding('warning', 'snapshot-parent-missing', key, `the snapshot's parent ${parent} is not in the vault`),
          )
        }
      } catch (error) {
        if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
        findings.push(finding('error', 'snapshot-unreadable', key, error.message))
      }
    }
  }
  return heads
}

const finding = (severity: Finding['severity'], code: Finding['code'], subject: string, message: string): Finding => ({
  severity,
  code,
  subject,
  message,
  affects: [],
})

interface Reading {
  readonly findings: Finding[]
  readonly needed: DigestSet
  readonly options: VerifyOptions
  readonly signal: AbortSignal
}

/** Segments are shared between snapshots, so each is read once. */
async function readManifests(vault: Vault, heads: readonly StoredSnapshot[], reading: Reading): Promise<void> {
  const { needed, options, signal } = reading
  const read = createDigestSet()
  for (const [i, { key, snapshot }] of heads.entries()) {
    options.onProgress({ phase: 'snapshots', done: i, total: heads.length, bytes: 0, totalBytes: 0 })
    for (const object of partsOf(snapshot)) needed.add(object)
    for (const ref of snapshot.segments) {
      needed.add(ref.object)
      if (read.has(ref.object)) continue
      read.add(ref.object)
      await readSegment(vault, { key, digest: ref.object, entries: ref.entries, prefix: ref.prefix }, reading)
    }
    signal.throwIfAborted()
  }
}

const partsOf = (snapshot: Snapshot): readonly string[] =>
  [snapshot.folders, snapshot.configuration, snapshot.failures].filter((digest) => digest !== null)

async function readSegment(
  vault: Vault,
  segment: { key: string; digest: string; entries: number; prefix: string },
  { findings, needed, signal }: Reading,
): Promise<void> {
  let entries = 0
  try {
    for await (const entry of vault.readSegment(segment.digest, signal)) {
      entries += 1
      for (const object of objectsOf(entry)) needed.add(object)
    }
  } catch (error) {
    if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
    findings.push(
      finding(
        'error',
        'segment-unreadable',
        segment.digest,
        `segment "${segment.prefix}" of ${segment.key}: ${error.message}`,
      ),
    )
    return
  }
  if (entries !== segment.entries) {
    const message = `segment "${segment.prefix}" of ${segment.key} holds ${entries} assets, its head says ${segment.entries}`
    findings.push(finding('error', 'segment-count', segment.digest, message))
  }
}

/** The original's bytes, and those of derived assets that were asked for. */
const objectsOf = (entry: Entry): readonly string[] =>
  [entry.object, ...derivedRows(entry.raw.details).map((derived) => derived.object)].filter((object) => object !== null)

/** How many assets are named with a finding. */
const NAMED = 5

/** Says which assets need what is wrong. Reads the segments again, but only when something is wrong. */
async function nameAffected(
  vault: Vault,
  heads: readonly StoredSnapshot[],
  findings: readonly Finding[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const objects = new Map(
    findings.filter((f) => f.code.startsWith('object-')).map((f) => [f.subject, [] as Finding['affects'][number][]]),
  )
  if (objects.size === 0) return findings
  const read = new Set<string>()
  for (const { snapshot } of heads) {
    for (const ref of snapshot.segments) {
      if (read.has(ref.object)) continue
      read.add(ref.object)
      try {
        for await (const entry of vault.readSegment(ref.object, signal)) {
          for (const object of objectsOf(entry)) {
            const list = objects.get(object)
            if (list === undefined || list.length >= NAMED) continue
            list.push({ cloud: snapshot.cloud, publicId: entry.publicId, snapshot: snapshot.id })
          }
        }
      } catch (error) {
        if (!isAppError(error) || error.code === 'INTERRUPTED') throw error // told of already
      }
    }
  }
  return findings.map((f) => ({ ...f, affects: objects.get(f.subject) ?? f.affects }))
}
