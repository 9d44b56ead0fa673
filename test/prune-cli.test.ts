import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import type { Asset } from '../sandbox/state.ts'
import type { BackupEvent, BackupOptions } from '../src/backup/report.ts'
import { runBackupCommand } from '../src/backup-command.ts'
import { commandLine } from './command-line.ts'
import { createRig, differences, type Rig } from './rig.ts'

let rig: Rig
const assets: Asset[] = []
beforeEach(async () => {
  rig = await createRig()
  assets.length = 0
  for (let n = 0; n < 12; n += 1)
    assets.push(makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`) }))
  await rig.backup()
})
afterEach(() => rig.close())

const cli = (...argv: string[]) => commandLine(argv, { variables: rig.env, cwd: rig.vault })

const replace = (n: number, text: string): void => {
  const asset = assets[n]
  if (asset === undefined) throw new Error(`there is no asset ${n}`)
  const twin = makeAsset(rig.cloud, { publicId: `twin ${text}`, bytes: Buffer.from(text) })
  rig.cloud.shelf.remove(twin.assetId)
  const at = Date.now()
  Object.assign(asset, { content: twin.content, version: asset.version + 1, uploadedAt: at, times: { updated: at } })
}
const forget = (n: number): void => rig.cloud.shelf.remove(assets[n]?.assetId ?? '')
const idsNow = async (): Promise<string[]> => {
  const { records } = await cli('snapshots', '--json')
  return records.filter(({ type }) => type === 'snapshot').map(({ id }) => String(id))
}
const everything = async (): Promise<string[]> =>
  (await readdir(rig.vault, { recursive: true })).filter((name) => !/^(\.cache|locks)/.test(name)).sort()

test('without a rule nothing is taken away, and it says so', async () => {
  const before = await everything()
  const done = await cli('prune', '--yes')
  expect(done).toMatchObject({ exit: 2 })
  expect(done.err).toContain('no rule says how long snapshots stay')
  expect(await everything()).toEqual(before)
  const plan = await cli('retention')
  expect(plan.exit).toBe(0)
  expect(plan.out).toContain('1 snapshot, all stay')
})

test('nobody is there to confirm it: nothing is taken away', async () => {
  replace(0, 'another')
  await rig.backup()
  const before = await everything()
  const done = await cli('prune', '--keep-last', '1', '--json')
  expect(done.exit).toBe(2)
  expect(done.records.at(-1)).toMatchObject({ type: 'summary', ok: false, error: { code: 'NOT_CONFIRMED' } })
  expect((await cli('prune', '--keep-last', '1', '-n')).exit).toBe(0)
  expect(await everything()).toEqual(before)
})

test('after a prune every byte that stays verifies and comes back, and the account is kept as before', async () => {
  replace(0, 'the second')
  forget(1)
  await rig.backup()
  replace(0, 'the third')
  replace(2, 'another')
  await rig.backup()
  const [first, second, third] = await idsNow()
  expect((await cli('pin', second ?? '', '--reason', 'before relaunch')).exit).toBe(0)
  const plan = await cli('retention', '--keep-last', '1', '--keep-gone', '1y', '--grace', '0')
  expect(plan.out).toMatch(new RegExp(`${first} .* remove +no rule keeps it`))
  expect(plan.out).toMatch(new RegExp(`${second} .* keep +pinned: before relaunch`))
  expect(plan.out).toContain('1 of 3 snapshots go')
  const done = await cli('prune', '--keep-last', '1', '--keep-gone', '1y', '--grace', '0', '--yes', '--json')
  expect(done.exit).toBe(0)
  const summary = { type: 'summary', ok: true, snapshots: 3, kept: 2, removed: 1, retained: 1 }
  expect(done.records.at(-1)).toMatchObject(summary)
  expect(done.records.map(({ type }) => type)).toEqual(['snapshot', 'snapshot', 'snapshot', 'objects', 'summary'])
  expect(await idsNow()).toEqual([second, third])
  const report = await rig.verify()
  expect(report.findings).toEqual([])
  expect(await differences(rig)).toEqual([])
  for (const [asset, text] of [
    ['p/0@latest', 'the third'],
    [`p/0@${second}`, 'the second'],
    [`p/2@${second}`, 'bytes of 2'],
  ]) {
    const out = join(rig.vault, '..', `out-${text}`)
    expect((await cli('get', asset ?? '', '-o', out)).exit).toBe(0)
    expect(await readFile(out, 'utf8')).toBe(text)
  }
  // The next run finds all as it was, and what was moved (bytes and a list) is gone after the second prune.
  const again = await rig.backup()
  expect(again.totals).toMatchObject({ unchanged: 11, fetched: 0 })
  const last = await cli('prune', '--keep-last', '1', '--keep-gone', '1y', '--grace', '0', '--yes', '--json')
  expect(last.records.at(-1)).toMatchObject({ ok: true, objects: { deleted: { objects: 2 }, waiting: { objects: 0 } } })
  expect((await rig.verify()).findings).toEqual([])
})

test('what a pin held goes when it is taken off', async () => {
  replace(0, 'another')
  await rig.backup()
  const [first] = await idsNow()
  await cli('pin', 'first')
  await cli('pin', 'first', '--reason', 'said better')
  expect(await readdir(join(rig.vault, 'accounts', 'testcloud', 'pins'))).toHaveLength(1)
  expect((await cli('snapshots')).out).toMatch(new RegExp(`^${first} .* pinned, 12 fetched$`, 'm'))
  await cli('prune', '--keep-last', '1', '--yes')
  expect(await idsNow()).toHaveLength(2)
  expect((await cli('unpin', first ?? '')).out).toContain('is not pinned any more')
  expect((await cli('unpin', first ?? '')).out).toContain('was not pinned')
  await cli('prune', '--keep-last', '1', '--yes')
  expect(await idsNow()).toHaveLength(1)
})

test('rules of the config file hold, flags win over them, and mistakes are named', async () => {
  const file = join(rig.vault, '..', 'rules.json')
  replace(0, 'another')
  await rig.backup()
  const rules = (retention: object) => writeFile(file, JSON.stringify({ retention }))
  await rules({ keepLast: 1, keepGone: '1y', grace: '1w', rules: [{ match: 'public_id:p/*', keepWithin: '5y' }] })
  const plan = await cli('retention', '--config', file, '--json')
  expect(plan.records.at(-1)).toMatchObject({ kept: 1, removed: 1 })
  const wider = await cli('retention', '--config', file, '--json', '--keep-last', '2')
  expect(wider.records.at(-1)).toMatchObject({ kept: 2, removed: 0 })
  expect((await cli('config', 'show', '--config', file)).out).toContain('last 1, gone 1y, public_id:p/* within 5y')
  for (const [wrong, word] of [
    [{ keepLast: '7' }, 'retention.keepLast: "7" is not a whole number'],
    [{ keepDays: 7 }, 'unknown key "keepDays"'],
    [{ keepWithin: '30 days' }, 'retention.keepWithin: "30 days" is not a length of time'],
    [{ grace: '30m' }, 'retention.grace: "30m" is not a grace'],
    [{ rules: [{ match: 'colour:red', keepWithin: '1y' }] }, 'retention.rules[0].match: cannot understand the rule'],
    [{ rules: [{ match: 'p/*' }] }, 'rules[0]: says neither keepWithin nor keepGone'],
  ] as const) {
    await rules(wrong)
    const done = await cli('retention', '--config', file)
    expect([done.exit, done.err]).toEqual([2, expect.stringContaining(word)])
  }
  expect(await cli('retention', '--cloud', 'nobody', '--keep-last', '1')).toMatchObject({ exit: 2 })
})

test('two prunes, or a prune and a pin, keep out of each other’s way; a backup does not mind', async () => {
  const context = rig.context()
  const lock = await context.lock('prune', 'prune')
  try {
    for (const argv of [
      ['prune', '--keep-last', '1', '--yes'],
      ['pin', 'latest'],
      ['unpin', 'latest'],
    ]) {
      const done = await cli(...argv)
      expect([done.exit, done.err]).toEqual([11, expect.stringContaining('is locked by "prune"')])
    }
    expect((await rig.backup()).complete).toBe(true)
    expect((await cli('retention', '--keep-last', '1')).exit).toBe(0)
  } finally {
    await lock.release()
  }
})

const OPTIONS: BackupOptions = {
  dryRun: false,
  full: false,
  yesMassChange: false,
  delete: false,
  include: [],
  exclude: [],
  concurrency: 4,
  details: 'none',
  remote: false,
  derived: false,
}

test('what is taken out of the vault while a run is under way comes back before its head is written', async () => {
  const fileOf = (folder: string, text: string): string => {
    const digest = createHash('sha256').update(text).digest('hex')
    return join(rig.vault, folder, ...(folder === 'objects' ? [digest.slice(0, 2)] : []), digest)
  }
  replace(0, 'goes for good')
  replace(1, 'goes to the trash')
  mkdirSync(join(rig.vault, 'trash'))
  const context = rig.context()
  const before = rig.sandbox.requests.length
  // As a prune would on another machine, where nobody knows of this run: when all is fetched, and before the head.
  const listen = (event: BackupEvent): void => {
    if (event.type !== 'phase' || event.phase !== 'commit') return
    rmSync(fileOf('objects', 'goes for good'))
    renameSync(fileOf('objects', 'goes to the trash'), fileOf('trash', 'goes to the trash'))
  }
  const report = await runBackupCommand(context, OPTIONS, listen, new AbortController().signal)
  expect(report).toMatchObject({ complete: true, totals: { fetched: 2 } })
  // Three downloads: only what was gone for good came twice.
  expect(rig.sandbox.requests.slice(before).filter(({ area }) => area === 'delivery')).toHaveLength(3)
  expect((await rig.verify()).findings).toEqual([])
  expect(await differences(rig)).toEqual([])
})
