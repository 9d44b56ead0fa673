import { afterAll, beforeAll, describe, expect } from 'vitest'
import { storeContract } from '../../../../test/contracts/store.ts'
import { type Fault, type FaultProxy, seededPlan, startFaultProxy } from '../../../../test/fault-proxy.ts'
import { makeContainer } from '../../../../test/servers/azure/containers.ts'
import type { Azurite } from '../../../../test/servers/azurite.ts'
import { hasAzurite, useAzurite } from '../../../../test/servers/azurite.ts'

const BUSY: Fault = {
  status: 503,
  headers: { 'content-type': 'application/xml', 'x-ms-error-code': 'ServerBusy' },
  body: '<?xml version="1.0"?><Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>',
}
const FAULTS: readonly Fault[] = [
  ...(['reset-before', 'reset-after', 'cut-request', 'corrupt-request', 'cut-answer'] as const),
  ...[BUSY, { status: 500, body: '<html>broken' }, { status: 502 }],
]
const RARE: readonly Fault[] = ['silence', 'stall-answer']

describe.skipIf(!hasAzurite)('over a bad line', () => {
  let server: Azurite
  let proxy: FaultProxy
  beforeAll(async () => {
    server = await useAzurite()
    const [often, rarely] = [seededPlan(7, 0.15, FAULTS), seededPlan(8, 0.01, RARE)]
    proxy = await startFaultProxy({
      target: new URL(server.endpoint).origin,
      plan: (request) => rarely(request) ?? often(request),
    })
  }, 120_000)
  afterAll(async () => {
    const kinds = new Set(proxy.met.flatMap(({ fault }) => (fault === null ? [] : [JSON.stringify(fault)])))
    expect(kinds.size).toBe(FAULTS.length + RARE.length)
    await proxy.close()
  })

  const open = async () => {
    const container = await makeContainer(server)
    const endpoint = `${proxy.url}/${server.account}`
    const options = { idleMs: 1500, persistence: { timing: { tries: 12, firstMs: 5, maxMs: 50 } } }
    const sizes = { single: 2 * 1024 * 1024, block: 1024 * 1024 }
    return { store: (await container.open({ ...options, sizes }, { endpoint })).store, close: container.remove }
  }

  storeContract('the Azure store', open, {
    clockStepMs: 3000,
    skip: {
      'shows a reader whole bodies only, old or new, while a key is replaced':
        'a reading that breaks while its key is replaced fails, since it cannot go on with the old body',
    },
  })
})
