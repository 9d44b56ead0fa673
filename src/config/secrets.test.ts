import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadSettings } from './config.ts'
import { exportForSdks, readEnvironment } from './env.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'cloudkeep-secrets-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const load = (variables: Record<string, string>) => loadSettings(readEnvironment({ variables, cwd }))

const IDENTITY = '# created: 2026-01-01\nAGE-SECRET-KEY-1FIRST\n\nAGE-SECRET-KEY-1SECOND\n'
const KEY = 'b64+accountkey/value=='
const AZURE = {
  AZURE_STORAGE_CONNECTION_STRING: `DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=${KEY};EndpointSuffix=x`,
  AZURE_STORAGE_ACCOUNT: 'shop',
  AZURE_STORAGE_KEY: 'another+key==',
  AZURE_STORAGE_SAS_TOKEN: '?sv=2024&sp=rw&sig=sas%2Fsignature',
}

test('what opens vaults and stores is read from variables, files and .env', () => {
  writeFileSync(join(cwd, 'key.txt'), IDENTITY)
  writeFileSync(join(cwd, '.env'), 'CLOUDKEEP_WRITER_KEY=writer\nAZURE_STORAGE_ACCOUNT=shop\n')
  const { secrets } = load({ CLOUDKEEP_IDENTITY_FILE: 'key.txt', CLOUDKEEP_PASSPHRASE: 'correct horse' })
  expect([secrets.identity, secrets.passphrase, secrets.writerKey]).toEqual([
    IDENTITY.trimEnd(),
    'correct horse',
    'writer',
  ])
  expect(secrets.storeVariables).toEqual({ AZURE_STORAGE_ACCOUNT: 'shop' })
  const none = load({ CLOUDKEEP_WRITER_KEY: 'x' }).secrets
  expect([none.identity, none.passphrase]).toEqual([null, null])
})

test('none of it shows when printed, inspected, serialised or redacted', () => {
  const { config, secrets } = load({
    ...AZURE,
    CLOUDKEEP_IDENTITY: IDENTITY,
    CLOUDKEEP_PASSPHRASE: 'correct horse',
    CLOUDKEEP_WRITER_KEY: 'WRITERKEY',
    AWS_SECRET_ACCESS_KEY: 'aws/secret+key',
    CLOUDINARY_URL: 'cloudinary://123:TOPSECRET@demo',
  })
  const told =
    'TOPSECRET; AGE-SECRET-KEY-1FIRST; key AGE-SECRET-KEY-1SECOND.; correct horse; WRITERKEY; aws/secret+key; ' +
    `${KEY}; ${encodeURIComponent(KEY)}; another+key==; sv=2024&sp=rw&sig=sas%2Fsignature; sas%2Fsignature; shop`
  const shown = [
    String(secrets),
    JSON.stringify(secrets),
    inspect(secrets, { showHidden: true, depth: 9 }),
    inspect(config),
  ]
  const all = [...shown, secrets.redact(told)].join(' ')
  for (const word of [
    'TOPSECRET',
    'FIRST',
    'SECOND',
    'horse',
    'WRITERKEY',
    'aws/',
    'accountkey',
    'another',
    'signature',
  ]) {
    expect(all).not.toContain(word)
  }
  const nested = load({ CLOUDKEEP_PASSPHRASE: 'correct horse', CLOUDKEEP_WRITER_KEY: 'correct horse battery' }).secrets
  expect(nested.redact('it was correct horse battery')).toBe('it was [hidden]')
  // The name of a storage account is in every message about it.
  expect(secrets.redact(told)).toMatch(/; shop$/)
})

test('what only .env says is given to the packages that read the process, and nothing else is', () => {
  writeFileSync(
    join(cwd, '.env'),
    'AWS_REGION=eu-central-1\nAWS_PROFILE=file\nGOOGLE_APPLICATION_CREDENTIALS=key.json\nAZURE_TENANT_ID=t\nAPI_SECRET=x\nAWS_EMPTY=\n',
  )
  const variables: Record<string, string | undefined> = { AWS_PROFILE: 'process', AZURE_TENANT_ID: '' }
  const env = readEnvironment({ variables, cwd })
  exportForSdks(env, variables)
  const wanted = {
    AWS_REGION: 'eu-central-1',
    AWS_PROFILE: 'process',
    GOOGLE_APPLICATION_CREDENTIALS: 'key.json',
    AZURE_TENANT_ID: 't',
  }
  expect(variables).toEqual(wanted)
  exportForSdks(env, variables)
  expect(variables).toEqual(wanted)
})

test.each([
  ['linux', {}, '/home/me/.config/cloudkeep', '/home/me/.cache/cloudkeep'],
  ['darwin', { XDG_CONFIG_HOME: '/c', XDG_CACHE_HOME: '/k' }, '/c/cloudkeep', '/k/cloudkeep'],
  [
    'linux',
    { XDG_CONFIG_HOME: 'relative', XDG_CACHE_HOME: '' },
    '/home/me/.config/cloudkeep',
    '/home/me/.cache/cloudkeep',
  ],
  ['win32', { APPDATA: '/r', LOCALAPPDATA: '/l', XDG_CACHE_HOME: '/k' }, '/r/cloudkeep', '/l/cloudkeep'],
  ['win32', {}, '/home/me/AppData/Roaming/cloudkeep', '/home/me/AppData/Local/cloudkeep'],
  ['linux', { CLOUDKEEP_CACHE: '~/near' }, '/home/me/.config/cloudkeep', '/home/me/near'],
] as const)('on %s with %j keys and cache have their folders', (platform, variables, keys, cache) => {
  const { config } = loadSettings(readEnvironment({ variables, cwd, home: '/home/me', platform }))
  expect([config.keyFolder, config.cacheFolder]).toEqual([keys, cache])
})

test('a limit is a timetable, and as of now a number', () => {
  const { config } = load({ CLOUDKEEP_BWLIMIT: 'Sun-00:00,1M 00:00,1M' })
  expect([config.bwlimit, config.bandwidth.slots.length, config.bandwidth.text]).toEqual([
    1024 ** 2,
    7,
    'Sun-00:00,1M 00:00,1M',
  ])
})
