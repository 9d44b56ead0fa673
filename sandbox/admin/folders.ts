import { checkFolderPath } from '../attributes.ts'
import { ApiError, badRequest, notFound } from '../errors.ts'
import {
  childFolders,
  ensureFolder,
  findFolder,
  folderOf,
  foldersUnder,
  moveFolders,
  nameOf,
  parentOf,
} from '../folder-records.ts'
import { flagOf, requiredText, textOf } from '../params.ts'
import { zuluTime } from '../render-parts.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset, FolderRecord, JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { tell } from './events.ts'
import { pageByName } from './pages.ts'

/** More root folders than this the service does not list. */
const MOST_ROOT_FOLDERS = 2000

export const renderFolder = (folder: FolderRecord): { [key: string]: JsonValue } => ({
  name: nameOf(folder.path),
  path: folder.path,
  external_id: folder.externalId,
  created_at: zuluTime(folder.createdAt),
})

const folderNotFound = (path: string): ApiError => notFound(`Can't find folder with path ${path}`)

const folderAt = (call: AdminCall, path: string): FolderRecord => {
  const folder = findFolder(call.cloud, path)
  if (folder === undefined) throw folderNotFound(path)
  return folder
}

/** The assets in a folder and below it; placeholders are in no folder any more. */
const assetsUnder = (call: AdminCall, path: string): Asset[] => {
  const inside = (asset: Asset): boolean => {
    const folder = folderOf(call.cloud, asset)
    return asset.content !== null && (folder === path || folder.startsWith(`${path}/`))
  }
  return [...call.cloud.shelf.scan()].filter(inside)
}

const rootFolders = (call: AdminCall): JsonValue => {
  const folders = childFolders(call.cloud, '').slice(0, MOST_ROOT_FOLDERS)
  return { folders: folders.map(renderFolder), next_cursor: null, total_count: folders.length }
}

const subFolders = (call: AdminCall): JsonValue => {
  const path = (call.path['rest'] ?? '').replace(/\/$/, '')
  if (path === '') return rootFolders(call)
  const children = childFolders(call.cloud, folderAt(call, path).path)
  const page = pageByName(call, { items: children, nameOf: (folder) => folder.path })
  return { folders: page.items.map(renderFolder), next_cursor: page.next, total_count: children.length }
}

/** Creating a folder that is there already succeeds and changes nothing. */
const createFolder = (call: AdminCall): JsonValue => {
  const path = checkFolderPath(call.path['rest'] ?? '')
  const known = findFolder(call.cloud, path)
  const folder = known ?? ensureFolder(call.cloud, path, call.now)
  if (folder === undefined) throw badRequest('Folder path is missing')
  if (known === undefined) tell(call, 'create_folder', { folder_path: path, folder_name: nameOf(path), source: 'api' })
  return { success: true, path: folder.path, name: nameOf(folder.path), external_id: folder.externalId }
}

const checkMove = (call: AdminCall, from: string, to: string): void => {
  if (call.cloud.settings.folderMode === 'fixed') throw badRequest('Folders can be renamed only in dynamic folder mode')
  if (to === from || to.startsWith(`${from}/`)) throw badRequest(`Cannot move folder ${from} into ${to}`)
  if (call.cloud.folders.has(to)) throw new ApiError(409, `Folder ${to} already exists`)
}

const moveFolder = (call: AdminCall, from: string, to: string): Asset[] => {
  const assets = assetsUnder(call, from)
  for (const asset of assets) {
    beforeChange(call.world, call.cloud, asset)
    asset.assetFolder = to + asset.assetFolder.slice(from.length)
    asset.times = { ...asset.times, updated: call.now }
  }
  ensureFolder(call.cloud, parentOf(to), call.now)
  moveFolders(call.cloud, from, to)
  tell(call, 'move_or_rename_asset_folder', { from_path: from, to_path: to, status: 'completed' })
  return assets
}

const renameFolder = (call: AdminCall): JsonValue => {
  const from = folderAt(call, call.path['rest'] ?? '').path
  const to = checkFolderPath(requiredText(call.params, 'to_folder'))
  checkMove(call, from, to)
  moveFolder(call, from, to)
  return { from: { name: nameOf(from), path: from }, to: { name: nameOf(to), path: to } }
}

const renameOperation = (call: AdminCall): JsonValue => {
  const from = folderAt(call, requiredText(call.params, 'path')).path
  const to = checkFolderPath(requiredText(call.params, 'to_path'))
  checkMove(call, from, to)
  return {
    folder_deleted: true,
    moved: moveFolder(call, from, to).map((asset) => asset.assetId),
    rejected: [],
    failed: [],
  }
}

/** Empty folders below go with it; a folder that still holds an asset anywhere stays. */
const deleteFolder = (call: AdminCall): JsonValue => {
  const { path } = folderAt(call, call.path['rest'] ?? '')
  if (assetsUnder(call, path).length > 0) throw badRequest('Folder is not empty')
  const gone = foldersUnder(call.cloud, path).map((folder) => folder.path)
  for (const each of gone) call.cloud.folders.delete(each)
  tell(call, 'delete_folder', { folder_path: path, folder_name: nameOf(path), source: 'api' })
  return { deleted: gone.sort() }
}

const ancestorsOf = (call: AdminCall, folder: FolderRecord): JsonValue[] => {
  const parent = parentOf(folder.path)
  const record = parent === '' ? undefined : findFolder(call.cloud, parent)
  return record === undefined ? [] : [...ancestorsOf(call, record), renderFolder(record)]
}

const folderById = (call: AdminCall): FolderRecord => {
  const id = requiredText(call.params, 'id')
  for (const folder of call.cloud.folders.values()) if (folder.externalId === id) return folder
  throw notFound(`Can't find folder with id ${id}`)
}

const showById = (call: AdminCall): JsonValue => {
  const folder = folderById(call)
  return { ...renderFolder(folder), ancestors: ancestorsOf(call, folder) }
}

const showByPath = (call: AdminCall): JsonValue => {
  const path = requiredText(call.params, 'path')
  const folder = flagOf(call.params, 'case_sensitive') ? call.cloud.folders.get(path) : findFolder(call.cloud, path)
  if (folder === undefined) throw folderNotFound(path)
  return { ...renderFolder(folder), ancestors: ancestorsOf(call, folder) }
}

const showDescendants = (call: AdminCall): JsonValue => {
  const top = textOf(call.params, 'id') === undefined ? '' : folderById(call).path
  const below = foldersUnder(call.cloud, top).filter((folder) => folder.path !== top)
  const page = pageByName(call, { items: below, nameOf: (folder) => folder.path })
  return { folders: page.items.map(renderFolder), next_cursor: page.next, total_count: below.length }
}

export const folderRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'folders', handle: rootFolders },
  { method: 'PUT', pattern: 'folders/by_id', handle: showById },
  { method: 'PUT', pattern: 'folders/by_path', handle: showByPath },
  { method: 'PUT', pattern: 'folders/descendants', handle: showDescendants },
  { method: 'PUT', pattern: 'folder_operations/rename', handle: renameOperation },
  { method: 'GET', pattern: 'folders/*', handle: subFolders },
  { method: 'POST', pattern: 'folders/*', handle: createFolder },
  { method: 'PUT', pattern: 'folders/*', handle: renameFolder },
  { method: 'DELETE', pattern: 'folders/*', handle: deleteFolder },
]
