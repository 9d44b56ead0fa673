import { randomBytes } from 'node:crypto'
import { CreateBucketCommand, PutBucketPolicyCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import type { BucketOptions, BucketPlace } from '../../src/model/vault-place.ts'
import type { Radosgw, RadosgwUser } from './radosgw.ts'

/** A client of the vendor's own, for what only a test does to a bucket. `close` it. */
export const s3Client = ({ endpoint }: Radosgw, user: RadosgwUser): S3Client =>
  new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: user })

/** A new bucket of the owner's; returns its name. */
export const makeBucket = async (
  server: Radosgw,
  has: { readonly lock?: boolean; readonly versions?: boolean } = {},
): Promise<string> => {
  const Bucket = `test-${randomBytes(6).toString('hex')}`
  const client = s3Client(server, server.owner)
  try {
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: has.lock === true }))
    if (has.versions === true)
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }))
    return Bucket
  } finally {
    client.destroy()
  }
}

/** Lets the second user do these things, such as `s3:GetObject`, in the bucket and with everything in it. */
export const allowWriter = async (server: Radosgw, Bucket: string, actions: readonly string[]): Promise<void> => {
  const client = s3Client(server, server.owner)
  const statement = {
    Effect: 'Allow',
    Principal: { AWS: [`arn:aws:iam:::user/${server.writer.id}`] },
    Action: actions,
    Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
  }
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  try {
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy }))
  } finally {
    client.destroy()
  }
}

export const placeIn = (
  server: { readonly endpoint: string },
  bucket: string,
  more: BucketOptions = {},
): BucketPlace => ({
  vendor: 's3',
  bucket,
  prefix: 'vaults/one',
  options: { endpoint: server.endpoint, ...more },
})
