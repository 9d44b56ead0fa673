import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createCloud } from '../sandbox/cloud.ts'
import { makeAsset } from '../sandbox/make-asset.ts'
import { type Sandbox, startSandbox } from '../sandbox/server.ts'
import type { Cloud } from '../sandbox/state.ts'
import { commandLine, type Done } from './command-line.ts'
import { differences } from './rig.ts'

let folder: string
let sandbox: Sandbox
let clouds: Record<'shop' | 'press', Cloud>
let variables: Record<string, string>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-many-'))
  clouds = {
    shop: createCloud({ name: 'shop-cloud', settings: { rateLimit: 100_000 } }),
    press: createCloud({ name: 'press-cloud', settings: { rateLimit: 100_000 } }),
  }
  for (const [name, cloud] of Object.entries(clouds)) {
    for (let n = 0; n < 5; n++)
      makeAsset(cloud, {
        publicId: `${name}/${n}`,
        bytes: Buffer.from(`${name} ${n}`),
        createdAt: Date.now() - 86_400_000,
      })
    makeAsset(cloud, { publicId: 'shared', bytes: Buffer.from('the logo of both'), createdAt: Date.now() - 86_400_000 })
    makeAsset(cloud, { publicId: 'drafts/x', bytes: Buffer.from(`${name} draft`), createdAt: Date.now() - 86_400_000 })
  }
  sandbox = await startSandbox({ clouds: Object.values(clouds) })
  variables = { SHOP_URL: sandbox.cloudinaryUrl('shop-cloud'), PRESS_URL: sandbox.cloudinaryUrl('press-cloud') }
})
afterEach(async () => {
  await sandbox.close()
  await rm(folder, { recursive: true, force: true })
})

const CONFIG = {
  vaults: { main: { url: './main', copies: ['usb'] }, usb: { url: './usb' } },
  accounts: {
    shop: { cloud: 'shop-cloud', credentials: 'SHOP_URL', vault: 'main', exclude: ['public_id:drafts/**'] },
    press: { cloud: 'press-cloud', credentials: 'PRESS_URL', vault: 'main' },
  },
}

const write = (config: object): Promise<void> =>
  writeFile(join(folder, 'cloudkeep.config.json'), JSON.stringify(config, null, 2))
const run = (...argv: string[]): Promise<Done> => commandLine(argv, { variables, cwd: folder })

test('backup --all keeps every account of the file, by its own rules, in one vault and its copy', async () => {
  await write(CONFIG)
  const done = await run('backup', '--all', '--json')
  expect(done.exit).toBe(0)
  expect(done.records.at(-1)).toMatchObject({
    ok: true,
    done: 2,
    failed: 0,
    accounts: [
      { account: 'shop', cloud: 'shop-cloud', fetched: 6, excluded: 1, copies: [{ vault: 'usb', ok: true }] },
      { account: 'press', cloud: 'press-cloud', fetched: 7, excluded: 0, copies: [{ vault: 'usb', ok: true }] },
    ],
  })
  expect(await differences({ cloud: clouds.press, vault: join(folder, 'usb') })).toEqual([])
})

test('a copy is fed from the vault: the account is asked for nothing', async () => {
  await write({ ...CONFIG, vaults: { main: { url: './main' }, usb: { url: './usb' } } })
  await run('backup', '--account', 'press')
  await write(CONFIG)
  const before = sandbox.requests.length
  const done = await run('copy', 'usb', '--account', 'press', '--json')
  expect(done.records.at(-1)).toMatchObject({ ok: true })
  expect(sandbox.requests.length).toBe(before)
  expect(await differences({ cloud: clouds.press, vault: join(folder, 'usb') })).toEqual([])
})

test('an account without credentials hides none of the others, and the exit code is its own', async () => {
  await write(CONFIG)
  delete variables['SHOP_URL']
  const done = await run('backup', '--all', '--json')
  expect(done.exit).toBe(12)
  expect(done.records.at(-1)).toMatchObject({
    ok: false,
    accounts: [
      { account: 'shop', error: { code: 'CREDENTIALS_MISSING' } },
      { account: 'press', fetched: 7 },
    ],
  })
})

test('a copy that cannot be reached today makes the run partial, and the next run brings it up to date', async () => {
  await writeFile(join(folder, 'usb'), 'a file where a folder should be')
  await write(CONFIG)
  const done = await run('backup', '--account', 'press', '--json')
  expect(done.exit).toBe(3)
  expect(done.records.at(-1)).toMatchObject({ complete: true, copies: [{ vault: 'usb', ok: false }] })
  await rm(join(folder, 'usb'))
  expect((await run('backup', '--account', 'press')).exit).toBe(0)
  expect(await differences({ cloud: clouds.press, vault: join(folder, 'usb') })).toEqual([])
})

test('with several accounts a backup without a choice names them', async () => {
  await write(CONFIG)
  const done = await run('backup', '--json')
  expect(done.exit).toBe(2)
  expect(done.records.at(-1)).toMatchObject({
    error: { code: 'CONFIG_INVALID', message: expect.stringMatching(/shop, press/) },
  })
})

test('single assets are kept or left out against every rule', async () => {
  const shop = {
    ...CONFIG.accounts.shop,
    overrides: [
      { asset: 'drafts/x', backup: true },
      { asset: 'image/upload/shop/1', backup: false },
    ],
  }
  await write({ ...CONFIG, accounts: { shop } })
  const done = await run('backup', '--json')
  expect(done.records.at(-1)).toMatchObject({ fetched: 6, excluded: 1 })
})
