import { AppError } from '../../../model/errors.ts'
import type { BucketPlace } from '../../../model/vault-place.ts'
import { bucketName } from '../../../model/vault-place.ts'

/** Of the environment, as whoever read it passes it on. */
export type Variables = Readonly<Record<string, string | undefined>>

/** How to get into a storage account; with neither key nor SAS token through Microsoft Entra ID. Secret. */
export interface AccountAccess {
  /** Base URL of the blob service, without a slash at its end; with an emulator it ends with the account's name. */
  readonly url: string
  readonly key: { readonly account: string; readonly secret: string } | null
  /** Without the question mark. */
  readonly sas: string | null
}

interface Connection {
  readonly account: string | null
  readonly key: string | null
  readonly sas: string | null
  readonly url: string | null
}

/** "Use the Azurite emulator" (learn.microsoft.com): a public name and a public key. */
const EMULATOR: Connection = {
  account: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  sas: null,
  url: 'http://127.0.0.1:10000/devstoreaccount1',
}

const blank = (text: string | undefined): string | null =>
  text === undefined || text.trim() === '' ? null : text.trim()
const withoutMark = (sas: string | null): string | null => (sas === null ? null : sas.replace(/^\?/u, ''))

/** `A=b;C=d==`: the first equals sign ends the name, since keys end with some. */
const fieldsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text
      .split(';')
      .filter((field) => field.includes('='))
      .map((field) => [field.slice(0, field.indexOf('=')).trim().toLowerCase(), field.slice(field.indexOf('=') + 1)]),
  )

/** "Configure Azure Storage connection strings" (learn.microsoft.com). */
const readConnection = (text: string): Connection => {
  const fields = fieldsOf(text)
  if (fields.get('usedevelopmentstorage') === 'true') return EMULATOR
  const field = (name: string): string | null => blank(fields.get(name))
  const account = field('accountname')
  const url = field('blobendpoint')
  if (account === null && url === null)
    throw new AppError('STORE_REFUSED', 'AZURE_STORAGE_CONNECTION_STRING names neither an account nor an endpoint', {
      hint: 'copy it whole from the access keys of the storage account',
    })
  const suffix = field('endpointsuffix') ?? 'core.windows.net'
  return {
    account,
    key: field('accountkey'),
    sas: withoutMark(field('sharedaccesssignature')),
    url: url ?? `${field('defaultendpointsprotocol') ?? 'https'}://${account}.blob.${suffix}`,
  }
}

const readVariables = (place: BucketPlace, variables: Variables): Connection => ({
  account: place.options.account ?? blank(variables['AZURE_STORAGE_ACCOUNT']),
  key: blank(variables['AZURE_STORAGE_KEY']),
  sas: withoutMark(blank(variables['AZURE_STORAGE_SAS_TOKEN'])),
  url: null,
})

const isAddress = (host: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}$/u.test(host) || host === 'localhost' || host.startsWith('[')

/** Emulators have one host for all accounts, so there the account is the first folder; it may be left out. */
const endpointUrl = (endpoint: string, account: string | null): string => {
  if (!URL.canParse(endpoint))
    throw new AppError('STORE_REFUSED', `${JSON.stringify(endpoint)} is not the URL of a blob service`)
  const url = new URL(endpoint)
  const path = url.pathname.replace(/\/+$/u, '')
  return `${url.origin}${path === '' && account !== null && isAddress(url.hostname) ? `/${account}` : path}`
}

const accountOf = (place: BucketPlace, found: Connection): string | null => {
  const wanted = place.options.account
  if (wanted === undefined || found.account === null || wanted === found.account) return wanted ?? found.account
  throw new AppError('STORE_REFUSED', `the connection string is that of ${found.account}, not of ${wanted}`, {
    hint: 'take the option `account` away, or set AZURE_STORAGE_CONNECTION_STRING for that account',
  })
}

/**
 * Finds credentials in the order in which Azure's own tools do: connection string; account with key; account with SAS
 * token; else none, for Microsoft Entra ID. Throws STORE_REFUSED when nothing says which account it is.
 */
export const findAccess = (place: BucketPlace, variables: Variables): AccountAccess => {
  const string = blank(variables['AZURE_STORAGE_CONNECTION_STRING'])
  const found = string === null ? readVariables(place, variables) : readConnection(string)
  const account = accountOf(place, found)
  const { endpoint } = place.options
  const url = endpoint === undefined ? found.url : endpointUrl(endpoint, account)
  if (url === null && account === null)
    throw new AppError('STORE_REFUSED', `nothing says in which storage account ${bucketName(place)} lies`, {
      hint: 'add ?account=NAME to the URL, or set AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING',
    })
  if (found.key !== null && account === null)
    throw new AppError('STORE_REFUSED', 'AZURE_STORAGE_KEY is set, and nothing says of which account it is the key', {
      hint: 'set AZURE_STORAGE_ACCOUNT too',
    })
  return {
    url: (url ?? `https://${account}.blob.core.windows.net`).replace(/\/+$/u, ''),
    key: found.key === null || account === null ? null : { account, secret: found.key },
    sas: found.key === null ? found.sas : null,
  }
}
