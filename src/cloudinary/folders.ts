import type { Folder } from '../model/account.ts'
import { AppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import { type Api, saysNotFound, succeeded } from './api.ts'
import { encodeSegment } from './delivery-url.ts'
import type { ApiAnswer, ApiRequest } from './exchange.ts'
import { followingCursor } from './list.ts'
import { arrayAt, isObject, nextCursor, textAt, toNumber } from './wire/answer.ts'

const PAGE = 500
/** The folder search finds at most this many, however many there are. */
const SEARCH_CAP = 2000

type Found = Map<string, Folder>

const folderOf = (raw: Json, parent: string): Folder | null => {
  const name = textAt(raw, 'name')
  const path = textAt(raw, 'path') ?? (name === null ? null : parent === '' ? name : `${parent}/${name}`)
  if (path === null || path === '') return null
  return {
    path,
    name: name ?? path.slice(path.lastIndexOf('/') + 1),
    externalId: textAt(raw, 'external_id'),
    createdAt: textAt(raw, 'created_at'),
  }
}

/** Adds the folders of a page; returns those that were new. */
const collect = (json: Json, what: string, found: Found, parent: string): readonly Folder[] => {
  const rows = arrayAt(json, 'folders')
  if (rows === null) throw new AppError('API_UNEXPECTED', `${what}: the answer has no folders`)
  const added: Folder[] = []
  for (const raw of rows) {
    const folder = folderOf(raw, parent)
    if (folder === null || found.has(folder.path)) continue
    found.set(folder.path, folder)
    added.push(folder)
  }
  return added
}

const searchRequest = (since: string | null, cursor: string | null): ApiRequest => ({
  method: 'POST',
  path: '/folders/search',
  what: 'search folders',
  optional: true,
  body: {
    ...(since === null ? {} : { expression: `created_at>="${since}"` }),
    sort_by: [{ created_at: 'asc' }],
    max_results: PAGE,
    ...(cursor === null ? {} : { next_cursor: cursor }),
  },
})

interface Window {
  readonly added: readonly Folder[]
  /** Rows received, repeated ones included. */
  readonly rows: number
  readonly total: number | null
}

/** One search to its end: at most 2,000 folders created since then. Null when the service does not search folders. */
const searchWindow = async (
  api: Api,
  since: string | null,
  found: Found,
  signal: AbortSignal,
): Promise<Window | null> => {
  const added: Folder[] = []
  let rows = 0
  let total: number | null = null
  for (let cursor: string | null = null; ; ) {
    const request = searchRequest(since, cursor)
    const answer = await api.ask(request, signal)
    if (answer.status === 401) throw api.failure(request, answer)
    if (!succeeded(answer) || arrayAt(answer.json, 'folders') === null) return null
    added.push(...collect(answer.json, request.what, found, ''))
    rows += arrayAt(answer.json, 'folders')?.length ?? 0
    total ??= isObject(answer.json) ? toNumber(answer.json['total_count']) : null
    cursor = followingCursor(request.what, answer.json, cursor)
    if (cursor === null) return { added, rows, total }
  }
}

/** A service that ignores the order would let windows skip what lies between them. */
const isAscending = (folders: readonly Folder[]): boolean =>
  folders.every(({ createdAt }, i) => i === 0 || (createdAt ?? '') >= (folders[i - 1]?.createdAt ?? ''))

/**
 * Every folder by search, four calls for 2,000 of them: windows that each start at the creation of the last one seen.
 * False when it cannot be known to be complete: no search, counts that disagree, or a window that leads nowhere.
 */
const searchAll = async (api: Api, found: Found, signal: AbortSignal): Promise<boolean> => {
  for (let since: string | null = null; ; ) {
    const window: Window | null = await searchWindow(api, since, found, signal)
    if (window === null || (window.total !== null && window.rows < window.total)) return false
    if (window.rows < SEARCH_CAP) return since !== null || window.rows > 0
    if (!isAscending(window.added)) return false
    const newest: string | null = window.added.reduce<string | null>(
      (latest, { createdAt }) => (createdAt !== null && (latest === null || createdAt > latest) ? createdAt : latest),
      null,
    )
    if (newest === null || newest === since) return false
    since = newest
  }
}

/** How a folder's path may have to be written: one service reads `%` twice, another wants plain slashes. */
const spellings = (path: string): readonly string[] => {
  const encoded = encodeSegment(path)
  const forms = [encoded]
  if (path.includes('%')) forms.unshift(encodeSegment(path.replaceAll('%', '%25')))
  if (path.includes('/')) forms.push(encoded.replaceAll('%2F', '/'))
  return forms
}

const walkRequest = (path: string, spelling: string, cursor: string | null): ApiRequest => ({
  method: 'GET',
  path: `/folders${path === '' ? '' : `/${spelling}`}?max_results=${PAGE}${cursor === null ? '' : `&next_cursor=${encodeURIComponent(cursor)}`}`,
  what: path === '' ? 'list root folders' : `list folders of ${path}`,
  optional: true,
})

/** The first page of a folder's subfolders, in the first spelling that the service knows. */
const firstPage = async (
  api: Api,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly answer: ApiAnswer; readonly spelling: string }> => {
  let last: { answer: ApiAnswer; spelling: string } | null = null
  for (const spelling of path === '' ? [''] : spellings(path)) {
    last = { spelling, answer: await api.ask(walkRequest(path, spelling, null), signal) }
    if (last.answer.status !== 404 && last.answer.status !== 400) break
  }
  if (last === null) throw new RangeError(`a path without a spelling: ${path}`)
  return last
}

const subfolders = async (api: Api, path: string, found: Found, signal: AbortSignal): Promise<readonly Folder[]> => {
  const { answer: first, spelling } = await firstPage(api, path, signal)
  // Removed since its parent was listed.
  if (path !== '' && saysNotFound(first)) return []
  const request = walkRequest(path, spelling, null)
  if (!succeeded(first)) throw api.failure(request, first)
  const added = [...collect(first.json, request.what, found, path)]
  for (let cursor = nextCursor(first.json); cursor !== null; ) {
    const json: Json = await api.get(walkRequest(path, spelling, cursor), signal)
    added.push(...collect(json, request.what, found, path))
    cursor = followingCursor(request.what, json, cursor)
  }
  return added
}

/** One call for each folder: the way that always works, and the dear one. */
const walk = async (api: Api, found: Found, signal: AbortSignal): Promise<void> => {
  const queue = ['']
  const visited = new Set<string>()
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    if (visited.has(path)) continue
    visited.add(path)
    const added = await subfolders(api, path, found, signal)
    queue.push(...added.map((folder) => folder.path))
  }
}

export const folders = async (api: Api, signal: AbortSignal): Promise<readonly Folder[]> => {
  const searched: Found = new Map()
  const complete = await searchAll(api, searched, signal)
  const found: Found = complete ? searched : new Map()
  if (!complete) await walk(api, found, signal)
  // GET /folders ends after 2,000 root folders, without a word; the search may know others.
  for (const [path, folder] of searched) if (!found.has(path)) found.set(path, folder)
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}
