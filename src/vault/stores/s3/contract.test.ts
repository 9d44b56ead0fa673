import { beforeAll, describe } from 'vitest'
import { storeContract } from '../../../../test/contracts/store.ts'
import { makeBucket, placeIn } from '../../../../test/servers/buckets.ts'
import { hasRadosgw, type Radosgw, useRadosgw } from '../../../../test/servers/radosgw.ts'
import { openS3Bucket } from './bucket.ts'

/** What speaks of the oldest body cannot show a newer one. */
const OLDEST = 'a bucket with object lock speaks of the oldest body'

describe.skipIf(!hasRadosgw)('in a real bucket', () => {
  let server: Radosgw
  let bucket: string
  let locking: string
  beforeAll(async () => {
    server = await useRadosgw()
    bucket = await makeBucket(server)
    locking = await makeBucket(server, { lock: true })
  }, 120_000)

  let vaults = 0
  const open = async (name: string) => {
    const place = { ...placeIn(server, name), prefix: `vault-${++vaults}` }
    const { store } = await openS3Bucket(place, { credentials: server.owner, partSize: 5 * 1024 * 1024 })
    return { store, close: async () => store.close?.() }
  }

  storeContract('the S3 store', () => open(bucket), { clockStepMs: 1100 })
  storeContract('the S3 store with object lock', () => open(locking), {
    clockStepMs: 1100,
    skip: {
      'replaces a key by other bytes, shorter or longer': OLDEST,
      'shows a reader whole bodies only, old or new, while a key is replaced': OLDEST,
    },
  })
})
