import { afterEach, expect, test, vi } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { sha256Hex } from '../src/lib/hash.ts'
import { BUCKET_KINDS } from './bucket-rig.ts'
import { type FaultPlan, startFaultProxy } from './fault-proxy.ts'
import { createRig } from './rig.ts'

vi.setConfig({ testTimeout: 120_000 })

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const ASSETS = 60

/** A backup into a bucket behind a line that sees every request; `aside` talks to the bucket without being seen. */
const stage = async (plan: FaultPlan) => {
  const kind = BUCKET_KINDS.find(({ name }) => name === 'gs')
  if (kind === undefined) throw new Error('there is no such bucket')
  const bucket = await kind.make()
  closers.push(bucket.close)
  const [place = '', target = ''] = bucket.url.split('?endpoint=')
  const proxy = await startFaultProxy({ target, plan })
  closers.push(proxy.close)
  await bucket.put('.wellknown/cloudinary/testcloud', '')
  const rig = await createRig({ vault: `${place}?endpoint=${proxy.url}`, env: bucket.env })
  closers.push(rig.close)
  for (let n = 0; n < ASSETS; n++)
    makeAsset(rig.cloud, { publicId: `photo ${n}`, bytes: Buffer.from(`photo ${n}`), createdAt: 1_600_000_000_000 + n })
  const aside = `${target}/storage/v1/b/${place.slice('gs://'.length).split('/')[0]}/o`
  return { rig, proxy, aside }
}

const isListOfObjects = (path: string): boolean => /\/o\?.*prefix=vault%2Fobjects%2F(&|$)/u.test(path)
const nameOf = (n: number): string => sha256Hex(`photo ${n}`)

test('a first backup into a bucket asks for no object that it has just written', async () => {
  const { rig, proxy } = await stage(() => null)
  expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: ASSETS } })
  const asked = proxy.met.filter(({ method, path }) => method === 'GET' && /\/o\/vault%2Fobjects/u.test(path))
  const own = asked.filter(({ path }) =>
    Array.from({ length: ASSETS }, (_, n) => nameOf(n)).some((d) => path.includes(d)),
  )
  expect(own).toEqual([])
  expect(proxy.met.filter(({ path }) => isListOfObjects(path))).toHaveLength(1)
})

test('an object that somebody takes away while the backup runs is fetched again before the head is written', async () => {
  const key = `vault/objects/${nameOf(7).slice(0, 2)}/${nameOf(7)}`
  let removal: 'not yet' | 'under way' | 'done' = 'not yet'
  const { rig, aside } = await stage(({ path }) => {
    if (!isListOfObjects(path) || removal === 'done') return null
    if (removal === 'not yet') {
      removal = 'under way'
      void fetch(`${aside}/${encodeURIComponent(key)}`, { method: 'DELETE' }).then((answer) => {
        if (answer.ok) removal = 'done'
      })
    }
    return { status: 503 }
  })
  const report = await rig.backup()
  expect(removal).toBe('done')
  expect(report).toMatchObject({ complete: true, totals: { fetched: ASSETS } })
  expect(report.events).toContainEqual({
    type: 'note',
    message: 'objects of 1 assets are gone; they are fetched again',
  })
  expect((await rig.verify()).findings).toEqual([])
})
