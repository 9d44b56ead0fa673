import type { Json } from '../../model/json.ts'
import { amount, count, fieldsOf, flag, invalid, list, maybe, oneOf, text, time } from '../../model/shape.ts'
import type { Vault } from '../../vault/vault.ts'
import { tellsNothing } from '../restorable/point.ts'

/** What a rehearsal of one account showed: `accounts/<cloud>/drills/<time>-<id>.json`. */
export interface DrillRecord {
  readonly format: 1
  readonly id: string
  readonly cloud: string
  /** When it ended. */
  readonly at: string
  readonly tool: string
  readonly snapshot: string
  readonly takenAt: string
  /** Draws the same sample again. */
  readonly seed: string
  /** As it was asked for: `20`, `5%`, `all`. */
  readonly sample: string
  /** `FOLDER_TARGET`, or the cloud name of a throw-away account. */
  readonly target: string
  /** Assets of the snapshot that have bytes. */
  readonly restorable: number
  readonly restored: number
  readonly failed: number
  /** Of what was restored and compared. */
  readonly bytes: number
  /** Restoring alone, and everything. */
  readonly restoreMs: number
  readonly durationMs: number
  /** True when every asset with bytes was restored and none failed. */
  readonly everything: boolean
  /** All that failed, and of the others as many as a record should hold. */
  readonly results: readonly DrillResult[]
  /** Results that were right and are not in the list. */
  readonly resultsLeftOut: number
}

export interface DrillResult {
  readonly assetId: string
  readonly publicId: string
  readonly version: string
  /** SHA-256 that the restored bytes were compared with; null when the list of assets itself was lost. */
  readonly object: string | null
  readonly size: number | null
  readonly outcome: 'same' | 'failed'
  readonly code: string | null
  readonly reason: string | null
}

/** The `target` of a rehearsal that took place in a folder. */
export const FOLDER_TARGET = 'a folder'

/** A record is read whole by every later drill. */
export const MOST_RESULTS = 20_000

export const encodeDrill = (record: DrillRecord): Json => ({
  ...record,
  results: record.results.map((result) => ({ ...result })),
})

/** Checks a record as `readRecord` gives it. Throws VAULT_INVALID. */
export const decodeDrill = (value: unknown): DrillRecord => {
  const fields = fieldsOf(value, 'the drill')
  if (fields['format'] !== 1) throw invalid('format', fields['format'], '1')
  return {
    format: 1,
    id: text(fields, 'id'),
    cloud: text(fields, 'cloud'),
    at: time(fields, 'at'),
    tool: text(fields, 'tool'),
    snapshot: text(fields, 'snapshot'),
    takenAt: time(fields, 'takenAt'),
    seed: text(fields, 'seed'),
    sample: text(fields, 'sample'),
    target: text(fields, 'target'),
    restorable: count(fields, 'restorable'),
    restored: count(fields, 'restored'),
    failed: count(fields, 'failed'),
    bytes: count(fields, 'bytes'),
    restoreMs: amount(fields, 'restoreMs'),
    durationMs: amount(fields, 'durationMs'),
    everything: flag(fields, 'everything'),
    results: list(fields, 'results').map(decodeResult),
    resultsLeftOut: count(fields, 'resultsLeftOut'),
  }
}

const decodeResult = (value: unknown): DrillResult => {
  const fields = fieldsOf(value, 'a result')
  return {
    assetId: text(fields, 'assetId'),
    publicId: text(fields, 'publicId'),
    version: text(fields, 'version'),
    object: maybe(fields, 'object', text),
    size: maybe(fields, 'size', count),
    outcome: oneOf(fields, 'outcome', ['same', 'failed']),
    code: maybe(fields, 'code', text),
    reason: maybe(fields, 'reason', text),
  }
}

/** The drills of an account, newest first, read as they are asked for. What cannot be read proves nothing. */
async function* drillsFromNewest(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  cloud: string,
  signal: AbortSignal,
): AsyncGenerator<DrillRecord, void, void> {
  const keys = await vault.recordKeys({ kind: 'drills', cloud }, signal)
  for (const key of [...keys].reverse()) {
    try {
      yield decodeDrill(await vault.readRecord(key, signal))
    } catch (error) {
      if (!tellsNothing(error)) throw error
    }
  }
}

/** Records that are read to judge an account; each may be large. */
const MOST_RECENT = 50

/** The last drill, and those since a time, newest first; null: as far back as is sensible. */
export async function recentDrills(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  { cloud, since }: { readonly cloud: string; readonly since: string | null },
  signal: AbortSignal,
): Promise<readonly DrillRecord[]> {
  const recent: DrillRecord[] = []
  for await (const record of drillsFromNewest(vault, cloud, signal)) {
    const isOld = since !== null && Date.parse(record.at) <= Date.parse(since)
    if (isOld && recent.length > 0) break
    recent.push(record)
    if (isOld || record.everything || recent.length >= MOST_RECENT) break
  }
  return recent
}

/** What earlier drills showed, as far as a new one draws its sample by it. */
export interface DrilledBefore {
  has(asset: { readonly assetId: string; readonly capturedAt: string }): boolean
  /** The snapshot that a drill with this seed used; null for a new seed. */
  readonly snapshot: string | null
}

/** Drills looked back at. */
const LOOKED_BACK = 200

/** With a seed that was used before, only what came before it counts: so the same sample is drawn again. */
export async function drilledBefore(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  { cloud, seed }: { readonly cloud: string; readonly seed: string },
  signal: AbortSignal,
): Promise<DrilledBefore> {
  const records: DrillRecord[] = []
  for await (const record of drillsFromNewest(vault, cloud, signal)) {
    if (record.seed === seed) records.length = 0
    records.push(record)
    if (records.length >= LOOKED_BACK) break
  }
  const again = records[0]?.seed === seed ? records.shift() : undefined
  const drilled = new Set(records.flatMap(({ results }) => results.filter(isSame).map(({ assetId }) => assetId)))
  // Beyond what a record names, a drill of everything covers whatever had been kept by then.
  const covered = records.filter((record) => record.everything).map(({ takenAt }) => takenAt)
  const until = Math.max(Number.NEGATIVE_INFINITY, ...covered.map((at) => Date.parse(at)))
  return {
    has: ({ assetId, capturedAt }) => drilled.has(assetId) || Date.parse(capturedAt) <= until,
    snapshot: again?.snapshot ?? null,
  }
}

const isSame = ({ outcome }: DrillResult): boolean => outcome === 'same'
