import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { fits } from '../../test/json-schema.ts'
import { isAppError } from '../model/errors.ts'
import { loadSettings } from './config.ts'
import { readEnvironment } from './env.ts'
import { configSchema } from './schema.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const schema = JSON.parse(readFileSync(join(root, 'schema/cloudkeep.schema.json'), 'utf8')) as unknown

const cwd = mkdtempSync(join(tmpdir(), 'cloudkeep-schema-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

/** What the reader says: null when it takes the file. */
function refusal(content: unknown): string | null {
  writeFileSync(join(cwd, 'cloudkeep.config.json'), typeof content === 'string' ? content : JSON.stringify(content))
  try {
    loadSettings(readEnvironment({ variables: {}, cwd }))
    return null
  } catch (error) {
    if (!isAppError(error, 'CONFIG_INVALID')) throw error
    return `${error.message} (${error.hint ?? ''})`
  }
}

test('the schema in the repository is the one that the reader is made of', () => {
  // To write it anew: npm run build && node scripts/schema.mjs
  expect(schema).toEqual(JSON.parse(JSON.stringify(configSchema())))
})

test('the example is taken by reader and schema', () => {
  const example = JSON.parse(readFileSync(join(root, 'examples/cloudkeep.config.json'), 'utf8')) as object
  expect(refusal(example)).toBeNull()
  expect(fits(schema, example)).toBe(true)
})

const manual = readFileSync(join(root, 'docs/configuration.md'), 'utf8')

test.each([...manual.matchAll(/```json\n([\s\S]*?)```/gu)].map(([, text = '']) => text))(
  'an example of the manual is taken by reader and schema: %s',
  (text) => {
    expect(refusal(text)).toBeNull()
    expect(fits(schema, JSON.parse(text))).toBe(true)
  },
)

test('the manual names every key', () => {
  const inside = (shape: unknown): readonly string[] => {
    if (typeof shape !== 'object' || shape === null) return []
    const keys =
      'properties' in shape && typeof shape.properties === 'object' ? Object.keys(shape.properties ?? {}) : []
    return [...keys, ...Object.values(shape).flatMap(inside)]
  }
  const inOperations =
    readFileSync(join(root, 'docs/operations.md'), 'utf8') + readFileSync(join(root, 'docs/cli.md'), 'utf8')
  const known = manual + inOperations
  expect(inside(schema).length).toBeGreaterThan(50)
  expect(inside(schema).filter((key) => !known.includes(`\`${key}`) && !known.includes(`"${key}"`))).toEqual([])
})

const vaults = { main: { url: '/srv/vault' }, offsite: { url: 's3://bucket/vault?region=eu-central-1' } }

const GOOD: readonly object[] = [
  {},
  { $schema: './schema.json', vault: './v', cloud: 'demo' },
  { vault: '', cloud: '', proxy: '', cname: '', bwlimit: '', concurrency: '', deliveryHosts: [] },
  {
    uploadPrefix: 'https://api-eu.cloudinary.com/',
    cname: 'https://a.example.com',
    secureDistribution: 'b.example.com:80',
  },
  {
    privateCdn: true,
    wait: false,
    allowCopies: true,
    immutable: true,
    deliveryHosts: ['A.example.com', 'https://b.example.com:8080/'],
  },
  { concurrency: 8, apiReserve: 0, bwlimit: 1_000_000, scratch: 1e9 },
  { concurrency: '8', apiReserve: '50', bwlimit: '10MB/s', scratch: '1.5 GiB' },
  { bwlimit: 0 },
  { bwlimit: '08:00,512K 12:00,10M 23:00,off' },
  { bwlimit: 'Mon-00:00,512K; Friday-23:59,10M Sat-10:00,1M Sun-20:00,off' },
  { connectTimeout: 5, headersTimeout: '1m', idleTimeout: '250 ms' },
  { proxy: 'proxy.example.com:3128', cache: '~/near' },
  { retention: { keepLast: 7, keepDaily: 0, keepWithin: '1y6m', keepGone: 'forever', grace: '0' } },
  { retention: { grace: '3d', rules: [{ match: 'folder:contracts', keepWithin: '10y' }] } },
  { include: ['folder:shop/**', 'p/*'], exclude: ['size:>100M', 'size:<=2K', 'age:>2y', 'age:<1y6m', 'asset:logo'] },
  { overrides: [{ asset: 'image/upload/logo', backup: true }] },
  { vaults, vault: 'main' },
  { vaults: { main: { url: '/srv/vault', copies: ['offsite'], retention: { keepLast: 3 } }, offsite: vaults.offsite } },
  { vaults: { locked: { url: 's3://bucket', lock: { mode: 'compliance', days: 90 } } } },
  { vaults: { locked: { url: 'gs://bucket?lock=governance&lock-days=9', lock: { mode: 'governance', days: 9 } } } },
  { accounts: { shop: {} } },
  { vaults, accounts: { shop: { credentials: 'SHOP_URL', vault: 'main' }, 'b.c': { cloud: 'b', vault: 'offsite' } } },
  {
    accounts: {
      shop: {
        ...{
          cloud: 'shop-prod',
          apiReserve: 50,
          concurrency: 4,
          bwlimit: '1M',
          uploadPrefix: 'https://api.example.com',
        },
        ...{ include: ['**'], exclude: ['tag:temp'], overrides: [{ asset: 'x', backup: false }], privateCdn: false },
      },
    },
  },
]

test.each(GOOD)('good: %j', (content) => {
  expect(refusal(content)).toBeNull()
  expect(fits(schema, content)).toBe(true)
})

/** Refused by both; the words are those of the reader. */
const BAD: readonly (readonly [object, string])[] = [
  [{ concurency: 2 }, 'unknown key "concurency" (did you mean "concurrency"?'],
  [{ concurrency: 0 }, 'concurrency: 0 is not a whole number from 1 to 256'],
  [{ concurrency: 257 }, 'concurrency: 257 is not'],
  [{ concurrency: 1.5 }, 'concurrency: 1.5 is not'],
  [{ concurrency: 'many' }, 'concurrency: "many" is not'],
  [{ concurrency: null }, 'concurrency: null is not'],
  [{ wait: 'yes' }, 'wait: "yes" is not true or false'],
  [{ vault: 5 }, 'vault: 5 is not a text'],
  [{ cloud: '../etc' }, 'cloud'],
  [{ bwlimit: 'fast' }, 'bwlimit: "fast" is not a rate'],
  [{ bwlimit: '8:00,1M' }, 'bwlimit: "8:00,1M" is not an entry'],
  [{ scratch: 'huge' }, 'scratch: "huge" is not a size'],
  [{ scratch: 1000 }, 'scratch: 1000 is not a size'],
  [{ uploadPrefix: 'api.cloudinary.com' }, 'uploadPrefix: "api.cloudinary.com" is not'],
  [{ deliveryHosts: 'a.example.com' }, 'deliveryHosts: "a.example.com" is not a list'],
  [{ deliveryHosts: [1] }, 'deliveryHosts[0]: 1 is not'],
  [{ idleTimeout: '5 years' }, 'idleTimeout: "5 years" is not a time'],
  [{ retention: [] }, 'retention: a list is not an object'],
  [{ retention: { keepLast: -1 } }, 'retention.keepLast: -1 is not a whole number'],
  [{ retention: { keepWithin: '30 days' } }, 'retention.keepWithin: "30 days" is not a length of time'],
  [{ retention: { grace: '1m' } }, 'retention.grace: "1m" is not a grace'],
  [{ retention: { rules: [{ match: 'p/*' }] } }, 'retention.rules[0]: says neither keepWithin nor keepGone'],
  [{ retention: { rules: [{ keepGone: '1y' }] } }, 'retention.rules[0]: "match" is missing'],
  [{ include: 'folder:shop' }, 'include: "folder:shop" is not a list'],
  [{ exclude: ['colour:red'] }, 'exclude[0]: cannot understand the rule "colour:red"'],
  [{ exclude: ['size:100M'] }, 'exclude[0]: cannot understand'],
  [{ exclude: ['age:>forever and a day'] }, 'exclude[0]'],
  [{ exclude: [''] }, 'exclude[0]: "" is not a rule'],
  [{ overrides: [{ asset: 'x' }] }, 'overrides[0]: "backup" is missing'],
  [{ overrides: [{ asset: '', backup: true }] }, 'overrides[0].asset: "" is not'],
  [{ vaults: { main: {} } }, 'vaults.main: "url" is missing'],
  [{ vaults: { main: { url: '' } } }, 'vaults.main.url: "" is not'],
  [{ vaults: { 'a/b': { url: '/x' } } }, 'vaults: "a/b" is not a name'],
  [{ vaults: { main: { url: '/x', copeis: ['y'] } } }, 'vaults.main: unknown key "copeis" (did you mean "copies"?'],
  [
    { vaults: { x: { url: 's3://bucket', lock: { mode: 'hard', days: 1 } } } },
    'vaults.x.lock.mode: "hard" is not governance or',
  ],
  [{ vaults: { x: { url: 's3://bucket', lock: { mode: 'governance', days: 0 } } } }, 'vaults.x.lock.days: 0 is not'],
  [{ vaults: { x: { url: 's3://bucket', lock: { days: 1 } } } }, 'vaults.x.lock: "mode" is missing'],
  [{ accounts: [] }, 'accounts: a list is not an object'],
  [{ accounts: { shop: { credentials: 'SHOP-URL' } } }, 'accounts.shop.credentials: "SHOP-URL" is not the name'],
  [{ accounts: { shop: { apiReserve: -1 } } }, 'accounts.shop.apiReserve: -1 is not'],
  [{ accounts: { shop: { retention: {} } } }, 'accounts.shop: unknown key "retention"'],
]

test.each(BAD)('bad: %j', (content, words) => {
  expect(refusal(content)).toContain(join(cwd, 'cloudkeep.config.json'))
  expect(refusal(content)).toContain(words)
  expect(fits(schema, content)).toBe(false)
})

/** What only the reader can know. */
const ONLY_READER: readonly (readonly [object, string])[] = [
  [{ concurrency: '999' }, 'concurrency: "999" is not'],
  [{ bwlimit: 5 }, 'bwlimit: "5" is not a rate of at least 1K'],
  [{ bwlimit: '25:00,1M' }, 'bwlimit: "25:00,1M" is not an entry'],
  [{ bwlimit: 'Abc-08:00,1M' }, 'bwlimit: "Abc" is not a day'],
  [
    { vaults, accounts: { shop: { vault: 'mian' } } },
    'accounts.shop.vault: there is no vault "mian" (did you mean "main"?',
  ],
  [
    { accounts: { shop: { vault: 'main' } } },
    'accounts.shop.vault: there is no vault "main" (the file has no "vaults")',
  ],
  [{ vaults: { a: { url: '/x', copies: ['b'] } } }, 'vaults.a.copies[0]: there is no vault "b"'],
  [{ vaults: { a: { url: '/x', copies: ['a'] } } }, 'vaults.a.copies[0]: the vault "a" would be copied to itself'],
  [{ vaults: { a: { url: '/x', copies: ['b'] }, b: { url: '/x' } } }, 'would be copied to itself'],
  [{ vaults: { a: { url: '/x', copies: ['b'] }, b: { url: '/y/../x/' } } }, 'would be copied to itself'],
  [{ vaults: { a: { url: '/x', copies: ['b', 'b'] }, b: { url: '/y' } } }, 'vaults.a.copies[1]: "b" is there twice'],
  [{ vaults: { a: { url: 'ftp://x' } } }, 'vaults.a.url: ftp:// is not a place for a vault'],
  [{ vaults: { a: { url: '/x', lock: { mode: 'governance', days: 9 } } } }, 'vaults.a.lock: a folder cannot be locked'],
  [
    { vaults: { a: { url: 's3://bucket?lock=compliance&lock-days=8', lock: { mode: 'compliance', days: 9 } } } },
    'vaults.a.lock: the URL asks for another lock',
  ],
  [{ accounts: { a: { cloud: 'a' }, b: {} } }, 'accounts.b: says neither "credentials" nor "cloud"'],
  [
    { retention: { rules: [{ match: 'age:>1y', keepGone: '1y' }] } },
    'retention.rules[0].match: the rule "age:>1y" has no moment',
  ],
  [
    {
      overrides: [
        { asset: 'x', backup: true },
        { asset: 'x', backup: false },
      ],
    },
    'overrides: one override keeps "x" and another leaves it out',
  ],
]

test.each(ONLY_READER)('only the reader knows: %j', (content, words) => {
  expect(refusal(content)).toContain(words)
})

test.each([
  { accounts: { shop: { credentials: 'cloudinary://123:TOPSECRET@shop' } } },
  { accounts: { shop: { credentials: ' CLOUDINARY_URL=cloudinary://123:TOPSECRET@shop' } } },
  { accounts: { shop: { apiSecret: 'TOPSECRET' } } },
  { accounts: { shop: { api_key: 'TOPSECRET' } } },
  { apiSecret: 'TOPSECRET' },
  { passphrase: 'TOPSECRET' },
  { identity: 'AGE-SECRET-KEY-1TOPSECRET' },
  { vault: 'AGE-SECRET-KEY-1TOPSECRET' },
  { vaults: { a: { url: 'az://box/vault?sig=TOPSECRET' } } },
  { vaults: { a: { url: 's3://AKIA:TOPSECRET@bucket' } } },
  { vaults: { a: { url: 'https://user:TOPSECRET@host' } } },
  { cname: 'https://user:TOPSECRET@host/a b' },
  { wait: 'https://user:TOPSECRET@host' },
  { deliveryHosts: { a: 'x' }, proxy: 'ftp://user:TOPSECRET@host' },
  '{ "accounts": { "shop": { "apiSecret": "TOPSECRET" ',
  '{ "apiSecret": TOPSECRET }',
])('a secret is refused and not repeated: %j', (content) => {
  expect(refusal(content)).not.toBeNull()
  expect(refusal(content)).not.toContain('TOPSECRET')
})
