import { isAppError } from '../../model/errors.ts'
import type { ProofOfVault, ReadingPass } from '../../model/proof.ts'
import type { Vault } from '../../vault/vault.ts'
import { latestProofs, writeProof } from '../proofs.ts'
import { createRepair, type Mended } from '../repair/repair.ts'
import { findUses, type Use, withAffected } from './affected.ts'
import { type Checked, checkObjects } from './check-objects.ts'
import { readHeads } from './heads.ts'
import { readManifests } from './manifests.ts'
import { afterRun, positionOf, type ReadingCycle, shareAt } from './reading.ts'
import type { Finding, Lost, LostVersion, VerifyOptions, VerifyReport } from './report.ts'
import { beginCheck, type Check } from './state.ts'

/**
 * Checks a vault against itself, mends what it may, and leaves a record as evidence. Every head is parsed, every
 * manifest unpacked and counted, every object that something needs must be there with its length, and as many bytes as
 * are wished for are read back against their digests. Without `repair` nothing else is changed.
 *
 * Called again, a reading by part goes on where the last record says that it stopped, on whatever machine. Throws
 * what is no finding: a disk that is gone, a vault that cannot be opened, INTERRUPTED.
 */
export async function verify(vault: Vault, options: VerifyOptions, signal: AbortSignal): Promise<VerifyReport> {
  const repair = options.repair === null ? null : createRepair(vault, { hands: options.repair, options, signal })
  const check = beginCheck(vault, { options, repair, signal })
  const before = await latestProofs(vault, signal)
  const cycle = before.cycle ?? { startedAt: check.startedAt.toISOString(), passes: [] }
  await readHeads(check)
  await readManifests(check)
  const suspects = new Set(before.verify?.damaged ?? [])
  const checked = await checkObjects(check, { cycle, suspects })
  const { uses, mended } = await mend(check)
  const verdict = judge(check, mended)
  const reading = readingAfter(options, { cycle, checked, startedAt: check.startedAt })
  const proof = await prove(check, { checked, verdict, reading })
  const { repaired = [] } = repair ?? {}
  return {
    snapshots: check.heads.length,
    objects: checked.objects,
    bytes: checked.bytes,
    read: checked.read,
    bytesRead: checked.bytesRead,
    purged: checked.purged,
    everyByte: reading.everyByte,
    cycle: reading.cycle,
    findings: withAffected(check.findings, uses),
    errors: verdict.errors,
    repaired,
    lost: repair === null ? [] : lostOf(check, { uses, mended }),
    live: null,
    proof,
    durationMs: options.now().getTime() - check.startedAt.getTime(),
  }
}

interface Mending {
  readonly uses: ReadonlyMap<string, Use>
  /** What became of each damaged object, when a repair was asked for. */
  readonly mended: ReadonlyMap<string, Mended>
}

const BEYOND_REPAIR: readonly Finding['code'][] = ['object-not-purged', 'segment-count']
const WRONG_BYTES: readonly Finding['code'][] = ['object-corrupt', 'segment-unreadable']
const isOfObject = ({ subject }: Finding): boolean => /^[0-9a-f]{64}$/.test(subject)

async function mend(check: Check): Promise<Mending> {
  const { repair, findings, options } = check
  const damaged = new Set(findings.filter(isOfObject).map(({ subject }) => subject))
  const done = new Set((repair?.repaired ?? []).map(({ subject }) => subject))
  const uses = await findUses(check, damaged)
  const mended = new Map<string, Mended>()
  if (repair === null) return { uses, mended }
  const newest = new Set(newestOf(check).map(({ id }) => id))
  const wanted = findings.filter((f) => isOfObject(f) && !done.has(f.subject) && !BEYOND_REPAIR.includes(f.code))
  for (const [i, { subject }] of wanted.entries()) {
    const progress = { phase: 'repair', done: i, total: wanted.length, bytes: 0, totalBytes: 0 } as const
    options.listen({ type: 'progress', progress })
    if (!mended.has(subject)) mended.set(subject, await repair.object(subject, uses.get(subject) ?? null, newest))
  }
  return { uses, mended }
}

/** The newest snapshot of each account. */
function newestOf({ heads }: Check): readonly { readonly cloud: string; readonly id: string }[] {
  const newest = new Map<string, string>()
  for (const { snapshot } of heads) newest.set(snapshot.cloud, snapshot.id)
  return [...newest].map(([cloud, id]) => ({ cloud, id }))
}

interface Verdict {
  readonly errors: number
  /** Objects with wrong bytes that still lie under their names. */
  readonly damaged: readonly string[]
}

function judge({ findings, repair }: Check, mended: Mending['mended']): Verdict {
  const repaired = new Set((repair?.repaired ?? []).map(({ subject }) => subject))
  const open = findings.filter(({ subject }) => !repaired.has(subject))
  return {
    errors: open.filter(({ severity }) => severity === 'error').length,
    damaged: open
      .filter(({ code, subject }) => WRONG_BYTES.includes(code) && mended.get(subject)?.kind !== 'lost')
      .map(({ subject }) => subject),
  }
}

function lostOf(check: Check, { uses, mended }: Mending): readonly Lost[] {
  const repaired = new Set((check.repair?.repaired ?? []).map(({ subject }) => subject))
  const objects = [...mended].flatMap(([subject, outcome]): Lost[] => {
    const use = uses.get(subject)
    if (outcome.kind !== 'lost' || use === undefined) return []
    const { quarantined, mayReturn } = outcome
    const versions = [...use.versions.values()].map(
      ({ cloud, assetId, version, publicId, resourceType, type, capturedAt, snapshots }): LostVersion => ({
        ...{ cloud, assetId, version, publicId, resourceType, type, capturedAt },
        snapshots: [...snapshots],
      }),
    )
    return [{ subject, what: use.what, versions, snapshots: [...use.snapshots], quarantined, mayReturn }]
  })
  const heads = check.findings
    .filter(({ code }) => code === 'snapshot-missing' || code === 'snapshot-unreadable')
    .filter(({ subject }) => !repaired.has(subject))
    .map(({ subject }): Lost => {
      const id = /Z-([^/]+)\.json$/.exec(subject)?.[1] ?? subject
      return { subject, what: 'snapshot', versions: [], snapshots: [id], quarantined: null, mayReturn: null }
    })
  return [...heads, ...objects]
}

interface Reading {
  readonly everyByte: boolean
  readonly cycleStartedAt: string | null
  readonly passes: readonly ReadingPass[] | null
  readonly cycle: VerifyReport['cycle']
}

function readingAfter(
  { read }: VerifyOptions,
  { cycle, checked, startedAt }: { cycle: ReadingCycle; checked: Checked; startedAt: Date },
): Reading {
  if (read.kind === 'none') return { everyByte: false, cycleStartedAt: null, passes: null, cycle: null }
  if (read.kind === 'all') return { everyByte: true, cycleStartedAt: null, passes: null, cycle: null }
  const { reached } = checked
  if (reached === null) {
    const { startedAt: since } = cycle
    return { everyByte: true, cycleStartedAt: since, passes: null, cycle: { startedAt: since, share: 1 } }
  }
  const after = afterRun(cycle, { at: startedAt.toISOString(), reached })
  return {
    everyByte: false,
    cycleStartedAt: after.startedAt,
    passes: after.passes,
    cycle: { startedAt: after.startedAt, share: shareAt(positionOf(after)) },
  }
}

/** Leaves the evidence. A vault that cannot be written (a read-only disk, a full one) is checked all the same. */
async function prove(
  check: Check,
  { checked, verdict, reading }: { checked: Checked; verdict: Verdict; reading: Reading },
): Promise<string | null> {
  const { options, startedAt } = check
  const at = options.now()
  const proof: ProofOfVault = {
    format: 1,
    id: options.newId(),
    at: at.toISOString(),
    kind: 'verify',
    tool: options.tool,
    snapshots: newestOf(check),
    objects: checked.objects,
    objectsRead: checked.read,
    bytes: checked.bytes,
    bytesRead: checked.bytesRead,
    errors: verdict.errors,
    everyByte: reading.everyByte,
    cycleStartedAt: reading.cycleStartedAt,
    assetsRestored: null,
    durationMs: at.getTime() - startedAt.getTime(),
    ...(reading.passes !== null && { passes: reading.passes }),
    ...(verdict.damaged.length > 0 && { damaged: verdict.damaged }),
  }
  try {
    return await writeProof(check.vault, proof)
  } catch (error) {
    if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
    options.listen({ type: 'note', message: `no record of this check could be left: ${error.message}` })
    return null
  }
}
