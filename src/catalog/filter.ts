import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely'
import type { VersionFilter, VersionRow } from './catalog.ts'
import type { Schema } from './schema/schema.ts'
import { afterPrefix, toText } from './text.ts'

/** As much of an asset as a filter looks at. */
export type Filterable = Pick<
  VersionRow,
  'publicId' | 'resourceType' | 'type' | 'displayName' | 'folder' | 'format' | 'tags'
>

type Builder = ExpressionBuilder<Schema & { v: Schema['versions'] }, 'v'>
type Condition = ExpressionWrapper<Schema & { v: Schema['versions'] }, 'v', SqlBool>

/**
 * The part of a filter that a database can answer exactly or narrowly. It lets through everything that `matches`
 * wants and may let through more: databases fold the case of ASCII letters only, and know no `**`.
 */
export function narrow(eb: Builder, filter: VersionFilter): Condition {
  const { resourceType, type, tag, folder, text, glob } = filter
  const all: Condition[] = []
  if (resourceType !== undefined) all.push(eb('v.resource_type', '=', resourceType))
  if (type !== undefined) all.push(eb('v.type', '=', type))
  // Tags are a JSON array; a tag that JSON writes as it is can be looked for as text.
  if (tag !== undefined) all.push(eb('v.tags', 'like', sql<string>`${`%${likeText(JSON.stringify(tag))}%`} escape '!'`))
  const below = folder === undefined ? '' : folderPath(folder)
  if (below !== '') all.push(eb.or([eb('v.folder', '=', toText(below)), within(eb, 'v.folder', toText(`${below}/`))]))
  if (text !== undefined && isAscii(text)) {
    const like = sql<string>`${`%${likeText(text)}%`} escape '!'`
    all.push(eb.or(TEXT_COLUMNS.map((column) => eb(sql<string>`lower(${sql.ref(column)})`, 'like', like))))
  }
  if (glob !== undefined) all.push(within(eb, 'v.public_id', toText(literalStart(glob))))
  return eb.and(all)
}

const TEXT_COLUMNS = ['v.public_id', 'v.display_name', 'v.folder', 'v.tags', 'v.format'] as const

const within = (eb: Builder, column: 'v.folder' | 'v.public_id', prefix: string): Condition =>
  eb.and([eb(column, '>=', prefix), eb(column, '<', afterPrefix(prefix))])

/** For a pattern compared with lower-cased text; `!` is the escape because `\` means different things to databases. */
const likeText = (text: string): string => text.toLowerCase().replace(/[!%_]/g, '!$&')
const isAscii = (text: string): boolean => /^[\x20-\x7e]*$/.test(text) && !/["\\]/.test(text)
const folderPath = (folder: string): string => folder.replace(/\/+$/, '')
const literalStart = (glob: string): string => /^[^*?]*/.exec(glob)?.[0] ?? ''

/** The whole filter, decided here so that every database answers the same. */
export function matcher(filter: VersionFilter): (row: Filterable) => boolean {
  const { resourceType, type, tag, folder, text, glob } = filter
  const tests: ((row: Filterable) => boolean)[] = []
  if (resourceType !== undefined) tests.push((row) => row.resourceType === resourceType)
  if (type !== undefined) tests.push((row) => row.type === type)
  if (tag !== undefined) tests.push((row) => row.tags.includes(tag))
  const below = folder === undefined ? '' : folderPath(folder)
  if (below !== '') tests.push((row) => row.folder === below || row.folder?.startsWith(`${below}/`) === true)
  if (text !== undefined && text !== '') {
    const wanted = fold(text)
    tests.push((row) => textsOf(row).some((each) => fold(each).includes(wanted)))
  }
  if (glob !== undefined) {
    const pattern = globPattern(glob)
    tests.push((row) => pattern.test(row.publicId))
  }
  return (row) => tests.every((test) => test(row))
}

const fold = (text: string): string => text.normalize('NFC').toLowerCase()

const textsOf = (row: Filterable): readonly string[] => [
  row.publicId,
  row.displayName ?? '',
  row.folder ?? '',
  row.format ?? '',
  ...row.tags,
]

/** `*` any run of characters but `/`, `**` any, `?` one character but `/`. */
function globPattern(glob: string): RegExp {
  const source = glob.replace(/\*{2,}|\*|\?|[\\^$.|+()[\]{}]/g, (found) => {
    if (found.startsWith('**')) return '.*'
    if (found === '*') return '[^/]*'
    return found === '?' ? '[^/]' : `\\${found}`
  })
  return new RegExp(`^${source}$`, 'su')
}
