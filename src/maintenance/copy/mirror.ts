import { createCrew } from '../../lib/crew.ts'
import { AppError } from '../../model/errors.ts'
import { IDENTITY_KEY } from '../../vault/identity.ts'
import type { Body, Bytes, Store } from '../../vault/store.ts'
import type { CopyOptions, CopyReport } from './report.ts'

/** Two copies of one vault, as they lie in their places: encrypted, if they are. */
export interface Mirrored {
  readonly source: Store
  readonly target: Store
  /** Of the source. */
  readonly vaultId: string
  /** Of what is in the target; null when nothing is. */
  readonly targetId: string | null
}

interface Counts {
  objects: number
  copied: number
  bytes: number
  there: number
  headsWritten: number
  headsThere: number
  records: number
}

const HEAD = /^accounts\/[^/]+\/snapshots\//
/** Rehearsals, like proofs, speak of the place that was looked at, and of no other. */
const EVIDENCE = /^accounts\/[^/]+\/drills\//
/** Objects before what names them, and what makes the place a vault at the very end. */
const SHELVES = Array.from({ length: 256 }, (_, n) => `objects/${n.toString(16).padStart(2, '0')}/`)
const PASSES: readonly { readonly prefix: string; readonly takes: (key: string) => boolean }[] = [
  ...SHELVES.map((prefix) => ({ prefix, takes: () => true })),
  { prefix: 'keys/', takes: () => true },
  { prefix: 'README.txt', takes: () => true },
  { prefix: 'accounts/', takes: (key) => !HEAD.test(key) && !EVIDENCE.test(key) },
  { prefix: 'accounts/', takes: (key) => HEAD.test(key) },
  { prefix: IDENTITY_KEY, takes: () => true },
]

/**
 * Brings every file of a vault into another place as it is, without reading what it says: the way for a machine that can
 * write an encrypted vault and not read it. Takes nothing away and overwrites nothing; what is there with another length
 * is an error by name. Killed at any point it can be called again. Nothing but lengths and the stores' own checksums is
 * proven on the way: whoever has a key of the vault proves the rest with `verify`.
 *
 * Throws VAULT_INVALID when another vault is in the target.
 */
export async function mirrorVault(
  { source, target, vaultId, targetId }: Mirrored,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<CopyReport> {
  if (targetId !== null && targetId !== vaultId) {
    throw new AppError('VAULT_INVALID', `the target is another vault (${targetId}), not a copy of ${vaultId}`, {
      hint: 'choose an empty place; to bring what is readable into another vault give a key of this one',
    })
  }
  const started = options.now().getTime()
  const counts = { objects: 0, copied: 0, bytes: 0, there: 0, headsWritten: 0, headsThere: 0, records: 0 }
  const findings: CopyReport['findings'][number][] = []
  for (const { prefix, takes } of PASSES) {
    const there = new Map<string, number>()
    for await (const { key, size } of target.list(prefix, signal)) there.set(key, size)
    const crew = createCrew(options.concurrency)
    await crew.each(source.list(prefix, signal), async ({ key, size }) => {
      if (!takes(key)) return
      const found = there.get(key)
      count(counts, key, found === undefined ? size : null)
      if (found !== undefined && found !== size) {
        const message = `${key} has ${found} bytes in the target and ${size} in the source`
        findings.push({ code: 'file-differs', subject: key, message, affects: [] })
      }
      if (found === undefined && !options.dryRun)
        await target.put(key, bodyOf(source, { key, size, signal }), signal, 'create')
      const { objects: done, bytes } = counts
      options.onProgress({ phase: 'objects', done, total: done, bytes, totalBytes: 0 })
    })
  }
  return {
    source: vaultId,
    target: vaultId,
    heads: counts.headsWritten + counts.headsThere,
    headsWritten: counts.headsWritten,
    headsThere: counts.headsThere,
    headsLeftOut: 0,
    objects: counts.objects,
    copied: counts.copied,
    copiedBytes: counts.bytes,
    there: counts.there,
    records: counts.records,
    purgedVersions: 0,
    purgedInTarget: 0,
    findings,
    incomplete: [],
    dryRun: options.dryRun,
    durationMs: options.now().getTime() - started,
  }
}

/** `size`: null for what the target has already. */
function count(counts: Counts, key: string, size: number | null): void {
  const isObject = key.startsWith('objects/')
  if (isObject) counts.objects += 1
  if (isObject && size === null) counts.there += 1
  if (size !== null) counts.bytes += size
  if (isObject && size !== null) counts.copied += 1
  if (HEAD.test(key)) counts[size === null ? 'headsThere' : 'headsWritten'] += 1
  else if (!isObject && size !== null) counts.records += 1
}

const bodyOf = (source: Store, { key, size, signal }: { key: string; size: number; signal: AbortSignal }): Body => ({
  size,
  async *open(): Bytes {
    yield* await source.get(key, signal)
  },
})
