import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Fault, type FaultPlan, type FaultProxy, seededPlan, startFaultProxy } from '../fault-proxy.ts'
import { realAssets } from '../rig.ts'
import { hasRadosgw, useRadosgw } from '../servers/radosgw.ts'
import { addNoise, expectWhole, makeStage, type Stage } from './bucket-stage.ts'
import { start } from './program.ts'

const MB = 1_000_000
const BACKUP = ['backup', '--yes-mass-change', '--details', 'none', '--json']
const small = (count: number): number[] => Array.from({ length: count }, (_, n) => 400 + (n % 40) * 900)
const SLOW_DOWN: Fault = {
  status: 503,
  body: '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>',
}
const FAULTS: readonly Fault[] = [
  ...(['reset-before', 'reset-after', 'cut-request', 'corrupt-request', 'cut-answer'] as const),
  ...[SLOW_DOWN, { status: 500, body: '<html>broken' }],
]
/** They cost the whole time that the program waits for a byte. */
const SILENT: readonly Fault[] = ['silence', 'stall-answer']

/** The program reaches the bucket through a proxy, whose plan may change while it runs. */
async function stageOverProxy(): Promise<{ stage: Stage; proxy: FaultProxy; line: { plan: FaultPlan } }> {
  const { endpoint } = await useRadosgw()
  const line: { plan: FaultPlan } = { plan: () => null }
  const proxy = await startFaultProxy({ target: endpoint, plan: (request) => line.plan(request) })
  const stage = await makeStage({ env: { CLOUDKEEP_IDLE_TIMEOUT: '2s' } }, (url) => url.replace(endpoint, proxy.url))
  const close = async (): Promise<void> => {
    await stage.close()
    await proxy.close()
  }
  return { stage: { ...stage, close }, proxy, line }
}

const untilFetched = async ({ rig }: Stage, count: number): Promise<void> => {
  while (rig.sandbox.requests.filter(({ area }) => area === 'delivery').length < count) await sleep(20)
}

describe.skipIf(!hasRadosgw)('between the program and the S3 server', () => {
  test.concurrent('a line on which a fifth of all requests fails leaves nothing unsaid, and nothing wrong in the vault', async () => {
    const { stage, proxy, line } = await stageOverProxy()
    const { rig } = stage
    try {
      addNoise(rig.cloud, 0, [...small(220), 9 * MB, 20 * MB])
      const [often, rarely] = [seededPlan(7, 0.19, FAULTS), seededPlan(8, 0.01, SILENT)]
      line.plan = (request) => rarely(request) ?? often(request)
      const bad = await stage.run(BACKUP)
      const all = proxy.met.length
      const met = proxy.met.filter(({ fault }) => fault !== null)
      expect(met.length).toBeGreaterThan(30)
      const summary = bad.lines.at(-1) ?? {}
      const named = bad.lines.filter(({ type }) => type === 'failure')
      expect([0, 3], bad.stdout.slice(-2000) + bad.stderr).toContain(bad.code)
      expect(summary).toMatchObject({ scanned: 222, failed: named.length, complete: bad.code === 0 })
      line.plan = () => null
      const good = await stage.run(BACKUP)
      expect(good.code, good.stdout.slice(-2000) + good.stderr).toBe(0)
      expect(good.lines.at(-1)).toMatchObject({ complete: true, failed: 0 })
      await expectWhole(stage)
      console.log(`${met.length} of ${all} requests met a fault, ${named.length} assets failed at first`)
    } finally {
      await stage.close()
    }
  })

  test.concurrent('an outage of some seconds delays the run and does not end it', async () => {
    const { stage, line } = await stageOverProxy()
    try {
      addNoise(stage.rig.cloud, 0, [...small(150), 9 * MB])
      const { ended } = start(BACKUP, stage.rig.env)
      await untilFetched(stage, 40)
      line.plan = () => 'reset-before'
      await sleep(3000)
      line.plan = () => null
      const end = await ended
      expect(end.code, end.stdout.slice(-2000) + end.stderr).toBe(0)
      expect(end.lines.at(-1)).toMatchObject({ complete: true, fetched: 151, failed: 0 })
    } finally {
      await stage.close()
    }
  })

  test.concurrent('an outage that does not end stops the run with one sentence, and the next one goes on from there', async () => {
    const { stage, line } = await stageOverProxy()
    const { rig } = stage
    try {
      addNoise(rig.cloud, 0, [...small(150), 9 * MB])
      // Slow enough for everything but transfers to be over when it happens.
      rig.sandbox.faults.add({ area: 'delivery', fault: { kind: 'latency', ms: 150 } })
      const running = start(BACKUP, rig.env)
      await untilFetched(stage, 60)
      line.plan = () => 'reset-before'
      const end = await running.ended
      expect(end.code, end.stdout.slice(-2000) + end.stderr).toBe(1)
      expect(end.lines.at(-1)).toMatchObject({ ok: false, error: { code: 'STORE_UNAVAILABLE' } })
      line.plan = () => null
      rig.sandbox.faults.clear()
      const kept = new Set((await stage.bucket.keys()).map((key) => key.slice(-64)))
      const before = rig.sandbox.requests.length
      const next = await stage.run(BACKUP)
      expect(next.code, next.stdout.slice(-2000) + next.stderr).toBe(0)
      expect(next.lines.at(-1)).toMatchObject({ complete: true, failed: 0 })
      const again = rig.sandbox.requests.slice(before).filter(({ area }) => area === 'delivery')
      const finished = realAssets(rig.cloud).filter(
        ({ content }) =>
          content !== null &&
          kept.has(
            createHash('sha256')
              .update(content.read(0, content.size - 1))
              .digest('hex'),
          ),
      )
      expect(finished.length).toBeGreaterThan(10)
      const repeated = finished.filter(({ publicId }) => again.some(({ path }) => path.includes(`/${publicId}.`)))
      expect(repeated).toEqual([])
      await expectWhole(stage)
    } finally {
      await stage.close()
    }
  })
})
