import { randomBytes } from 'node:crypto'
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { BucketOptions, BucketPlace } from '../../../src/model/vault-place.ts'
import type { Bucket } from '../../../src/vault/bucket.ts'
import type { AzureOptions } from '../../../src/vault/stores/azure/bucket.ts'
import { openAzureBucket } from '../../../src/vault/stores/azure/bucket.ts'
import type { Azurite } from '../azurite.ts'

/** A container of one test. */
export interface TestContainer {
  readonly place: BucketPlace
  /** The vendor's client, to look behind the store's back. */
  readonly client: ContainerClient
  readonly variables: Readonly<Record<string, string>>
  open(options?: AzureOptions, wishes?: BucketOptions): Promise<Bucket>
  remove(): Promise<void>
}

export const makeContainer = async (server: Azurite, prefix = 'vaults/one'): Promise<TestContainer> => {
  const bucket = `test-${randomBytes(8).toString('hex')}`
  const client = new ContainerClient(
    `${server.endpoint}/${bucket}`,
    new StorageSharedKeyCredential(server.account, server.key),
  )
  await client.create()
  const place: BucketPlace = { vendor: 'az', bucket, prefix, options: { endpoint: server.endpoint } }
  const variables = { AZURE_STORAGE_ACCOUNT: server.account, AZURE_STORAGE_KEY: server.key }
  return {
    place,
    client,
    variables,
    open: (options = {}, wishes = {}) =>
      openAzureBucket({ ...place, options: { ...place.options, ...wishes } }, { variables, ...options }),
    remove: async () => {
      await client.deleteIfExists()
    },
  }
}
