import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { BlobServiceClient } from '@azure/storage-blob'
import { hasAzurite, useAzurite } from './servers/azurite.ts'
import { startGcs } from './servers/gcs.ts'
import { hasRadosgw, type RadosgwUser, useRadosgw } from './servers/radosgw.ts'

/** A bucket of some vendor, as a test of the whole program needs it. */
export interface TestBucket {
  /** For `--vault`. */
  readonly url: string
  /** Variables that give the program its credentials and a cache of its own. */
  readonly env: Readonly<Record<string, string>>
  /** All keys in the bucket, in order, seen by the vendor's own client. */
  keys(): Promise<string[]>
  /** Puts an object there as its owner would by hand. */
  put(key: string, text: string): Promise<void>
  close(): Promise<void>
}

export interface BucketKind {
  readonly name: string
  readonly isThere: boolean
  make(): Promise<TestBucket>
}

const nameOf = (): string => `test-${randomBytes(6).toString('hex')}`

const withCache = async (): Promise<{ env: Record<string, string>; close: () => Promise<void> }> => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-bucket-'))
  return {
    env: { CLOUDKEEP_CACHE: join(folder, 'cache'), XDG_CONFIG_HOME: join(folder, 'config') },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

export const s3Client = async (user?: RadosgwUser): Promise<S3Client> => {
  const { endpoint, owner } = await useRadosgw()
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: user ?? owner,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

/** The SDK's usual chain reads the process's own variables, so those of this process are set to a user's. */
export const actAs = (user: RadosgwUser): void => {
  process.env['AWS_ACCESS_KEY_ID'] = user.accessKeyId
  process.env['AWS_SECRET_ACCESS_KEY'] = user.secretAccessKey
}

export const s3: BucketKind = {
  name: 's3',
  isThere: hasRadosgw,
  make: async () => {
    const { endpoint, owner } = await useRadosgw()
    const [client, bucket, cache] = [await s3Client(), nameOf(), await withCache()]
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    actAs(owner)
    return {
      url: `s3://${bucket}/vault?endpoint=${endpoint}`,
      env: { ...cache.env, AWS_ACCESS_KEY_ID: owner.accessKeyId, AWS_SECRET_ACCESS_KEY: owner.secretAccessKey },
      keys: async () => {
        const keys: string[] = []
        let token: string | undefined
        do {
          const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }))
          keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''))
          token = page.NextContinuationToken
        } while (token !== undefined)
        return keys.sort()
      },
      put: async (key, text) => {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: text }))
      },
      close: async () => {
        client.destroy()
        await cache.close()
      },
    }
  },
}

const gs: BucketKind = {
  name: 'gs',
  isThere: true,
  make: async () => {
    const [bucket, cache] = [nameOf(), await withCache()]
    const fake = await startGcs({ bucket })
    const base = `${fake.endpoint}/storage/v1/b/${bucket}/o`
    return {
      url: `gs://${bucket}/vault?endpoint=${fake.endpoint}`,
      env: cache.env,
      keys: async () => {
        const keys: string[] = []
        let token = ''
        do {
          const answer = await fetch(`${base}?pageToken=${token}`)
          const page = (await answer.json()) as { items?: { name: string }[]; nextPageToken?: string }
          keys.push(...(page.items ?? []).map(({ name }) => name))
          token = page.nextPageToken ?? ''
        } while (token !== '')
        return keys.sort()
      },
      put: async (key, text) => {
        const url = `${fake.endpoint}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(key)}`
        const answer = await fetch(url, { method: 'POST', body: text })
        if (!answer.ok) throw new Error(await answer.text())
      },
      close: async () => {
        await fake.close()
        await cache.close()
      },
    }
  },
}

const az: BucketKind = {
  name: 'az',
  isThere: hasAzurite,
  make: async () => {
    const { endpoint, account, key } = await useAzurite()
    const [bucket, cache] = [nameOf(), await withCache()]
    const connection = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};BlobEndpoint=${endpoint};`
    const container = BlobServiceClient.fromConnectionString(connection).getContainerClient(bucket)
    await container.create()
    return {
      url: `az://${bucket}/vault`,
      env: { ...cache.env, AZURE_STORAGE_CONNECTION_STRING: connection },
      keys: async () => {
        const keys: string[] = []
        for await (const { name } of container.listBlobsFlat()) keys.push(name)
        return keys.sort()
      },
      put: async (name, text) => {
        await container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text))
      },
      close: async () => {
        await container.delete()
        await cache.close()
      },
    }
  },
}

export const BUCKET_KINDS: readonly BucketKind[] = [s3, gs, az]
