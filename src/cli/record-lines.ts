import { decodePrune } from '../maintenance/prune/records.ts'
import { isAppError } from '../model/errors.ts'
import { decodeHistoryHead } from '../model/history.ts'
import { decodePurge, type Purge } from '../model/purge.ts'
import { count, type Fields, fieldsOf, flag, isGiven, maybe, text, time } from '../model/shape.ts'
import type { RecordKind } from '../vault/records.ts'
import type { Vault } from '../vault/vault.ts'
import { formatBytes, plural, safe } from './format.ts'

/** One thing that was done, as the log tells it. */
export interface RecordLine {
  readonly at: string
  /** What kind of NDJSON line it is. */
  readonly type: 'purge' | 'prune' | 'import' | 'retention' | 'restore' | 'drill'
  readonly mark: 'ok' | 'warn' | 'bad'
  /** For people, safe to print. */
  readonly words: string
  readonly fields: object
}

type Records = Pick<Vault, 'recordKeys' | 'readRecord'>

/** What `log` tells beside snapshots and runs, and how each kind is read. */
const KINDS: readonly (readonly [RecordKind, (value: unknown) => RecordLine | null])[] = [
  ['purges', (value) => purgeLine(decodePurge(value))],
  ['prunes', pruneLine],
  ['history', historyLine],
  ['restores', restoreLine],
  ['drills', drillLine],
]

/**
 * The newest records of an account, so many of each kind at most, in any order. One that cannot be read is told as
 * such: a log must not stop at it.
 */
export async function recordLines(
  vault: Records,
  of: { readonly cloud: string; readonly limit: number; readonly signal: AbortSignal },
): Promise<readonly RecordLine[]> {
  const lines: RecordLine[] = []
  for (const [kind, read] of KINDS) {
    const keys = await vault.recordKeys({ kind, cloud: of.cloud }, of.signal)
    // A restore writes two records, of which one is told.
    for (const key of keys.slice(-2 * of.limit)) {
      const line = await lineOf(vault, { kind, key, read, signal: of.signal })
      if (line !== null) lines.push(line)
    }
  }
  return withoutBegun(lines)
}

async function lineOf(
  vault: Records,
  of: {
    readonly kind: RecordKind
    readonly key: string
    readonly read: (value: unknown) => RecordLine | null
    readonly signal: AbortSignal
  },
): Promise<RecordLine | null> {
  try {
    return of.read(await vault.readRecord(of.key, of.signal))
  } catch (error) {
    // Rewritten, as prune does with what it retains, since it was listed.
    if (isAppError(error, 'OBJECT_NOT_FOUND')) return null
    if (!isAppError(error, 'VAULT_INVALID') && !isAppError(error, 'KEY_MISSING')) throw error
    const type = TYPE_OF[of.kind]
    return {
      at: timeOf(of.key),
      type,
      mark: 'bad',
      words: `a record of a ${type} that cannot be read: ${safe(error.message)}`,
      fields: { key: of.key, error: error.message },
    }
  }
}

const TYPE_OF: Readonly<Record<RecordKind, RecordLine['type']>> = {
  purges: 'purge',
  prunes: 'prune',
  pins: 'retention',
  history: 'import',
  restores: 'restore',
  drills: 'drill',
}

/** The time in a key: `…/2026-11-22T09-00-00.000Z-<id>.json`. */
function timeOf(key: string): string {
  const [, day, hours, minutes, rest] = /(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3}Z)-[^/]*$/.exec(key) ?? []
  return day === undefined ? '' : `${day}T${hours}:${minutes}:${rest}`
}

function purgeLine(purge: Purge): RecordLine {
  const names = [...new Set(purge.versions.map((version) => safe(version.publicId)))]
  const what = names.length === 1 ? names[0] : plural(names.length, 'asset')
  const there = purge.alsoAtCloudinary ? ", in Cloudinary's backup too" : ''
  const why = purge.reason === '' ? '' : `: ${safe(purge.reason)}`
  const words = `purged ${plural(purge.versions.length, 'version')} of ${what ?? '?'}${there}${why}`
  return { at: purge.at, type: 'purge', mark: 'warn', words, fields: purge }
}

function pruneLine(value: unknown): RecordLine {
  const prune = decodePrune(value)
  const words = `pruned ${plural(prune.snapshots.length, 'snapshot')} (keeping ${prune.policy.map(safe).join(', ') || 'all'})`
  return { at: prune.at, type: 'prune', mark: 'ok', words, fields: prune }
}

function historyLine(value: unknown): RecordLine | null {
  const head = decodeHistoryHead(value)
  // What outlives its snapshots is part of the prune that said so.
  if (head.origin === 'retention') return null
  const words = `imported ${plural(head.entries, 'version')} from Cloudinary's backup (${formatBytes(head.contentBytes)})`
  return { at: head.writtenAt, type: 'import', mark: 'ok', words, fields: head }
}

/** `begun` records are told only where no `done` record follows; see `withoutBegun`. */
function restoreLine(value: unknown): RecordLine {
  const fields = fieldsOf(value, 'the restore')
  const [id, at] = [text(fields, 'id'), time(fields, 'at')]
  if (text(fields, 'stage') === 'begun') {
    const words = `restore ${safe(id)} was not finished; the same command again goes on with it`
    return { at, type: 'restore', mark: 'warn', words, fields: { id, at, stage: 'begun' } }
  }
  const failed = numberOf(fields, 'failed') + numberOf(fields, 'incomplete')
  const isComplete = flag(fields, 'complete')
  const target = safe(maybe(fields, 'target', text) ?? '?')
  const counts = `${plural(numberOf(fields, 'restored'), 'asset')} changed, ${numberOf(fields, 'same')} as they were`
  const wrong = failed > 0 ? `, ${failed} not as they should be` : ''
  return {
    at: maybe(fields, 'startedAt', time) ?? at,
    type: 'restore',
    mark: isComplete ? 'ok' : 'bad',
    words: `restore ${safe(id)} to ${target}: ${counts}${wrong}`,
    fields: { ...fields },
  }
}

function withoutBegun(lines: readonly RecordLine[]): readonly RecordLine[] {
  const idOf = ({ fields }: RecordLine): unknown => ('id' in fields ? fields.id : null)
  const stageOf = ({ fields }: RecordLine): unknown => ('stage' in fields ? fields.stage : null)
  const done = new Set(lines.filter((line) => line.type === 'restore' && stageOf(line) === 'done').map(idOf))
  return lines.filter((line) => stageOf(line) !== 'begun' || !done.has(idOf(line)))
}

function drillLine(value: unknown): RecordLine {
  const fields = fieldsOf(value, 'the drill')
  // The results are the evidence, thousands of lines; the record itself has them.
  const { results: _, ...told } = fields
  const failed = numberOf(fields, 'failed')
  const restored = numberOf(fields, 'restored')
  return {
    at: time(fields, 'at'),
    type: 'drill',
    mark: failed > 0 ? 'bad' : 'ok',
    words: `rehearsed a restore: ${plural(restored, 'asset')} came back right${failed > 0 ? `, ${failed} did not` : ''}`,
    fields: told,
  }
}

const numberOf = (fields: Fields, name: string): number => (isGiven(fields, name) ? count(fields, name) : 0)
