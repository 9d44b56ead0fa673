import type { LockWish } from './protection.ts'

/** A place for a vault in somebody's cloud storage, as a URL or the config file names it. Holds no secret. */
export interface BucketPlace {
  readonly vendor: Vendor
  /** The bucket; at Azure the container. */
  readonly bucket: string
  /** Keys of the vault begin with this and a slash; empty: the vault has the bucket for itself. */
  readonly prefix: string
  readonly options: BucketOptions
}

export type Vendor = 's3' | 'gs' | 'az'

/** What a URL's parameters say; each vendor knows some of them, and a parameter that it does not know is refused. */
export interface BucketOptions {
  /** Base URL of the service. @default the vendor's own */
  readonly endpoint?: string
  /** s3 */
  readonly region?: string
  /** s3: the bucket in the path instead of the host name. @default true where there is an endpoint */
  readonly pathStyle?: boolean
  /** s3, gs: the storage class; az: the access tier. Manifests and records get the standard one. @default the bucket's */
  readonly storageClass?: string
  /** s3: `AES256`, `aws:kms`, `aws:kms:dsse`. */
  readonly encryption?: string
  /** s3: a KMS key id; gs: a KMS key name; az: an encryption scope. */
  readonly encryptionKey?: string
  /** s3: a profile of the AWS configuration files. */
  readonly profile?: string
  /** gs: the project that pays. */
  readonly project?: string
  /** az: the storage account. @default AZURE_STORAGE_ACCOUNT, or that of the connection string */
  readonly account?: string
  /** Protect what is written for so long. @default null */
  readonly lock?: LockWish | null
}

/** `s3://bucket/prefix`, as messages call it. */
export const bucketName = ({ vendor, bucket, prefix }: BucketPlace): string =>
  `${vendor}://${bucket}${prefix === '' ? '' : `/${prefix}`}`
