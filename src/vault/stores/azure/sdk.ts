import type { ContainerClient, StoragePipelineOptions } from '@azure/storage-blob'
import { AppError } from '../../../model/errors.ts'
import type { AccountAccess } from './account.ts'

const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND')

/** The vendor's packages are large, so they are optional and loaded when a vault at this vendor is opened. */
const load = async <T>(name: string, loading: Promise<T>): Promise<T> => {
  try {
    return await loading
  } catch (cause) {
    if (!isMissing(cause)) throw cause
    throw new AppError('STORE_REFUSED', `vaults at Azure need the package ${name}, which is not installed`, {
      hint: `npm install ${name}`,
      cause,
    })
  }
}

/**
 * A client of one container. It repeats nothing by itself: `steady` does, and knows what may be repeated.
 * Throws STORE_REFUSED when a package is missing, or where a sign-in would go over a connection that is not encrypted.
 */
export const connect = async (access: AccountAccess, container: string): Promise<ContainerClient> => {
  const { AnonymousCredential, ContainerClient, StorageSharedKeyCredential } = await load(
    '@azure/storage-blob@12.32.0',
    import('@azure/storage-blob'),
  )
  const url = `${access.url}/${encodeURIComponent(container)}`
  const options: StoragePipelineOptions = { retryOptions: { maxTries: 1 } }
  if (access.key !== null)
    return new ContainerClient(url, new StorageSharedKeyCredential(access.key.account, access.key.secret), options)
  if (access.sas !== null) return new ContainerClient(`${url}?${access.sas}`, new AnonymousCredential(), options)
  if (!url.startsWith('https:'))
    throw new AppError('STORE_REFUSED', `a sign-in with Microsoft Entra ID needs https, and ${access.url} is not`, {
      hint: 'set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or give an https endpoint',
    })
  const { DefaultAzureCredential } = await load('@azure/identity@4.13.1', import('@azure/identity'))
  return new ContainerClient(url, new DefaultAzureCredential(), options)
}
