import { randomInt } from 'node:crypto'
import { badRequest } from '../errors.ts'
import { nameOf, parentOf } from '../folder-records.ts'
import { extensionOf } from '../media/formats.ts'
import { booleanOf, flagOf, type Params, textOf } from '../params.ts'
import type { Cloud, ResourceType } from '../state.ts'

/** Names of an upload: what it is stored under, and what people see. */
export interface Names {
  readonly publicId: string
  /** Undefined keeps what an overwritten asset has. */
  readonly assetFolder: string | undefined
  readonly displayName: string | undefined
  /** Without extension; null when the file had no name. */
  readonly originalFilename: string | null
}

const LONGEST = 255
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

const randomName = (length: number): string =>
  Array.from({ length }, () => LETTERS.charAt(randomInt(LETTERS.length))).join('')

const stemOf = (filename: string): string => {
  const last = filename.slice(Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\')) + 1)
  const extension = extensionOf(last)
  return extension === '' ? last : last.slice(0, -extension.length - 1)
}

/** Characters that an id can't have become `_`; the answer tells the id that was stored. */
const allowed = (publicId: string): string => publicId.replace(/[?&#\\%<>]/g, '_')

const checkId = (publicId: string): void => {
  if (publicId !== publicId.trim() || /^\/|\/$|\/\//.test(publicId) || /(^|\/)v\d+(\/|$)/.test(publicId)) {
    throw badRequest(`public_id (${publicId}) is invalid`)
  }
  if ([...nameOf(publicId)].length > LONGEST) {
    throw badRequest(`public_id (${publicId}) is too long. Maximum length is ${LONGEST}`)
  }
}

const fromFilename = (params: Params, stem: string): string => {
  const clean = stem.replace(/[^\p{L}\p{N}_.-]+/gu, '_')
  return booleanOf(params, 'unique_filename') === false ? clean : `${clean}_${randomName(6)}`
}

export interface NamedFile {
  readonly resourceType: ResourceType
  readonly type: string
  readonly filename: string
}

const lastPart = (params: Params, file: NamedFile): string => {
  const given = textOf(params, 'public_id')
  if (given !== undefined) return given
  const name = textOf(params, 'filename_override') ?? file.filename
  const useName = flagOf(params, 'use_filename') && stemOf(name) !== ''
  const chosen = useName ? fromFilename(params, stemOf(name)) : randomName(20)
  const extension = extensionOf(name)
  return file.resourceType === 'raw' && extension !== '' ? `${chosen}.${extension}` : chosen
}

const folderParam = (params: Params, name: string): string | undefined => {
  const folder = params[name]
  if (folder === undefined || folder === null) return undefined
  const text = String(folder)
  if (text.length > LONGEST) throw badRequest(`${name} is too long. Maximum length is ${LONGEST}`)
  return text.replace(/^\/+|\/+$/g, '')
}

/** What goes before the id: `folder` in either mode, else the prefixes that only dynamic accounts know. */
const prefixOf = (cloud: Cloud, params: Params): string | undefined => {
  const folder = folderParam(params, 'folder')
  if (folder !== undefined || cloud.settings.folderMode === 'fixed') return folder
  const prefix = folderParam(params, 'public_id_prefix')
  if (prefix !== undefined) return prefix
  return flagOf(params, 'use_asset_folder_as_public_id_prefix') ? folderParam(params, 'asset_folder') : undefined
}

const publicIdOf = (cloud: Cloud, params: Params, file: NamedFile): string => {
  const prefix = prefixOf(cloud, params)
  const last = lastPart(params, file)
  const wanted = prefix === undefined || prefix === '' ? last : `${prefix}/${last}`
  // Ids from before the rules were made still exist and can be overwritten as they are.
  if (cloud.shelf.byName(file.resourceType, file.type, wanted) !== undefined) return wanted
  const publicId = allowed(wanted)
  checkId(publicId)
  return publicId
}

/** Throws the 400 of a display name that has a slash or is too long. */
const displayNameOf = (params: Params): string | undefined => {
  const given = textOf(params, 'display_name')
  if (given === undefined) return undefined
  if (given.includes('/')) throw badRequest('Display name cannot contain forward slashes')
  if ([...given].length > LONGEST) throw badRequest(`display_name is too long. Maximum length is ${LONGEST}`)
  return given
}

/** The dynamic account's folder of an asset, when the request says one. */
const assetFolderOf = (cloud: Cloud, params: Params): string | undefined =>
  cloud.settings.folderMode === 'fixed'
    ? undefined
    : (folderParam(params, 'asset_folder') ?? folderParam(params, 'folder'))

export const namesOf = (cloud: Cloud, params: Params, file: NamedFile): Names => {
  const publicId = publicIdOf(cloud, params, file)
  const name = stemOf(textOf(params, 'filename_override') ?? file.filename)
  const displayed = flagOf(params, 'use_filename_as_display_name') && name !== '' ? name : undefined
  return {
    publicId,
    assetFolder: cloud.settings.folderMode === 'fixed' ? parentOf(publicId) : assetFolderOf(cloud, params),
    displayName: displayNameOf(params) ?? displayed,
    originalFilename: name === '' || flagOf(params, 'discard_original_filename') ? null : name,
  }
}
