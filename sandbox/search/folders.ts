import type { AdminCall, AdminRoute } from '../admin/call.ts'
import { renderFolder } from '../admin/folders.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import { nameOf } from '../folder-records.ts'
import { integerOf, textOf } from '../params.ts'
import type { FolderRecord, JsonValue } from '../state.ts'
import { type Lookup, matches } from './evaluate.ts'
import { compareKeys, parseSortBy, sortValue } from './order.ts'
import { parseExpression } from './parser.ts'

/** Folders beyond this many are neither counted nor listed. */
const MOST_RESULTS = 2000

const folderLookup =
  (folder: FolderRecord): Lookup =>
  (field) => {
    switch (field) {
      case 'path':
        return { kind: 'path', value: folder.path }
      case 'name':
        return { kind: 'text', values: [nameOf(folder.path)] }
      case 'external_id':
        return { kind: 'exact', values: [folder.externalId] }
      case 'created_at':
        return { kind: 'time', value: folder.createdAt }
      default:
        return undefined
    }
  }

const searchFolders = (call: AdminCall): JsonValue => {
  const started = performance.now()
  const cursor = textOf(call.params, 'next_cursor')
  const binding = ['folders', call.cloud.name]
  const carried = cursor === undefined ? undefined : readCursor(call.world, binding, cursor)
  const [said, order, from]: JsonValue[] = Array.isArray(carried)
    ? carried
    : [textOf(call.params, 'expression') ?? '', call.params['sort_by'] ?? [{ path: 'asc' }], 0]
  const expression = parseExpression(String(said))
  const sort = parseSortBy(order)
  const found = [...call.cloud.folders.values()]
    .map((folder) => ({ folder, lookup: folderLookup(folder) }))
    .filter(({ lookup }) => matches(expression, { lookup, texts: ['name'], now: call.now }))
    .map(({ folder, lookup }) => ({
      folder,
      keys: [...sort.map((key) => sortValue(lookup(key.field))), folder.externalId],
    }))
    .sort((a, b) => compareKeys(sort, a.keys, b.keys))
    .slice(0, MOST_RESULTS)
  const size = integerOf(call.params, 'max_results', { min: 0, max: 500, fallback: 50 })
  const start = Number(from)
  const end = start + size
  const more = end < found.length && size > 0
  return {
    total_count: found.length,
    time: Math.round(performance.now() - started),
    folders: found.slice(start, end).map(({ folder }) => renderFolder(folder)),
    next_cursor: more ? writeCursor(call.world, binding, [said ?? '', order ?? null, end]) : null,
  }
}

export const folderSearchRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'folders/search', handle: searchFolders },
  { method: 'POST', pattern: 'folders/search', handle: searchFolders },
]
