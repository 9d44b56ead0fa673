import { createRequire } from 'node:module'
import { AppError } from '../../../model/errors.ts'
import type { BucketPlace } from '../../../model/vault-place.ts'

/** The vendor's package, loaded when the first bucket is opened: a vault on a disk must not pay for it. */
export type Sdk = typeof import('@aws-sdk/client-s3')
export type S3Client = InstanceType<Sdk['S3Client']>

const require = createRequire(import.meta.url)

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/**
 * The package warns on stderr that it will end its support of Node 20 some day, on every start. Only an environment
 * variable turns that off, or this flag of the same module; where it is not found, the warning stays.
 */
const silenceVersionWarning = (): void => {
  try {
    const inner: unknown = createRequire(require.resolve('@aws-sdk/client-s3'))('@aws-sdk/core/client')
    if (isRecord(inner) && isRecord(inner['state'])) inner['state']['warningEmitted'] = true
  } catch {
    // Another layout of the package.
  }
}

export const loadSdk = async (): Promise<Sdk> => {
  try {
    const sdk = await import('@aws-sdk/client-s3')
    silenceVersionWarning()
    return sdk
  } catch (cause) {
    throw new AppError('STORE_REFUSED', 'the package that talks to S3 is not installed', {
      hint: 'npm install @aws-sdk/client-s3',
      cause,
    })
  }
}

interface Timeouts {
  /** Milliseconds until a connection must stand. @default 10 s */
  readonly connectMs?: number
  /** Milliseconds without a byte in either direction. @default 60 s */
  readonly idleMs?: number
}

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface ClientOptions {
  readonly timeouts?: Timeouts
  /** @default the vendor's chain: environment, profile files, SSO, web identity, instance */
  readonly credentials?: Credentials
}

/** More than the store's own limit, because lists and looks go on beside transfers. */
const SOCKETS = 64

const configOf = ({ options }: BucketPlace, given: ClientOptions) => ({
  ...(options.endpoint !== undefined && {
    endpoint: options.endpoint,
    // Other servers answer 411, or store the framing as data, when a checksum trails the body.
    requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
  }),
  forcePathStyle: options.pathStyle ?? options.endpoint !== undefined,
  ...(options.profile !== undefined && { profile: options.profile }),
  ...(given.credentials !== undefined && { credentials: given.credentials }),
  // The store repeats itself, and says so.
  maxAttempts: 1,
  // It would cost every larger part a connection of its own.
  expectContinueHeader: false,
  requestHandler: {
    connectionTimeout: given.timeouts?.connectMs ?? 10_000,
    socketTimeout: given.timeouts?.idleMs ?? 60_000,
    httpAgent: { keepAlive: true, maxSockets: SOCKETS },
    httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
  },
})

/** Throws STORE_REFUSED when nothing says in which region the bucket is. */
export const makeClient = async (sdk: Sdk, place: BucketPlace, given: ClientOptions): Promise<S3Client> => {
  const config = configOf(place, given)
  if (place.options.region !== undefined) return new sdk.S3Client({ ...config, region: place.options.region })
  const client = new sdk.S3Client(config)
  try {
    await client.config.region()
    return client
  } catch (cause) {
    client.destroy()
    // Servers other than Amazon's mostly take any region.
    if (place.options.endpoint !== undefined) return new sdk.S3Client({ ...config, region: 'us-east-1' })
    throw new AppError('STORE_REFUSED', `nothing says in which region the bucket ${place.bucket} is`, {
      hint: `add ?region=… to the URL, or set AWS_REGION`,
      cause,
    })
  }
}
