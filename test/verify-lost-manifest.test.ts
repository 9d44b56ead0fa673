import { chmod, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentOf, makeAsset } from '../sandbox/make-asset.ts'
import type { Asset } from '../sandbox/state.ts'
import type { BackupEvent } from '../src/backup/report.ts'
import { runBackupCommand } from '../src/backup-command.ts'
import { createRig, differences, type Rig, readNewest } from './rig.ts'

let rig: Rig
const assets: Asset[] = []
beforeEach(async () => {
  rig = await createRig()
  assets.length = 0
  for (let n = 0; n < 40; n += 1)
    assets.push(makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`), tags: [`t${n}`] }))
  await rig.backup()
})
afterEach(() => rig.close())

const fileOf = (digest: string): string => join(rig.vault, 'objects', digest.slice(0, 2), digest)
const segmentFile = async (): Promise<string> =>
  fileOf((await readNewest(rig.vault, 'testcloud')).snapshot.segments[0]?.object ?? '')

async function flip(file: string): Promise<void> {
  const bytes = await readFile(file)
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] ?? 0) ^ 16
  await chmod(file, 0o600)
  await writeFile(file, bytes)
}

const DAMAGES: readonly (readonly [string, (file: string) => Promise<void>])[] = [
  ['absent', (file) => rm(file)],
  ['cut short', (file) => chmod(file, 0o600).then(() => truncate(file, 40))],
  ['a bit away from right', flip],
]

for (const [what, damage] of DAMAGES) {
  test(`a backup goes on where the last manifest is ${what}, and downloads nothing twice`, async () => {
    const before = (await readNewest(rig.vault, 'testcloud')).entries
    await damage(await segmentFile())
    makeAsset(rig.cloud, { publicId: 'new', bytes: Buffer.from('new') })
    const [first] = assets
    if (first !== undefined) first.tags.push('more')
    const report = await rig.backup()
    expect(report).toMatchObject({ complete: true, totals: { fetched: 1, failed: 0 } })
    expect(report.events.filter((event) => event.type === 'note')).toMatchObject([
      { message: expect.stringContaining('cannot be read: of its 40 assets') },
    ])
    expect(await differences(rig)).toEqual([])
    const after = new Map((await readNewest(rig.vault, 'testcloud')).entries.map((entry) => [entry.assetId, entry]))
    for (const entry of before.filter(({ publicId }) => publicId !== 'p/0')) {
      const { version, path, object, md5, proof } = entry
      expect(after.get(entry.assetId)).toMatchObject({ version, path, object, md5, proof })
    }
    const { findings } = await rig.verify()
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['segment-unreadable']))
    expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 0, unchanged: 41 } })
  })
}

test('a manifest that a check found damaged is made again although nothing changed', async () => {
  await flip(await segmentFile())
  expect((await rig.backup()).events.filter((event) => event.type === 'note')).toEqual([])
  await rig.verify()
  expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 0, unchanged: 40 } })
  expect(await differences(rig)).toEqual([])
})

test('with the catalog gone too, everything is fetched again', async () => {
  await rm(await segmentFile())
  await rm(join(rig.vault, '.cache'), { recursive: true })
  expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 40, failed: 0 } })
  expect(await differences(rig)).toEqual([])
})

test('an asset whose record and bytes are both lost fails by name and is fetched by the next run', async () => {
  const { entries } = await readNewest(rig.vault, 'testcloud')
  const lost = entries.find(({ publicId }) => publicId === 'p/7')
  await rm(fileOf(lost?.object ?? ''))
  await rm(await segmentFile())
  makeAsset(rig.cloud, { publicId: 'new', bytes: Buffer.from('new') })
  const report = await rig.backup()
  expect(report).toMatchObject({ complete: false, partialReasons: ['failures'] })
  expect(report.failures).toMatchObject([{ publicId: 'p/7', code: 'OBJECT_NOT_FOUND' }])
  expect(await differences(rig)).toEqual(['image/upload/p/7 is not in the snapshot'])
  expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 1 } })
  expect(await differences(rig)).toEqual([])
})

test('an asset replaced between the scan and the second question is not written with its old bytes', async () => {
  await rm(await segmentFile())
  makeAsset(rig.cloud, { publicId: 'new', bytes: Buffer.from('new') })
  const [victim] = assets
  const replace = (event: BackupEvent): void => {
    if (event.type !== 'phase' || event.phase !== 'commit' || victim === undefined) return
    victim.content = contentOf(Buffer.from('quite other bytes'))
    victim.version += 1
  }
  const wish = { dryRun: false, full: false, yesMassChange: false, delete: false, include: [], exclude: [] }
  const options = { ...wish, concurrency: 4, details: 'none', remote: false, derived: false } as const
  const report = await runBackupCommand(rig.context(), options, replace, new AbortController().signal)
  expect(report.failures).toMatchObject([{ publicId: 'p/0' }])
  expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 1 } })
  expect(await differences(rig)).toEqual([])
})
