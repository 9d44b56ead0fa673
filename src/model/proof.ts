import { amount, count, fieldsOf, flag, invalid, list, maybe, oneOf, text, time } from './shape.ts'

/**
 * Evidence that what the vault holds was read back: `proofs/<time>-<id>.json`, written by verify and by drill.
 * `status` answers from these and not from exit codes.
 */
export interface ProofOfVault {
  readonly format: 1
  readonly id: string
  readonly at: string
  readonly kind: 'verify' | 'drill'
  readonly tool: string
  /** What was looked at: newest snapshot of each account at that time. */
  readonly snapshots: readonly { readonly cloud: string; readonly id: string }[]
  /** Objects there, and how many of them had their bytes read and hashed. */
  readonly objects: number
  readonly objectsRead: number
  readonly bytes: number
  readonly bytesRead: number
  /** Findings of severity error, after repair when there was one. */
  readonly errors: number
  /** True when, together with the proofs before it in the same cycle, every byte has been read. */
  readonly everyByte: boolean
  /** When the cycle of reading by part began; null when everything was read in one go or nothing was. */
  readonly cycleStartedAt: string | null
  /** Drills only: how many assets were restored and compared. */
  readonly assetsRestored: number | null
  readonly durationMs: number
}

/** Checks a record as `readRecord` gives it. Throws VAULT_INVALID. */
export const decodeProof = (value: unknown): ProofOfVault => {
  const fields = fieldsOf(value, 'the proof')
  if (fields['format'] !== 1) throw invalid('format', fields['format'], '1')
  return {
    format: 1,
    id: text(fields, 'id'),
    at: time(fields, 'at'),
    kind: oneOf(fields, 'kind', ['verify', 'drill']),
    tool: text(fields, 'tool'),
    snapshots: list(fields, 'snapshots').map((one) => {
      const snapshot = fieldsOf(one, 'a snapshot')
      return { cloud: text(snapshot, 'cloud'), id: text(snapshot, 'id') }
    }),
    objects: count(fields, 'objects'),
    objectsRead: count(fields, 'objectsRead'),
    bytes: count(fields, 'bytes'),
    bytesRead: count(fields, 'bytesRead'),
    errors: count(fields, 'errors'),
    everyByte: flag(fields, 'everyByte'),
    cycleStartedAt: maybe(fields, 'cycleStartedAt', time),
    assetsRestored: maybe(fields, 'assetsRestored', count),
    durationMs: amount(fields, 'durationMs'),
  }
}
