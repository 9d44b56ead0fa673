import type { Bucket, Storage } from '@google-cloud/storage'
import { AppError } from '../../../model/errors.ts'
import type { BucketPlace } from '../../../model/vault-place.ts'
import { transportCode } from './errors.ts'

/** The vendor's package, set up for one bucket. It never repeats anything by itself. */
export interface Access {
  /** Scheme and host of the service, without a slash at the end. */
  readonly endpoint: string
  /** Its requests may take `idleMs` until their answers begin, and as long until those end. */
  readonly bucket: Bucket
  /** What the package makes its own resumable uploads with: authenticated, and to be ended by a signal. */
  readonly client: Pick<Storage['authClient'], 'request'>
  /**
   * Headers that prove who asks; empty where nobody has to. Throws STORE_REFUSED when there are no credentials: the
   * package itself would ask without any, and what it says then depends on the service.
   */
  prove(): Promise<Readonly<Record<string, string>>>
}

type Sdk = typeof import('@google-cloud/storage')
const NAME = '@google-cloud/storage'

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'

/** The vendor's package, loaded when the first bucket is opened: it is large, and not everybody has it. */
export const loadSdk = async (load: () => Promise<Sdk> = () => import('@google-cloud/storage')): Promise<Sdk> => {
  try {
    return await load()
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new AppError('STORE_REFUSED', `the package ${NAME} is not installed, so gs:// cannot be reached`, {
      hint: `npm install ${NAME}@7.22.0`,
      cause: error,
    })
  }
}

/** Codes that say nothing of the credentials; others, such as ENOENT, come from reading them. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_STREAM_PREMATURE_CLOSE',
])

/** What a service that hands out credentials says: passing trouble, or no. */
const credentialsError = (error: unknown): AppError => {
  const status = statusOf(error)
  const passes =
    status === null ? NETWORK.has(transportCode(error) ?? '') : status === 408 || status === 429 || status >= 500
  return passes
    ? new AppError('STORE_UNAVAILABLE', 'the credentials for Google Cloud Storage could not be fetched', {
        permanent: false,
        hint: 'check the network',
        cause: error,
      })
    : new AppError('STORE_REFUSED', 'there are no usable credentials for Google Cloud Storage', {
        hint: 'run "gcloud auth application-default login", or name a key file in GOOGLE_APPLICATION_CREDENTIALS',
        cause: error,
      })
}

const statusOf = (error: unknown): number | null => {
  if (!(error instanceof Error) || !('status' in error)) return null
  return typeof error.status === 'number' ? error.status : null
}

/**
 * Application Default Credentials, and the endpoint of the place, of STORAGE_EMULATOR_HOST, or of Google. Whoever is
 * reached without TLS is a stand-in and gets no credentials: on the wire anybody could read them.
 */
export const openAccess = (sdk: Sdk, place: BucketPlace, idleMs: number): Access => {
  const { endpoint, project } = place.options
  const named = endpoint === undefined ? {} : { apiEndpoint: endpoint }
  // Emulators are named with and without the path of the API; the package takes either for one half of its calls only.
  const base = new sdk.Storage(named).apiEndpoint.replace(/\/storage\/v1$/u, '')
  const isOpen = base.startsWith('http://')
  const storage = new sdk.Storage({
    apiEndpoint: base,
    useAuthWithCustomEndpoint: !isOpen,
    retryOptions: { autoRetry: false },
    timeout: idleMs,
    userAgent: 'cloudkeep',
    ...(project !== undefined && { projectId: project }),
  })
  storage.apiEndpoint = base
  storage.baseUrl = `${base}/storage/v1`
  const { authClient } = storage
  return {
    endpoint: base,
    bucket: storage.bucket(place.bucket, project === undefined ? {} : { userProject: project }),
    // A client with a word that is no secret in the place of credentials: without any it would look for some.
    client: isOpen ? authClient.fromAPIKey('none') : authClient,
    prove: async () => {
      if (isOpen) return {}
      try {
        return await authClient.getRequestHeaders(base)
      } catch (error) {
        throw credentialsError(error)
      }
    },
  }
}
