import { createHash } from 'node:crypto'
import { isCloudName } from './cloud-name.ts'
import { AppError } from './errors.ts'
import type { Fields } from './shape.ts'
import {
  count,
  digest,
  fieldsOf,
  flag,
  invalid,
  isGiven,
  list,
  maybe,
  object,
  oneOf,
  parseJson,
  text,
  textLike,
  time,
} from './shape.ts'
import type { PartialReason, SegmentRef, Snapshot, Totals } from './snapshot.ts'

const FORMAT = 1
const ID = { pattern: /^[A-Za-z0-9_-]{1,64}$/, wanted: 'an id of letters, digits, - and _' }
const PREFIX = { pattern: /^[A-Za-z0-9_-]{0,16}$/, wanted: 'the beginning of an asset id' }
const PARTIAL_REASONS: readonly PartialReason[] = ['failures', 'guard', 'scan-incomplete', 'configuration-incomplete']

/** The last field of a head: SHA-256 over everything before its line, which is how a flipped bit in a head is found. */
const CHECKSUM = 'sha256'
const LAST_LINE = /,\n {2}"([^"\n]*)": "([^"\n]*)"(\n?\}?\n?)$/
const END = '\n}\n'

const checksumOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Heads of earlier versions have none. The right value under another name, or before another end, is damage too. */
const checkChecksum = (head: string): void => {
  const [line = '', name, value, end] = LAST_LINE.exec(head) ?? []
  if (line === '') return
  const isRight = value === checksumOf(head.slice(0, -line.length))
  if (name === CHECKSUM ? isRight && end === END : !isRight) return
  throw new AppError('VAULT_INVALID', 'its bytes do not have the SHA-256 that its last line says')
}

/** One field a line and one segment a line: readable with `less`, and with `grep` when `jq` is not at hand. */
export const encodeSnapshot = (snapshot: Snapshot): string => {
  const lines = Object.entries(snapshot).map(([name, value]) => {
    if (name !== 'segments' || !Array.isArray(value) || value.length === 0)
      return `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`
    return `  "segments": [\n${value.map((ref) => `    ${JSON.stringify(ref)}`).join(',\n')}\n  ]`
  })
  const text = `{\n${lines.join(',\n')}`
  return `${text},\n  "${CHECKSUM}": "${checksumOf(text)}"${END}`
}

const decodeTotals = (fields: Fields): Totals => ({
  scanned: count(fields, 'scanned'),
  fetched: count(fields, 'fetched'),
  fetchedBytes: count(fields, 'fetchedBytes'),
  unchanged: count(fields, 'unchanged'),
  relabelled: count(fields, 'relabelled'),
  renamed: count(fields, 'renamed'),
  recorded: count(fields, 'recorded'),
  gone: count(fields, 'gone'),
  failed: count(fields, 'failed'),
  excluded: count(fields, 'excluded'),
})

const decodeSegment = (value: unknown): SegmentRef => {
  const fields = fieldsOf(value, 'segments[]')
  return {
    prefix: textLike(fields, 'prefix', PREFIX),
    object: digest(fields, 'object'),
    size: count(fields, 'size'),
    entries: count(fields, 'entries'),
    contentBytes: count(fields, 'contentBytes'),
  }
}

const decodeSegments = (fields: Fields, prefixLength: number): readonly SegmentRef[] => {
  const segments = list(fields, 'segments').map(decodeSegment)
  const prefixes = new Set(segments.map((ref) => ref.prefix))
  if (prefixes.size !== segments.length) throw new AppError('VAULT_INVALID', '"segments" names a prefix twice')
  const odd = segments.find((ref) => ref.prefix.length > prefixLength)
  if (odd !== undefined) throw invalid('prefix', odd.prefix, `at most ${prefixLength} characters long`)
  return segments
}

const decodeReasons = (fields: Fields): readonly PartialReason[] =>
  list(fields, 'partialReasons').map((_, index, all) =>
    oneOf({ [`partialReasons[${index}]`]: all[index] }, `partialReasons[${index}]`, PARTIAL_REASONS),
  )

const decodeCounts = (fields: Fields): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.keys(fields).map((name) => [name, count(fields, name)]))

const decodeCloud = (fields: Fields): string => {
  const cloud = text(fields, 'cloud')
  if (isCloudName(cloud)) return cloud
  throw invalid('cloud', cloud, 'a cloud name')
}

const checkFormat = (fields: Fields): void => {
  const format = count(fields, 'format')
  if (format === FORMAT) return
  throw new AppError('VAULT_INVALID', `its format is ${format}, and this Cloudkeep reads format ${FORMAT}`, {
    hint: 'update cloudkeep',
  })
}

/** Reads a head. Throws VAULT_INVALID naming what is wrong; the caller names the head. */
export const decodeSnapshot = (head: string): Snapshot => {
  const fields = fieldsOf(parseJson(head), 'the head')
  checkFormat(fields)
  checkChecksum(head)
  const prefixLength = count(fields, 'prefixLength')
  return {
    format: FORMAT,
    id: textLike(fields, 'id', ID),
    cloud: decodeCloud(fields),
    startedAt: time(fields, 'startedAt'),
    takenAt: time(fields, 'takenAt'),
    parent: maybe(fields, 'parent', (from, name) => textLike(from, name, ID)),
    complete: flag(fields, 'complete'),
    partialReasons: decodeReasons(fields),
    tool: text(fields, 'tool'),
    folderMode: maybe(fields, 'folderMode', (from, name) => oneOf(from, name, ['fixed', 'dynamic'])),
    totals: decodeTotals(object(fields, 'totals')),
    assets: count(fields, 'assets'),
    bytes: count(fields, 'bytes'),
    prefixLength,
    segments: decodeSegments(fields, prefixLength),
    folders: maybe(fields, 'folders', digest),
    configuration: maybe(fields, 'configuration', digest),
    failures: maybe(fields, 'failures', digest),
    excludedBy: decodeCounts(object(fields, 'excludedBy')),
    reconciledAt: maybe(fields, 'reconciledAt', time),
    ...(isGiven(fields, 'purpose') ? { purpose: oneOf(fields, 'purpose', ['before-restore']) } : {}),
  }
}
