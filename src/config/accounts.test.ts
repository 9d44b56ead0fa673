import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Flags, type LoadOptions, loadAccounts, loadSettings } from './config.ts'
import { readEnvironment } from './env.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'cloudkeep-accounts-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const write = (content: object): void => writeFileSync(join(cwd, 'cloudkeep.config.json'), JSON.stringify(content))
const load = (variables: Record<string, string> = {}, flags: Flags = {}, options: LoadOptions = {}) =>
  loadSettings(readEnvironment({ variables, cwd }), flags, options)
const all = (variables: Record<string, string> = {}, flags: Flags = {}) =>
  loadAccounts(readEnvironment({ variables, cwd }), flags)
const refused = (fields: object) => expect.objectContaining(fields)
const saying = (...words: string[]) =>
  expect.stringMatching(new RegExp(words.map((word) => word.replace(/[.*+?()[\]$]/g, '\\$&')).join('.*')))

const SHOP = 'cloudinary://111:shop-secret@shop-prod?upload_prefix=https://api-eu.cloudinary.com'
const BLOG = 'cloudinary://222:blog-secret@blog-prod'
const KEYS = { SHOP_URL: SHOP, BLOG_URL: BLOG }
const TWO = {
  vaults: {
    main: { url: 'kept', retention: { keepLast: 3 }, copies: ['offsite'] },
    offsite: { url: 's3://offsite/vault' },
    other: { url: '/srv/other' },
  },
  accounts: {
    shop: { cloud: 'shop-prod', credentials: 'SHOP_URL', vault: 'main', apiReserve: 50, exclude: ['tag:temp'] },
    blog: { credentials: 'BLOG_URL', vault: 'other', concurrency: 2 },
  },
  exclude: ['folder:drafts'],
  retention: { keepLast: 9 },
  concurrency: 8,
}

describe('the account', () => {
  it('is the one that was named, with its settings before those for all', () => {
    write(TWO)
    const shop = load(KEYS, { account: 'shop' })
    expect(shop.config).toMatchObject({
      accountName: 'shop',
      cloud: 'shop-prod',
      vaultName: 'main',
      vault: { kind: 'local', path: join(cwd, 'kept') },
      copies: [{ name: 'offsite', location: { kind: 'bucket', place: { bucket: 'offsite' } } }],
      apiReserve: 50,
      concurrency: 8,
      uploadPrefix: 'https://api-eu.cloudinary.com',
      rules: { include: [], exclude: ['folder:drafts', 'tag:temp'], overrides: [] },
      retention: { snapshots: { last: 3 } },
    })
    expect([shop.secrets.apiKey, shop.secrets.apiSecret]).toEqual(['111', 'shop-secret'])
    expect(shop.config.origins.apiReserve).toContain('accounts.shop.apiReserve')
    const blog = load({ ...KEYS, CLOUDKEEP_ACCOUNT: 'blog', CLOUDKEEP_CONCURRENCY: '5' })
    expect(blog.config).toMatchObject({
      accountName: 'blog',
      cloud: 'blog-prod',
      vaultName: 'other',
      concurrency: 5,
      copies: [],
      rules: { exclude: ['folder:drafts'] },
      retention: { snapshots: { last: 9 } },
    })
    expect(blog.undecided).toEqual({ account: null, vault: null })
  })

  it('may be called by its cloud name, which its credentials may say alone', () => {
    write(TWO)
    expect(load(KEYS, { account: 'shop-prod' }).config.accountName).toBe('shop')
    expect(load(KEYS, { account: 'blog-prod' }).config.accountName).toBe('blog')
    expect(load(KEYS, { cloud: 'blog-prod' }).config.accountName).toBe('blog')
    expect(load(KEYS, { cloud: 'elsewhere' }).config).toMatchObject({ accountName: null, cloud: 'elsewhere' })
    write({ accounts: { a: { cloud: 'same', credentials: 'A' }, b: { cloud: 'same', credentials: 'B' } } })
    expect(() => load({}, { account: 'same' })).toThrow(refused({ code: 'USAGE', message: saying('several', 'a, b') }))
  })

  it('is chosen without asking when there is only one', () => {
    write({ vaults: { main: { url: '/srv/v' } }, accounts: { shop: { credentials: 'SHOP_URL' } } })
    const { config, undecided } = load(KEYS, {}, { account: 'needed' })
    expect(config).toMatchObject({ accountName: 'shop', cloud: 'shop-prod', vaultName: 'main' })
    expect(undecided).toEqual({ account: null, vault: null })
  })

  it('is not guessed among several: who needs one is told their names, who does not goes on', () => {
    write(TWO)
    const variables = { ...KEYS, CLOUDINARY_URL: 'cloudinary://333:other@other' }
    expect(() => load(variables, {}, { account: 'needed' })).toThrow(
      refused({ code: 'CONFIG_INVALID', message: saying('shop, blog'), hint: saying('--account') }),
    )
    const { config, secrets, undecided } = load(variables)
    expect(config).toMatchObject({ accountName: null, cloud: null, vaultName: null })
    expect([secrets.apiKey, secrets.missing]).toEqual([null, ['--account']])
    expect(undecided).toMatchObject({
      account: { code: 'CONFIG_INVALID' },
      vault: { code: 'CONFIG_INVALID', message: saying('main, offsite, other') },
    })
  })

  it('that is not there is refused with the nearest and all names', () => {
    write(TWO)
    expect(() => load(KEYS, { account: 'shpo' })).toThrow(
      refused({ code: 'USAGE', message: saying('flag --account', '"shpo"'), hint: saying('"shop"', 'shop, blog') }),
    )
    expect(() => load({ ...KEYS, CLOUDKEEP_ACCOUNT: 'nobody' })).toThrow(refused({ code: 'CONFIG_INVALID' }))
    write({})
    expect(() => load(KEYS, { account: 'shop' })).toThrow(refused({ code: 'USAGE', hint: saying('no "accounts"') }))
  })

  it('may be the one that the file means when nobody names one', () => {
    write({ ...TWO, account: 'blog' })
    expect(load(KEYS).config.accountName).toBe('blog')
    expect(load(KEYS, { account: 'shop' }).config.accountName).toBe('shop')
  })

  it('decides about a single asset before what all of them say', () => {
    const overrides = [{ asset: 'logo', backup: true }]
    write({
      overrides: [
        { asset: 'logo', backup: false },
        { asset: 'x', backup: false },
      ],
      accounts: { shop: { overrides } },
    })
    expect(load().config.rules.overrides).toEqual([{ asset: 'x', backup: false }, ...overrides])
  })
})

describe('credentials of an account', () => {
  it('come from .env and from files too, with or without _FILE in the name', () => {
    writeFileSync(join(cwd, 'blog.key'), `${BLOG}\n`)
    writeFileSync(join(cwd, '.env'), `SHOP_URL=${SHOP}\nBLOG_URL_FILE=blog.key\n`)
    write(TWO)
    expect(load({}, { account: 'shop' }).secrets.apiSecret).toBe('shop-secret')
    expect(load({}, { account: 'blog' }).secrets.apiSecret).toBe('blog-secret')
    write({ accounts: { blog: { credentials: 'BLOG_URL_FILE' } } })
    expect(load().secrets.apiSecret).toBe('blog-secret')
  })

  it('are never those of another account', () => {
    write(TWO)
    const { config, secrets } = load({ CLOUDINARY_URL: BLOG }, { account: 'shop' })
    expect([config.cloud, secrets.apiKey, secrets.missing]).toEqual(['shop-prod', null, ['SHOP_URL']])
    write({ accounts: { shop: { cloud: 'shop-prod' } } })
    expect(load({ CLOUDINARY_URL: SHOP }).secrets.apiSecret).toBe('shop-secret')
    expect(() => load({ CLOUDINARY_URL: BLOG })).toThrow(
      refused({ code: 'CONFIG_INVALID', message: saying('accounts.shop.cloud', 'CLOUDINARY_URL', 'blog-prod') }),
    )
    expect(() => load({ CLOUDINARY_URL: SHOP, CLOUDKEEP_ACCOUNT: 'shop' }, { cloud: 'blog-prod' })).toThrow(
      refused({ code: 'USAGE', message: saying('--cloud', 'shop-prod') }),
    )
  })

  it('that are no cloudinary:// URL are named by their variable and not repeated', () => {
    write(TWO)
    expect(() => load({ SHOP_URL: 'TOPSECRET' }, { account: 'shop' })).toThrow(
      refused({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('TOPSECRET') }),
    )
    expect(() => load({ SHOP_URL: 'TOPSECRET' }, { account: 'shop' })).toThrow('SHOP_URL')
  })
})

describe('the vault', () => {
  it('may be a name of the file, from a flag, a variable or the file itself; anything else is a place', () => {
    write({ vaults: TWO.vaults, vault: 'other' })
    const vault = (variables: Record<string, string>, flags: Flags = {}) => {
      const { vaultName, vault: location } = load(variables, flags).config
      return [vaultName, location.kind === 'local' ? location.path : location.place.bucket]
    }
    expect(vault({})).toEqual(['other', '/srv/other'])
    expect(vault({ CLOUDKEEP_VAULT: 'main' })).toEqual(['main', join(cwd, 'kept')])
    expect(vault({ CLOUDKEEP_VAULT: 'main' }, { vault: 'offsite' })).toEqual(['offsite', 'offsite'])
    expect(vault({}, { vault: './main' })).toEqual([null, join(cwd, 'main')])
    expect(vault({}, { vault: 'constructor' })).toEqual([null, join(cwd, 'constructor')])
  })

  it('is the one that all accounts agree on, else the only one that is no copy', () => {
    const accounts = { a: { cloud: 'a', vault: 'offsite' }, b: { cloud: 'b', vault: 'offsite' } }
    write({ vaults: TWO.vaults, accounts })
    expect(load()).toMatchObject({ config: { vaultName: 'offsite' }, undecided: { vault: null } })
    const { main, offsite } = TWO.vaults
    write({ vaults: { main, offsite } })
    expect(load()).toMatchObject({ config: { vaultName: 'main' }, undecided: { vault: null } })
    write({ vaults: TWO.vaults })
    expect(load().undecided.vault).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(load({}, { vault: '/elsewhere' }).undecided.vault).toBeNull()
  })

  it('has the lock that its URL or the file asks for', () => {
    const lock = { mode: 'compliance', days: 90 }
    for (const url of ['s3://bucket/v?region=x', 's3://bucket/v?region=x&lock=compliance&lock-days=90']) {
      write({ vaults: { main: { url, lock } } })
      expect(load().config.vault).toEqual({
        kind: 'bucket',
        place: { vendor: 's3', bucket: 'bucket', prefix: 'v', options: { region: 'x', lock } },
      })
    }
  })
})

describe('all accounts', () => {
  it('come in the order of the file, each with its own settings and secrets', () => {
    write(TWO)
    const found = all(KEYS)
    expect(found.map(({ name, settings }) => [name, settings?.config.cloud, settings?.secrets.apiSecret])).toEqual([
      ['shop', 'shop-prod', 'shop-secret'],
      ['blog', 'blog-prod', 'blog-secret'],
    ])
    expect(found.map(({ settings }) => settings?.config.vaultName)).toEqual(['main', 'other'])
  })

  it('one of which lacks credentials, or has broken ones, hides none of the others', () => {
    write(TWO)
    expect(all({ BLOG_URL: BLOG, CLOUDINARY_URL: 'cloudinary://1:x@y' })).toMatchObject([
      { name: 'shop', settings: null, error: { code: 'CREDENTIALS_MISSING', message: saying('shop', 'SHOP_URL') } },
      { name: 'blog', error: null, settings: { config: { cloud: 'blog-prod' } } },
    ])
    expect(all({ ...KEYS, SHOP_URL: 'nothing' })).toMatchObject([
      { name: 'shop', error: { code: 'CONFIG_INVALID', message: saying('SHOP_URL') } },
      { name: 'blog', error: null },
    ])
    expect(all({ ...KEYS, BLOG_URL_FILE: 'absent' })).toMatchObject([
      { error: null },
      { error: { code: 'CONFIG_INVALID' } },
    ])
  })

  it('are the only one where the file names none', () => {
    expect(all({ CLOUDINARY_URL: SHOP })).toMatchObject([{ name: 'shop-prod', error: null }])
    expect(all({})).toMatchObject([{ settings: null, error: { code: 'CREDENTIALS_MISSING' } }])
  })
})
