import {
  amount,
  count,
  digest,
  type Fields,
  fieldsOf,
  flag,
  invalid,
  isGiven,
  list,
  maybe,
  oneOf,
  text,
  time,
} from './shape.ts'

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
  /** Reading by part: what has been read since `cycleStartedAt`, in rising order of `upTo`. */
  readonly passes?: readonly ReadingPass[]
  /** Objects whose bytes were found wrong and are not mended: looked at again by every check until they are. */
  readonly damaged?: readonly string[]
}

/** Every object up to this digest (and after the pass before it) that was there at this time has been read. */
export interface ReadingPass {
  readonly upTo: string
  readonly at: string
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
    ...(isGiven(fields, 'passes') && { passes: list(fields, 'passes').map(decodePass) }),
    ...(isGiven(fields, 'damaged') && { damaged: decodeDigests(fields, 'damaged') }),
  }
}

const decodePass = (value: unknown): ReadingPass => {
  const fields = fieldsOf(value, 'a pass')
  return { upTo: digest(fields, 'upTo'), at: time(fields, 'at') }
}

const decodeDigests = (fields: Fields, name: string): readonly string[] =>
  list(fields, name).map((one) => digest({ [name]: one }, name))
