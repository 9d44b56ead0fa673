import { afterAll, beforeAll, describe, expect } from 'vitest'
import { storeContract } from '../../../../test/contracts/store.ts'
import { type Fault, type FaultProxy, seededPlan, startFaultProxy } from '../../../../test/fault-proxy.ts'
import { makeBucket, placeIn } from '../../../../test/servers/buckets.ts'
import { hasRadosgw, type Radosgw, useRadosgw } from '../../../../test/servers/radosgw.ts'
import { openS3Bucket } from './bucket.ts'

const SLOW_DOWN: Fault = {
  status: 503,
  body: '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>',
}
const FAULTS: readonly Fault[] = [
  ...(['reset-before', 'reset-after', 'cut-request', 'corrupt-request', 'cut-answer'] as const),
  ...[SLOW_DOWN, { status: 500, body: '<html>broken' }, { status: 502 }],
]
const RARE: readonly Fault[] = ['silence', 'stall-answer']

describe.skipIf(!hasRadosgw)('over a bad line', () => {
  let server: Radosgw
  let bucket: string
  let proxy: FaultProxy
  beforeAll(async () => {
    server = await useRadosgw()
    bucket = await makeBucket(server)
    const [often, rarely] = [seededPlan(7, 0.15, FAULTS), seededPlan(8, 0.01, RARE)]
    proxy = await startFaultProxy({ target: server.endpoint, plan: (request) => rarely(request) ?? often(request) })
  }, 120_000)
  afterAll(async () => {
    const kinds = new Set(proxy.met.flatMap(({ fault }) => (fault === null ? [] : [JSON.stringify(fault)])))
    expect(kinds.size).toBe(FAULTS.length + RARE.length)
    await proxy.close()
  })

  let vaults = 0
  const open = async () => {
    const place = { ...placeIn({ endpoint: proxy.url }, bucket), prefix: `bad-${++vaults}` }
    const { store } = await openS3Bucket(place, {
      ...{ credentials: server.owner, partSize: 5 * 1024 * 1024 },
      ...{ timeouts: { idleMs: 1500 }, timing: { tries: 10, firstMs: 5, maxMs: 50 } },
    })
    return { store, close: async () => store.close?.() }
  }

  storeContract('the S3 store', open, {
    clockStepMs: 3000,
    skip: {
      'shows a reader whole bodies only, old or new, while a key is replaced':
        'a reading that breaks while its key is replaced fails, since it cannot go on with the old body',
    },
  })
})
