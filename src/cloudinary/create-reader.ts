import { createApi } from './api.ts'
import { backupHistory, backupSigns } from './backup-versions.ts'
import { configuration } from './configuration.ts'
import { type ConnectionOptions, connect } from './connection.ts'
import { deletedPage } from './deleted.ts'
import { details } from './details.ts'
import { createDownloader, sources } from './download.ts'
import { createBackupDownloader } from './download-backup.ts'
import { folders } from './folders.ts'
import { allowedOrigins } from './hosts.ts'
import { byAssetIds, byNames, listPage } from './list.ts'
import { createOpener } from './open-body.ts'
import { profile, resourceTypes } from './profile.ts'
import type { AccountReader } from './reader.ts'
import { FULLEST_SEARCH, searchPage } from './search.ts'
import { parseAsset } from './wire/asset.ts'

export interface AccountReaderOptions extends ConnectionOptions {
  readonly secureDistribution?: string
  readonly cname?: string
  readonly privateCdn?: boolean
  /** Further hosts (https) or origins that originals may be fetched from. */
  readonly deliveryHosts?: readonly string[]
  /** Told what the account holds that this version does not know and therefore cannot keep. */
  readonly onNote?: (message: string) => void
}

const deliveryBase = (options: AccountReaderOptions): string => {
  const { cloud, privateCdn, secureDistribution, cname } = options
  if (secureDistribution !== undefined) return withScheme(secureDistribution) + (privateCdn === true ? '' : `/${cloud}`)
  if (privateCdn === true) return withScheme(cname ?? `${cloud}-res.cloudinary.com`)
  return `https://res.cloudinary.com/${cloud}`
}

const withScheme = (host: string): string => (/^https?:\/\//i.test(host) ? host : `https://${host}`).replace(/\/+$/, '')

/**
 * Reads one account over HTTP. Holds connections until `close`. Throws CONFIG_INVALID for a prefix or host that is
 * none; no credential is tried before the first call.
 */
export const createAccountReader = (options: AccountReaderOptions): AccountReader => {
  const { cloud, apiKey, apiSecret } = options
  const note = options.onNote ?? (() => undefined)
  const connection = connect(options)
  const { dispatcher, gate, now } = connection
  const api = createApi(connection)
  const apiBase = connection.origin + connection.basePath
  const openBody = createOpener({ ...connection, origins: allowedOrigins(options), apiBase })
  const signing = { apiBase, apiKey, apiSecret, serverNow: () => now() + gate.skewMs }
  const openSource = createDownloader(openBody, { ...signing, delivery: { base: deliveryBase(options), apiSecret } })
  const openBackup = createBackupDownloader(openBody, signing)
  const listMemory = { useFields: true }
  const detailsMemory = { idsWork: false, allFlags: true }
  const searchMemory = { variant: FULLEST_SEARCH, unknownTypes: new Set<string>(), note }
  return {
    account: { cloud },
    get calls() {
      return api.calls
    },
    get budget() {
      return gate.budget
    },
    profile: (signal) => profile(api, signal),
    resourceTypes: (signal) => resourceTypes(api, note, signal),
    listPage: (partition, position, signal) => listPage(api, listMemory, { partition, position }, signal),
    searchPage: (cursor, signal, order = 'changed') => searchPage(api, searchMemory, { cursor, order }, signal),
    byAssetIds: (assetIds, signal) => byAssetIds(api, listMemory, assetIds, signal),
    byNames: (names, signal) => byNames(api, listMemory, names, signal),
    details: (facts, signal) => details(api, detailsMemory, facts, signal),
    backupHistory: (facts, signal) => backupHistory(api, detailsMemory, facts, signal),
    backupSigns,
    deletedPage: (cursor, signal) => deletedPage(api, cursor, signal),
    folders: (signal) => folders(api, signal),
    configuration: (signal, onPart) => configuration(api, signal, onPart),
    parseRow: (raw, origin) => parseAsset(raw, origin),
    sources,
    openSource,
    openBackup,
    close: () => dispatcher.destroy(),
  }
}
