import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { commandLine } from './command-line.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

const DAY = 24 * 3_600_000

let rig: Rig
beforeEach(async () => {
  rig = await createRig()
})
afterEach(() => rig.close())

const asset = (publicId: string, bytes: number, days = 0): void => {
  makeAsset(rig.cloud, { publicId, bytes: Buffer.alloc(bytes, publicId), createdAt: Date.now() - days * DAY })
}

test('size, age and single assets decide what is kept, and the snapshot says what decided', async () => {
  asset('large', 5000)
  asset('large-logo', 5001)
  asset('old', 100, 800)
  asset('young', 100, 3)
  asset('never', 101, 3)
  const report = await rig.backup({
    exclude: ['size:>4K', 'age:>2y'],
    overrides: [
      { asset: 'image/upload/large-logo', backup: true },
      { asset: 'never', backup: false },
    ],
  })
  expect(report.totals).toMatchObject({ scanned: 5, fetched: 2, excluded: 3, failed: 0 })
  expect(report.excludedBy).toEqual({ 'size:>4K': 1, 'age:>2y': 1, 'asset:never': 1 })
  const { entries } = await readNewest(rig.vault, 'testcloud')
  expect(JSON.stringify(entries)).toContain('large-logo')
  // A comparison with the account leaves out what the backup left out.
  const live = await commandLine(['verify', '--live', '--json'], { variables: rig.env, cwd: rig.vault })
  expect(live.records.filter(({ code }) => code === 'live-not-kept')).toEqual([])
})

test('a rule that cannot be understood costs no call to the account', async () => {
  const before = rig.sandbox.requests.length
  await expect(rig.backup({ exclude: ['age:>soon'] })).rejects.toMatchObject({ code: 'USAGE' })
  expect(rig.sandbox.requests.length).toBe(before)
})
