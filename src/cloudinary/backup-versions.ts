import type { AssetIdentity, RawRecords } from '../model/asset.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Api } from './api.ts'
import { type DetailsMemory, lookUp, rowOf } from './details.ts'
import type { BackupHistory, BackupSigns, BackupVersion } from './reader.ts'
import { arrayAt, isObject, textAt, toBoolean, toNumber } from './wire/answer.ts'
import { hashRecord } from './wire/hash-record.ts'

/** Documented as 32 hex digits or several times that; other harmless ones can still be asked for. */
const SAFE_VERSION_ID = /^[0-9A-Za-z_-]{1,256}$/
/** An extension, and nothing that a file name could mind. */
const FORMAT = /^[0-9A-Za-z]{1,16}$/

const wholeNumber = (value: Json | undefined): number | null => {
  const number = toNumber(value)
  return number !== null && Number.isSafeInteger(number) && number >= 0 ? number : null
}

/** ISO-8601; the record has a text, and may have Unix seconds. */
const timeOf = (value: Json | undefined): string | null => {
  const seconds = wholeNumber(value)
  const ms = seconds !== null ? seconds * 1000 : typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString()
}

const formatOf = (value: Json | undefined): string | null =>
  typeof value === 'string' && FORMAT.test(value) ? value.toLowerCase() : null

const versionOf = (raw: JsonObject): BackupVersion | null => {
  const versionId = textAt(raw, 'version_id') ?? ''
  if (!SAFE_VERSION_ID.test(versionId)) return null
  return {
    versionId,
    cldVersion: wholeNumber(raw['version']),
    format: formatOf(raw['format']),
    size: wholeNumber(raw['size']),
    time: timeOf(raw['time']),
    // Only a plain "no" is one: what keeps silent may still be had.
    restorable: toBoolean(raw['restorable']) !== false,
    raw,
    hash: hashRecord(raw),
  }
}

/** Oldest first. The service sends them so; where every one says when it was made, that is what counts. */
const inOrder = (versions: readonly BackupVersion[]): readonly BackupVersion[] => {
  const timeOfVersion = ({ time }: BackupVersion): number => (time === null ? Number.NaN : Date.parse(time))
  if (versions.some(({ time }) => time === null)) return versions
  return [...versions].sort((a, b) => timeOfVersion(a) - timeOfVersion(b))
}

/** The versions in a record of details; null when it does not speak of any, which is not the same as none. */
const versionsIn = (raw: Json): Pick<BackupHistory, 'versions' | 'unreadable'> | null => {
  const records = arrayAt(raw, 'versions')
  if (records === null) return null
  const versions = records.map((record) => (isObject(record) ? versionOf(record) : null))
  const readable = versions.filter((version) => version !== null)
  const byId = new Map(readable.map((version) => [version.versionId, version]))
  return { versions: inOrder([...byId.values()]), unreadable: versions.length - readable.length }
}

/** See `AccountReader.backupSigns`. */
export const backupSigns = ({ list, search, details }: RawRecords): BackupSigns => {
  const flags = [list, details].map((record) => (isObject(record) ? toBoolean(record['backup']) : null))
  return {
    backedUp: flags.includes(true),
    bytes: isObject(search) ? wholeNumber(search['backup_bytes']) : null,
    versions: details === undefined ? null : (versionsIn(details)?.versions ?? null),
  }
}

/** See `AccountReader.backupHistory`. */
export const backupHistory = async (
  api: Api,
  memory: DetailsMemory,
  facts: AssetIdentity,
  signal: AbortSignal,
): Promise<BackupHistory | null> => {
  const found = await lookUp(api, memory, facts, ({ what, path }) => {
    const asked = { method: 'GET', path: `/resources/${path}?versions=true`, what: `versions of ${what}` } as const
    return api.ask({ ...asked, optional: !memory.idsWork }, signal)
  })
  const row = found === null ? null : rowOf(facts, found, memory)
  if (row === null) return null
  return { row, ...(versionsIn(row.raw) ?? { versions: [], unreadable: 0 }) }
}
