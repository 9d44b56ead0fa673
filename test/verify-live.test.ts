import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentOf, makeAsset } from '../sandbox/make-asset.ts'
import type { Asset } from '../sandbox/state.ts'
import { commandLine } from './command-line.ts'
import { createRig, type Rig } from './rig.ts'

let rig: Rig
const assets: Asset[] = []
beforeEach(async () => {
  rig = await createRig()
  assets.length = 0
  for (let n = 0; n < 8; n += 1)
    assets.push(makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`) }))
  await rig.backup()
})
afterEach(() => rig.close())

const cli = (...argv: string[]) => commandLine(argv, { variables: rig.env, cwd: rig.vault })
const differences = (records: readonly Record<string, unknown>[]): string[] =>
  records
    .filter(({ type }) => type === 'finding')
    .map(({ code, subject }) => `${code} ${subject}`)
    .sort()

function asset(n: number): Asset {
  const found = assets[n]
  if (found === undefined) throw new Error(`there is no asset ${n}`)
  return found
}

test('an account as it was kept differs in nothing', async () => {
  const done = await cli('verify', '--live', '--json')
  expect(done.exit).toBe(0)
  expect(differences(done.records)).toEqual([])
  expect(done.records.at(-1)).toMatchObject({
    live: { cloud: 'testcloud', scanned: 8, same: 8, md5Compared: true, gone: 0, notKept: 0 },
  })
  expect((await cli('verify', '--live')).out).toContain('the account is as kept')
})

test('each kind of difference is told by name, once, and is no error', async () => {
  makeAsset(rig.cloud, { publicId: 'new' })
  const longer = asset(0)
  longer.content = contentOf(Buffer.from('longer bytes than before'))
  longer.version += 1
  // The same cld_version and the same length: only the MD5 of the index tells.
  asset(1).content = contentOf(Buffer.from('bytes of X'))
  asset(2).assetFolder = 'elsewhere'
  asset(3).tags.push('later')
  rig.cloud.shelf.remove(asset(4).assetId)
  // Changed in a way that only the time of the last change tells.
  asset(5).times = { ...asset(5).times, updated: asset(5).times.updated + 60_000 }
  const done = await cli('verify', '--live', '--json')
  expect(done.exit).toBe(0)
  expect(differences(done.records)).toEqual([
    'live-gone image/upload/p/4',
    'live-not-kept image/upload/new',
    'live-relabelled image/upload/p/3',
    'live-relabelled image/upload/p/5',
    'live-renamed image/upload/p/2',
    'live-replaced image/upload/p/0',
    'live-replaced image/upload/p/1',
  ])
  const counts = { scanned: 8, notKept: 1, replaced: 2, renamed: 1, relabelled: 2, gone: 1 }
  expect(done.records.at(-1)).toMatchObject({ live: counts, errors: 0 })
  expect((await cli('verify', '--live')).out).toContain('cloudkeep backup')
  await rig.backup({ yesMassChange: true, full: true })
  expect(differences((await cli('verify', '--live', '--json')).records)).toEqual([])
})

test('what a rule left out is not told of', async () => {
  makeAsset(rig.cloud, { publicId: 'drafts/x', assetFolder: 'drafts' })
  await rig.backup({ exclude: ['folder:drafts'] })
  const done = await cli('verify', '--live', '--json')
  expect(done.records.at(-1)).toMatchObject({ live: { excluded: 1, notKept: 0 } })
})

test('without the search index lengths are compared, and it says so', async () => {
  rig.sandbox.faults.add({ pathMatch: /resources\/search/u, fault: { kind: 'status', status: 403 } })
  asset(1).content = contentOf(Buffer.from('bytes of X'))
  const done = await cli('verify', '--live', '--json')
  expect(done.records.at(-1)).toMatchObject({ live: { md5Compared: false, replaced: 0 } })
})

test('an asset that a listing forgot, and the account has, is not gone', async () => {
  for (let n = 0; n < 510; n += 1) makeAsset(rig.cloud, { publicId: `many/${n}`, bytes: Buffer.from('the same') })
  await rig.backup()
  rig.sandbox.faults.add({ pathMatch: /\/resources\/image\/upload/u, times: 1, fault: { kind: 'list-end' } })
  const done = await cli('verify', '--live', '--json')
  expect(done.records.at(-1)).toMatchObject({ live: { scanned: 500, gone: 0 } })
})

test('an account that was never backed up has nothing to be compared with', async () => {
  await rm(join(rig.vault, 'accounts'), { recursive: true })
  const done = await cli('verify', '--live', '--json')
  expect(done.exit).toBe(1)
  expect(done.records.at(-1)).toMatchObject({ error: { code: 'SNAPSHOT_NOT_FOUND' } })
})
