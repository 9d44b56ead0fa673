import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Flags, loadSettings, SETTINGS } from './config.ts'
import { readEnvironment } from './env.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'cloudkeep-config-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const load = (variables: Record<string, string> = {}, flags: Flags = {}) =>
  loadSettings(readEnvironment({ variables, cwd }), flags)
const file = (name: string, content: unknown): string => {
  const path = join(cwd, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
const codeOf = (fn: () => unknown): unknown => {
  try {
    fn()
  } catch (error) {
    return error
  }
  return null
}

describe('where a value comes from', () => {
  it('has a default for everything, so that an empty world is enough to look at a vault', () => {
    const { config, secrets, configFile } = load()
    expect(config).toMatchObject({
      vault: { kind: 'local', path: join(cwd, 'cloudkeep-vault') },
      cloud: null,
      uploadPrefix: 'https://api.cloudinary.com',
      concurrency: 48,
      bwlimit: null,
      apiReserve: null,
      wait: true,
      proxy: null,
      timeouts: { connectMs: 10_000, headersMs: 60_000, idleMs: 60_000 },
    })
    expect([secrets.apiKey, secrets.apiSecret, configFile]).toEqual([null, null, null])
    expect(new Set(Object.values(config.origins))).toEqual(new Set(['default']))
  })

  it('takes a flag over the environment over .env over the file over the default, and says which', () => {
    const expected: [number, RegExp][] = []
    const seen = (variables: Record<string, string>, flags: Flags): void => {
      const { config } = load(variables, flags)
      expected.push([config.concurrency, new RegExp(config.origins.concurrency.replace(/.*\//, ''))])
    }
    seen({}, {})
    file('cloudkeep.config.json', { concurrency: 2 })
    seen({}, {})
    file('.env', 'CLOUDKEEP_CONCURRENCY=3\n')
    seen({}, {})
    seen({ CLOUDKEEP_CONCURRENCY: '4' }, {})
    seen({ CLOUDKEEP_CONCURRENCY: '4' }, { concurrency: '5' })
    expect(expected.map(([value]) => value)).toEqual([48, 2, 3, 4, 5])
    expect(expected.map(([, origin]) => origin.source)).toEqual([
      'default',
      'cloudkeep.config.json concurrency',
      '.env CLOUDKEEP_CONCURRENCY',
      'environment CLOUDKEEP_CONCURRENCY',
      'flag --concurrency',
    ])
  })

  it('knows every setting in the config file', () => {
    const values: Record<string, unknown> = {
      vault: 'v',
      cloud: 'demo',
      uploadPrefix: 'https://api-eu.cloudinary.com/',
      secureDistribution: 'img.example.com',
      cname: 'c.example.com',
      privateCdn: true,
      deliveryHosts: ['A.example.com', 'https://b.example.com:8080/'],
      concurrency: 7,
      bwlimit: '10M',
      apiReserve: 50,
      wait: false,
      proxy: 'http://proxy:3128',
      allowCopies: true,
      immutable: true,
      account: '',
      scratch: '512M',
      cache: 'near',
      connectTimeout: '5s',
      headersTimeout: '1m',
      idleTimeout: '250ms',
    }
    expect(SETTINGS.map((setting) => setting.name).sort()).toEqual(Object.keys(values).sort())
    file('cloudkeep.config.json', values)
    expect(load().config).toMatchObject({
      vault: { path: join(cwd, 'v') },
      cloud: 'demo',
      uploadPrefix: 'https://api-eu.cloudinary.com',
      secureDistribution: 'img.example.com',
      cname: 'c.example.com',
      privateCdn: true,
      deliveryHosts: ['a.example.com', 'b.example.com:8080'],
      concurrency: 7,
      bwlimit: 10 * 1024 ** 2,
      apiReserve: 50,
      wait: false,
      proxy: 'http://proxy:3128',
      allowCopies: true,
      immutable: true,
      scratchLimit: 512 * 1024 ** 2,
      cacheFolder: join(cwd, 'near'),
      timeouts: { connectMs: 5000, headersMs: 60_000, idleMs: 250 },
    })
  })

  it('starts relative paths of a named config file at that file', () => {
    const other = mkdtempSync(join(cwd, 'elsewhere-'))
    writeFileSync(join(other, 'c.json'), '{"vault":"kept"}')
    expect(load({ CLOUDKEEP_CONFIG: join(other, 'c.json') }).config.vault).toEqual({
      kind: 'local',
      path: join(other, 'kept'),
    })
  })

  it('names the file and the key of a config file that cannot be right', () => {
    file('cloudkeep.config.json', { concurency: 2 })
    expect(codeOf(load)).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('"concurency"') })
    file('cloudkeep.config.json', { api_secret: 'x' })
    expect(codeOf(load)).toMatchObject({ hint: expect.stringContaining('never from this file') })
    file('cloudkeep.config.json', '{')
    expect(codeOf(load)).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(codeOf(() => load({ CLOUDKEEP_CONFIG: 'absent.json' }))).toMatchObject({
      message: expect.stringContaining('absent.json'),
    })
  })

  it('answers a bad flag with USAGE and a bad variable with CONFIG_INVALID, by name', () => {
    expect(codeOf(() => load({}, { concurrency: 'many' }))).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('--concurrency'),
    })
    expect(codeOf(() => load({ CLOUDKEEP_BWLIMIT: 'fast' }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('CLOUDKEEP_BWLIMIT'),
    })
  })
})

describe('the vault', () => {
  it.each([
    ['sub/vault', (base: string) => join(base, 'sub/vault')],
    ['/srv/vault', () => '/srv/vault'],
    ['/srv/../vault/', () => '/vault'],
    ['file:///srv/my%20vault', () => '/srv/my vault'],
  ])('%s is a folder', (text, path) => {
    expect(load({ CLOUDKEEP_VAULT: text }).config.vault).toEqual({ kind: 'local', path: path(cwd) })
  })

  it('expands the home folder, which no shell does in .env', () => {
    file('.env', 'CLOUDKEEP_VAULT=~/vault')
    expect(load().config.vault).toEqual({
      kind: 'local',
      path: join(readEnvironment({ variables: {}, cwd }).home, 'vault'),
    })
  })

  it.each([
    [
      's3://bucket/a/b?region=eu-central-1',
      { vendor: 's3', bucket: 'bucket', prefix: 'a/b', options: { region: 'eu-central-1' } },
    ],
    ['gs://bucket', { vendor: 'gs', bucket: 'bucket', prefix: '', options: {} }],
    ['az://container/', { vendor: 'az', bucket: 'container', prefix: '', options: {} }],
  ])('%s is a bucket', (text, place) => {
    expect(load({}, { vault: text }).config.vault).toEqual({ kind: 'bucket', place })
  })
})

describe('credentials', () => {
  it('are read from CLOUDINARY_URL, then the long names, then the short ones', () => {
    const all = {
      CLOUDINARY_URL: 'cloudinary://k1:secret1@one',
      CLOUDINARY_CLOUD_NAME: 'two',
      CLOUDINARY_API_KEY: 'k2',
      CLOUDINARY_API_SECRET: 'secret2',
      CLOUD_NAME: 'three',
      API_KEY: 'k3',
      API_SECRET: 'secret3',
    }
    const keys = (variables: Record<string, string>) => {
      const { config, secrets } = load(variables)
      return [config.cloud, secrets.apiKey, secrets.apiSecret]
    }
    expect(keys(all)).toEqual(['one', 'k1', 'secret1'])
    const { CLOUDINARY_URL: _, ...trios } = all
    expect(keys(trios)).toEqual(['two', 'k2', 'secret2'])
    expect(keys({ CLOUD_NAME: 'three', API_KEY: 'k3', API_SECRET: 'secret3' })).toEqual(['three', 'k3', 'secret3'])
    expect(keys({ CLOUDINARY_CLOUD_NAME: 'two', CLOUD_NAME: 'three', API_KEY: 'k3', API_SECRET: 'secret3' })).toEqual([
      'three',
      'k3',
      'secret3',
    ])
  })

  it('of the process win over those of .env, whichever way they are written', () => {
    file('.env', 'CLOUDINARY_URL="cloudinary://k1:secret1@one" # comment\nCLOUDKEEP_CONCURRENCY=3\n')
    expect(load().config.cloud).toBe('one')
    expect(load({ CLOUD_NAME: 'three', API_KEY: 'k3', API_SECRET: 'secret3' }).config.cloud).toBe('three')
    expect(load({ CLOUD_NAME: 'three' }).config.cloud).toBe('one')
  })

  it('may come from files, without the line end', () => {
    const path = file('secret.txt', 's3cr3t\n')
    const { secrets } = load({
      CLOUDINARY_CLOUD_NAME: 'demo',
      CLOUDINARY_API_KEY: 'k',
      CLOUDINARY_API_SECRET_FILE: path,
    })
    expect([secrets.apiSecret, secrets.missing]).toEqual(['s3cr3t', []])
    expect(codeOf(() => load({ CLOUDINARY_API_SECRET_FILE: join(cwd, 'nothing') }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('CLOUDINARY_API_SECRET_FILE'),
    })
    expect(codeOf(() => load({ API_KEY: 'k', API_KEY_FILE: path }))).toMatchObject({
      message: expect.stringContaining('both'),
    })
  })

  it('say what is missing', () => {
    expect(load({ CLOUDINARY_CLOUD_NAME: 'demo', CLOUDINARY_API_KEY: 'k' }).secrets.missing).toEqual([
      'CLOUDINARY_API_SECRET',
    ])
    expect(load().secrets.missing).toEqual(['CLOUDINARY_URL'])
  })

  it('never show when printed, inspected, serialised or redacted', () => {
    const { config, secrets } = load({ CLOUDINARY_URL: 'cloudinary://key123:TOPSECRET@demo' })
    const basic = Buffer.from('key123:TOPSECRET').toString('base64')
    const shown = [
      String(secrets),
      JSON.stringify({ secrets }),
      inspect(secrets, { showHidden: true, depth: 9 }),
      inspect(config),
      secrets.redact(`GET with TOPSECRET and Basic ${basic}`),
    ].join(' ')
    expect(shown).not.toContain('TOPSECRET')
    expect(shown).not.toContain(basic)
  })

  it.each(['../etc', 'a/b', 'a b', 'ä', '.'])('refuse the cloud name %s, which becomes a folder name', (cloud) => {
    expect(codeOf(() => load({ CLOUD_NAME: cloud }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('CLOUD_NAME'),
    })
  })
})

describe('the proxy', () => {
  it('is the asked one, else HTTPS_PROXY, never for loopback or NO_PROXY', () => {
    const proxy = (variables: Record<string, string>) => load(variables).config.proxy
    expect(proxy({ CLOUDINARY_API_PROXY: 'http://p:1', HTTPS_PROXY: 'http://q:2' })).toBe('http://p:1')
    expect(proxy({ HTTPS_PROXY: 'http://q:2' })).toBe('http://q:2')
    expect(proxy({ HTTPS_PROXY: 'http://q:2', NO_PROXY: 'example.com,.cloudinary.com' })).toBeNull()
    expect(proxy({ HTTPS_PROXY: 'http://q:2', NO_PROXY: 'inary.com' })).toBe('http://q:2')
    expect(proxy({ HTTP_PROXY: 'http://q:2', CLOUDINARY_UPLOAD_PREFIX: 'http://127.0.0.1:4000' })).toBeNull()
    expect(codeOf(() => load({ CLOUDKEEP_PROXY: 'socks://u:pw@x' }))).toMatchObject({
      message: expect.not.stringContaining('pw'),
    })
  })
})
