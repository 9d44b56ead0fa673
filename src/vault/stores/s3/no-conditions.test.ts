import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collect } from '../../../../test/contracts/store.ts'
import { type FaultProxy, startFaultProxy } from '../../../../test/fault-proxy.ts'
import { makeBucket, placeIn } from '../../../../test/servers/buckets.ts'
import { hasRadosgw, useRadosgw } from '../../../../test/servers/radosgw.ts'
import { memoryBody, textBody } from '../../body.ts'
import type { Bucket } from '../../bucket.ts'
import { openS3Bucket } from './bucket.ts'

const KEY = 'objects/ab/ab12'

/** As Backblaze B2 is reported to answer to conditions on writing. */
const PICKY = {
  status: 501,
  headers: { 'content-type': 'application/xml' },
  body: '<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented</Message></Error>',
}

describe.skipIf(!hasRadosgw)('a service that knows no conditions on writing', () => {
  let proxy: FaultProxy
  let bucket: Bucket
  beforeEach(async () => {
    const server = await useRadosgw()
    proxy = await startFaultProxy({
      target: server.endpoint,
      plan: ({ headers }) => (headers['if-none-match'] === undefined ? null : PICKY),
    })
    const place = placeIn({ endpoint: proxy.url }, await makeBucket(server))
    bucket = await openS3Bucket(place, { credentials: server.owner, timing: { tries: 3, firstMs: 1, maxMs: 2 } })
  }, 120_000)
  afterEach(async () => {
    await bucket.store.close?.()
    await proxy.close()
  })

  test('creates what is absent and leaves what is there, after a look', async () => {
    const { store } = bucket
    expect(await store.put(KEY, textBody('first'), undefined, 'create')).toBe(true)
    expect(await store.put(KEY, textBody('second'), undefined, 'create')).toBe(false)
    expect((await collect(await store.get(KEY))).toString()).toBe('first')
  })

  test('is asked once whether it knows them', async () => {
    for (const name of ['a', 'b', 'c']) await bucket.store.put(name, textBody(name), undefined, 'create')
    expect(proxy.met.filter(({ fault }) => fault !== null)).toHaveLength(1)
  })

  test('takes large bodies too', async () => {
    const large = Buffer.alloc(17 * 1024 * 1024, 7)
    expect(await bucket.store.put(KEY, memoryBody(large), undefined, 'create')).toBe(true)
    expect(await bucket.store.put(KEY, memoryBody(large), undefined, 'create')).toBe(false)
    expect(await bucket.store.stat(KEY)).toMatchObject({ size: large.length })
  })
})
