import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import type { BackupEvent, BackupReport } from '../src/backup/report.ts'
import { runBackup } from '../src/backup/run.ts'
import { AppError } from '../src/model/errors.ts'
import { openVault } from '../src/vault/open.ts'
import type { Store } from '../src/vault/store.ts'
import { createRig, differences, type Rig } from './rig.ts'

const HOUR = 3_600_000
const LARGE = 3_000_000

let rigs: Rig[] = []
afterEach(async () => {
  for (const rig of rigs) await rig.close()
  rigs = []
})

async function rigWith(sizes: readonly number[]): Promise<Rig> {
  const rig = await createRig()
  rigs.push(rig)
  for (const [n, size] of sizes.entries())
    makeAsset(rig.cloud, { publicId: `p-${n}`, bytes: Buffer.alloc(size, `${n} `), createdAt: Date.now() - HOUR })
  return rig
}

const small = (count: number): number[] => Array.from({ length: count }, () => 500)

/** The rig's disk as if it were a bucket that cannot be reached with bodies of these sizes. */
const unreachable = (store: Store, isOut: (size: number) => boolean, tried: number[]): Store => ({
  traits: { ...store.traits, isFar: true },
  get: (...all) => store.get(...all),
  stat: (...all) => store.stat(...all),
  list: (...all) => store.list(...all),
  delete: (...all) => store.delete(...all),
  put: (key, body, ...more) => {
    if (!key.startsWith('objects/') || !isOut(body.size)) return store.put(key, body, ...more)
    tried.push(body.size)
    throw new AppError('STORE_UNAVAILABLE', `cannot write ${key} (tried 8 times)`, { permanent: false })
  },
})

/** A backup whose store fails for some sizes, and the sizes with which it was tried. */
async function backupWith(
  rig: Rig,
  isOut: (size: number) => boolean,
): Promise<{ report: BackupReport | AppError; tried: number[] }> {
  const context = rig.context()
  const place = await context.place('create')
  const tried: number[] = []
  const deps = {
    reader: context.reader(),
    vault: await openVault(unreachable(place.vault.store, isOut, tried)),
    catalog: await context.catalog(),
    library: null,
    scratch: join(rig.vault, '.cache', 'scratch'),
    bwlimit: null,
    now: () => new Date(),
    newId: () => Math.random().toString(36).slice(2, 10),
    tool: 'test',
    listen: (_: BackupEvent) => undefined,
  }
  const options = {
    ...{ dryRun: false, full: false, yesMassChange: false, delete: false, include: [], exclude: [] },
    ...{ concurrency: 4, details: 'none' as const, remote: false, derived: false },
  }
  const report = await runBackup(deps, options, new AbortController().signal).catch((error: unknown) => {
    if (error instanceof AppError) return error
    throw error
  })
  await context.close()
  return { report, tried }
}

const downloads = (rig: Rig): number => rig.sandbox.requests.filter(({ area }) => area === 'delivery').length

test('what a bucket does not take is named, is not asked of the account again, and does not end the run', async () => {
  const rig = await rigWith([...small(12), LARGE])
  const { report, tried } = await backupWith(rig, (size) => size === LARGE)
  expect(report).toMatchObject({
    complete: false,
    totals: { fetched: 12, failed: 1 },
    failures: [{ publicId: 'p-12', code: 'STORE_UNAVAILABLE' }],
  })
  expect(tried).toEqual([LARGE])
  expect(downloads(rig)).toBe(13)
  // Its bytes are there still: the next run has nothing to download.
  expect((await backupWith(rig, () => false)).report).toMatchObject({ complete: true, totals: { fetched: 1 } })
  expect(downloads(rig)).toBe(13)
  expect(await differences(rig)).toEqual([])
})

test('a bucket that takes nothing any more ends the run after a few assets, and the next one goes on', async () => {
  const rig = await rigWith(small(60))
  const { report, tried } = await backupWith(rig, (size) => size === 500)
  expect(report).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/p-\d+/) })
  expect(tried.length).toBeLessThan(20)
  expect((await backupWith(rig, () => false)).report).toMatchObject({ complete: true, totals: { failed: 0 } })
  expect(await differences(rig)).toEqual([])
})
