import { createHash } from 'node:crypto'
import type { Asset, Cloud, FolderRecord } from './state.ts'

export const parentOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '')

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** The folder of an asset: a property of its own in dynamic mode, the path part of the public_id in fixed mode. */
export const folderOf = (cloud: Cloud, asset: Asset): string =>
  cloud.settings.folderMode === 'fixed' ? parentOf(asset.publicId) : asset.assetFolder

/** The exact folder, or else one that differs only by case: the service matches folder names that way. */
export const findFolder = (cloud: Cloud, path: string): FolderRecord | undefined => {
  const exact = cloud.folders.get(path)
  if (exact !== undefined) return exact
  const wanted = path.toLowerCase()
  for (const folder of cloud.folders.values()) if (folder.path.toLowerCase() === wanted) return folder
  return undefined
}

/** Makes the folder and its parents unless they exist. Returns the existing or new record; none for the root. */
export const ensureFolder = (cloud: Cloud, path: string, at: number): FolderRecord | undefined => {
  if (path === '') return undefined
  const existing = cloud.folders.get(path)
  if (existing !== undefined) return existing
  ensureFolder(cloud, parentOf(path), at)
  const externalId = createHash('md5').update(`${cloud.name}\n${path}\n${at}`).digest('hex')
  const record: FolderRecord = { externalId, path, createdAt: at }
  cloud.folders.set(path, record)
  return record
}

/** The folder and all below it. The root gives every folder. */
export const foldersUnder = (cloud: Cloud, path: string): FolderRecord[] =>
  [...cloud.folders.values()].filter((f) => path === '' || f.path === path || f.path.startsWith(`${path}/`))

/** Direct children, sorted by name. */
export const childFolders = (cloud: Cloud, path: string): FolderRecord[] =>
  [...cloud.folders.values()]
    .filter((f) => parentOf(f.path) === path)
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))

/** Moves a folder and all below it to a new place. The assets in them are the caller's to move. */
export const moveFolders = (cloud: Cloud, from: string, to: string): void => {
  const moving = foldersUnder(cloud, from)
  for (const folder of moving) cloud.folders.delete(folder.path)
  for (const folder of moving) {
    folder.path = to + folder.path.slice(from.length)
    cloud.folders.set(folder.path, folder)
  }
}
