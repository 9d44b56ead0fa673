import { createHash } from 'node:crypto'
import { AppError } from '../../model/errors.ts'
import { canonicalJson, type Json } from '../../model/json.ts'
import { count, fieldsOf, flag, invalid, isGiven, maybe, object, oneOf, text, time } from '../../model/shape.ts'
import type { Vault } from '../../vault/vault.ts'
import type { RestoreReport, RestoreRequest } from '../report.ts'

/**
 * What a vault remembers of a restore to an account, under `accounts/<cloud>/restores/`: one record when it begins,
 * before the first change, and one when it is done. The first makes it possible to go on after a kill with the same
 * moment and the same "before", and to undo it.
 */
export interface Begun {
  readonly format: 1
  readonly stage: 'begun'
  readonly id: string
  readonly at: string
  readonly tool: string
  readonly request: RestoreRequest
  /** The snapshot of the target before the first change. */
  readonly before: { readonly cloud: string; readonly snapshot: string }
}

interface Done {
  readonly format: 1
  readonly stage: 'done'
  readonly id: string
  readonly at: string
  readonly startedAt: string
  readonly tool: string
  readonly target: string
  readonly complete: boolean
  readonly restored: number
  readonly same: number
  readonly skipped: number
  readonly failed: number
  readonly incomplete: number
  readonly uploadedBytes: number
  readonly durationMs: number
  readonly undo: string | null
}

/** Restores of an account, oldest first. */
export interface Journal {
  readonly begun: readonly Begun[]
  readonly done: readonly Done[]
}

const place = (cloud: string) => ({ kind: 'restores', cloud }) as const

export async function writeBegun(vault: Vault, begun: Begun, signal: AbortSignal): Promise<void> {
  const record = { id: `${begun.id}-begun`, at: begun.at, value: begun as unknown as Json }
  await vault.writeRecord(place(begun.request.cloud), record, signal)
}

export async function writeDone(
  vault: Vault,
  cloud: string,
  {
    report,
    at,
    startedAt,
    tool,
    undo,
  }: { report: RestoreReport; at: string; startedAt: string; tool: string; undo: string | null },
  signal: AbortSignal,
): Promise<void> {
  const done: Done = {
    format: 1,
    stage: 'done',
    id: report.run,
    at,
    startedAt,
    tool,
    target: report.target,
    complete: report.complete,
    restored: report.restored,
    same: report.same,
    skipped: report.skipped,
    failed: report.failures.length,
    incomplete: report.incomplete.length,
    uploadedBytes: report.uploadedBytes,
    durationMs: report.durationMs,
    undo,
  }
  await vault.writeRecord(
    place(cloud),
    { id: `${done.id}-done`, at: startedAt, value: done as unknown as Json },
    signal,
  )
}

export async function readJournal(vault: Vault, cloud: string, signal: AbortSignal): Promise<Journal> {
  const begun: Begun[] = []
  const done: Done[] = []
  for (const key of await vault.recordKeys(place(cloud), signal)) {
    const value = await vault.readRecord(key, signal)
    const fields = fieldsOf(value, key)
    if (oneOf(fields, 'stage', ['begun', 'done']) === 'begun') begun.push(decodeBegun(value))
    else done.push(decodeDone(value))
  }
  return { begun, done }
}

/** A restore to the same target with the same wishes that was not finished; null when there is none. */
export function unfinished(
  { begun, done }: Journal,
  request: Omit<RestoreRequest, 'snapshot'>,
  at: string | null,
): Begun | null {
  const ended = new Set(done.map(({ id }) => id))
  const wanted = digestOf(request)
  return (
    begun.findLast(
      (one) => !ended.has(one.id) && digestOf(one.request) === wanted && (at === null || one.request.snapshot === at),
    ) ?? null
  )
}

/** Names what was asked for, whichever the snapshot. */
const digestOf = (request: Omit<RestoreRequest, 'snapshot'>): string => {
  const { cloud, target, what, conflict, metadataOnly, surroundings, undo } = request
  const plain = JSON.parse(JSON.stringify({ cloud, target, what, conflict, metadataOnly, surroundings, undo })) as Json
  return createHash('sha256').update(canonicalJson(plain)).digest('hex')
}

/** The restore that `--undo` names: its id or the beginning of one, or `last`. An undo is none. Throws USAGE. */
export function findBegun(journal: Journal, word: string): Begun {
  const begun = journal.begun.filter(({ request }) => request.undo === null)
  const found = word === 'last' ? begun.slice(-1) : begun.filter(({ id }) => id === word || id.startsWith(word))
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  throw new AppError(
    'USAGE',
    `${found.length === 0 ? 'no' : 'more than one'} restore to an account is called "${word}"`,
    {
      hint: 'cloudkeep log lists them; --undo last means the newest',
    },
  )
}

const decodeBegun = (value: unknown): Begun => {
  const fields = fieldsOf(value, 'the restore')
  if (fields['format'] !== 1) throw invalid('format', fields['format'], '1')
  const before = object(fields, 'before')
  return {
    format: 1,
    stage: 'begun',
    id: text(fields, 'id'),
    at: time(fields, 'at'),
    tool: text(fields, 'tool'),
    request: decodeRequest(object(fields, 'request')),
    before: { cloud: text(before, 'cloud'), snapshot: text(before, 'snapshot') },
  }
}

const decodeRequest = (fields: ReturnType<typeof object>): RestoreRequest => {
  const what = object(fields, 'what')
  const kind = oneOf(what, 'kind', ['everything', 'filter', 'gone', 'versions'])
  return {
    cloud: text(fields, 'cloud'),
    target: text(fields, 'target'),
    snapshot: text(fields, 'snapshot'),
    what:
      kind === 'everything'
        ? { kind }
        : kind === 'versions'
          ? { kind, versions: (what['versions'] as readonly unknown[]).map(decodeChosen) }
          : { kind, filter: object(what, 'filter') },
    conflict: oneOf(fields, 'conflict', ['skip', 'overwrite', 'newer', 'rename']),
    metadataOnly: flag(fields, 'metadataOnly'),
    surroundings: flag(fields, 'surroundings'),
    undo: maybe(fields, 'undo', text),
  }
}

const decodeChosen = (value: unknown): { assetId: string; version: string } => {
  const fields = fieldsOf(value, 'a version')
  return { assetId: text(fields, 'assetId'), version: text(fields, 'version') }
}

const decodeDone = (value: unknown): Done => {
  const fields = fieldsOf(value, 'the restore')
  return {
    format: 1,
    stage: 'done',
    id: text(fields, 'id'),
    at: time(fields, 'at'),
    startedAt: time(fields, 'startedAt'),
    tool: text(fields, 'tool'),
    target: text(fields, 'target'),
    complete: flag(fields, 'complete'),
    restored: count(fields, 'restored'),
    same: count(fields, 'same'),
    skipped: count(fields, 'skipped'),
    failed: count(fields, 'failed'),
    incomplete: count(fields, 'incomplete'),
    uploadedBytes: count(fields, 'uploadedBytes'),
    durationMs: count(fields, 'durationMs'),
    undo: isGiven(fields, 'undo') ? text(fields, 'undo') : null,
  }
}
