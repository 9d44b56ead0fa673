import { type StoreUnderTest, storeContract } from '../../../../test/contracts/store.ts'
import { type Fault, type FaultPlan, seededPlan, startFaultProxy } from '../../../../test/fault-proxy.ts'
import { placeAt } from '../../../../test/servers/gcs/rig.ts'
import { startGcs } from '../../../../test/servers/gcs.ts'
import { openGcsBucket } from './bucket.ts'

const FAULTS: readonly Fault[] = [
  'reset-before',
  'reset-after',
  'cut-request',
  'cut-answer',
  { status: 503, body: '<html>busy</html>' },
  { status: 429 },
]
/** Bytes of objects are guarded by checksums on the way; the few words around them only by TLS, which is not spoken here. */
const LARGE = 100_000

const planOf = (seed: number): FaultPlan => {
  const usual = seededPlan(seed, 0.2, FAULTS)
  const corrupting = seededPlan(seed + 1, 0.1, ['corrupt-request'])
  return (request) => usual(request) ?? (request.size > LARGE ? corrupting(request) : null)
}

let seed = 0
const open = async (): Promise<StoreUnderTest> => {
  seed += 1
  const server = await startGcs({ largestPage: 37 })
  const proxy = await startFaultProxy({ target: server.endpoint, plan: planOf(seed) })
  const { store } = await openGcsBucket(placeAt(server, { endpoint: proxy.url }), {
    persistence: { timing: { tries: 15, firstMs: 1, maxMs: 2 } },
    timeouts: { idleMs: 4000 },
    simpleLimit: 2_000_000,
    // The checksum is one of the whole body: with many parts each of them damaged now and then, none would ever get through.
    chunkSize: 8 * 1024 * 1024,
  })
  return {
    store,
    close: async () => {
      await store.close?.()
      await proxy.close()
      await server.close()
    },
  }
}

storeContract('Google Cloud Storage behind a line that breaks', open, {
  skip: {
    'shows a reader whole bodies only, old or new, while a key is replaced':
      'a reader whose connection breaks cannot go on with a body that was replaced, and hears so',
  },
})
