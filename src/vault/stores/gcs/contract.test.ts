import { type StoreContractOptions, storeContract } from '../../../../test/contracts/store.ts'
import { IMPATIENT, placeAt } from '../../../../test/servers/gcs/rig.ts'
import { type Fault, type GcsOptions as ServerOptions, startGcs } from '../../../../test/servers/gcs.ts'
import { type GcsOptions, openGcsBucket } from './bucket.ts'

const contract = (
  name: string,
  settings: () => ServerOptions,
  options: GcsOptions = {},
  exceptions: StoreContractOptions = {},
): void =>
  storeContract(
    name,
    async () => {
      const server = await startGcs(settings())
      const { store } = await openGcsBucket(placeAt(server), { ...IMPATIENT, ...options })
      return {
        store,
        close: async () => {
          await store.close?.()
          await server.close()
        },
      }
    },
    exceptions,
  )

contract('Google Cloud Storage', () => ({ largestPage: 37 }))

/** Requests fail in turn, so that whatever is asked meets each of them sometime. */
const TROUBLE: readonly (Omit<Fault, 'match'> | null)[] = [
  null,
  null,
  { status: 503, reason: 'backendError' },
  null,
  { cut: 'before' },
  null,
  null,
  { cut: 'after' },
  null,
  { status: 429, reason: 'rateLimitExceeded' },
  null,
]
const troubled = (number: number): Omit<Fault, 'match'> | null => TROUBLE[number % TROUBLE.length] ?? null

contract(
  'Google Cloud Storage on a bad line',
  () => ({ plan: troubled }),
  // With little left of each try a body needs many requests, and each kind of trouble meets them.
  { simpleLimit: 1_000_000, chunkSize: 1024 * 1024, persistence: { timing: { tries: 12, firstMs: 1, maxMs: 2 } } },
)

const OLDEST = 'the first body of a key is what counts where all are kept'
contract(
  'Google Cloud Storage that keeps versions and protects objects',
  () => ({ versioning: true, objectRetention: true, largestPage: 23 }),
  {},
  { skip: { 'replaces a key by other bytes, shorter or longer': OLDEST } },
)
