import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../../lib/hash.ts'
import { createInnerKeys } from './inner-keys.ts'
import { createNames } from './names.ts'

const nameKey = randomBytes(32).toString('hex')
const names = createNames(nameKey)

describe('the name of a digest', () => {
  it('is always the same, and another with another key', () => {
    const digest = sha256Hex('x')
    expect(names.encode(digest)).toMatch(/^[0-9a-f]{96}$/)
    expect(createNames(nameKey).encode(digest)).toBe(names.encode(digest))
    const other = createNames(randomBytes(32).toString('hex'))
    expect(other.encode(digest)).not.toBe(names.encode(digest))
    expect(other.decode(names.encode(digest))).toBeNull()
  })

  it('can be turned back, and no two digests share one', () => {
    const seen = new Set<string>()
    const beginnings = new Set<string>()
    for (let index = 0; index < 100_000; index++) {
      const digest = sha256Hex(`${index}`)
      const name = names.encode(digest)
      if (index % 10 === 0) expect(names.decode(name)).toBe(digest)
      seen.add(name)
      beginnings.add(name.slice(0, 32))
    }
    expect([seen.size, beginnings.size]).toEqual([100_000, 100_000])
  })

  it('differs in every half of its digits when one bit of the digest does', () => {
    const name = names.encode('0'.repeat(64))
    const near = names.encode(`${'0'.repeat(63)}1`)
    for (let at = 0; at < 96; at += 16) expect(near.slice(at, at + 16)).not.toBe(name.slice(at, at + 16))
  })

  it('is refused when any digit of it was changed, and when it is no name at all', () => {
    const name = names.encode(sha256Hex('x'))
    for (let at = 0; at < name.length; at++) {
      const digit = name[at] === '0' ? '1' : '0'
      expect(names.decode(name.slice(0, at) + digit + name.slice(at + 1))).toBeNull()
    }
    for (const other of ['', name.slice(2), `${name}00`, name.toUpperCase(), sha256Hex('x')])
      expect(names.decode(other)).toBeNull()
  })

  it('cannot be made with a key that is none, which is not printed', () => {
    const bad = `${nameKey.slice(0, 63)}Z`
    expect(() => createNames(bad)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(() => createNames(bad)).not.toThrow(bad)
  })

  it('stays what it was: vaults are named by it', () => {
    const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(createNames('00'.repeat(32)).encode(digest)).toBe(
      'e1b871ed7ee623c200e5bacdf6a8652a175257e88badca077abc0b299777dc503bb8781a2326861893d3c80ae3e9df14',
    )
  })
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
if (!hasOpenssl) console.warn('names are not compared with openssl: it is absent')

/** The recipe of the comment in names.ts, by another program. */
const SCRIPT = String.raw`
hex() { od -An -v -tx1 | tr -d ' \n'; }
derive() { openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:"$KEY" -kdfopt info:"$1" -binary HKDF | hex; }
bytes() { printf "$(printf %s "$1" | sed 's/../\\x&/g')"; }
vector=$(derive 'cloudkeep names 1 vector')
iv=$(bytes "$DIGEST" | openssl mac -digest SHA256 -macopt hexkey:"$vector" -binary HMAC | hex | cut -c 1-32)
printf %s "$iv"
bytes "$DIGEST" | openssl enc -aes-256-ctr -K "$(derive 'cloudkeep names 1 cipher')" -iv "$iv" | hex
`

describe.skipIf(!hasOpenssl)('the recipe of names', () => {
  it('gives the same with openssl', () => {
    for (const text of ['a', 'b', 'c']) {
      const env = { ...process.env, KEY: nameKey, DIGEST: sha256Hex(text) }
      const { stdout, stderr } = spawnSync('bash', ['-c', SCRIPT], { env, encoding: 'utf8' })
      expect([stdout, stderr]).toEqual([names.encode(sha256Hex(text)), ''])
    }
  })
})

describe('keys below an encrypted store', () => {
  const keys = createInnerKeys(names)
  const digest = sha256Hex('x')
  const name = names.encode(digest)

  it('are translated one to one', () => {
    for (const [outer, inner] of [
      [`objects/${digest.slice(0, 2)}/${digest}`, `objects/${name.slice(0, 2)}/${name}.age`],
      [`trash/${digest}`, `trash/${name}.age`],
      [`quarantine/${digest}-2026-11-22T00-00-00.000Z`, `quarantine/${name}-2026-11-22T00-00-00.000Z.age`],
      ['accounts/acme/snapshots/2026.json', 'accounts/acme/snapshots/2026.json.age'],
      ['README.txt', 'README.txt'],
      ['cloudkeep.json', 'cloudkeep.json'],
      ['keys/1.age', 'keys/1.age'],
      ['locks/run.json', 'locks/run.json'],
      ['x.age', 'x.age.age'],
      ['keys', 'keys.age'],
      ['README.txt.old', 'README.txt.old.age'],
    ] as const) {
      expect(keys.inner(outer).key).toBe(inner)
      expect(keys.outer(inner)).toBe(outer)
    }
  })

  it('come back whatever they are', () => {
    for (let index = 0; index < 500; index++) {
      const key = `${randomBytes(1 + (index % 20)).toString('hex')}/${randomBytes(3).toString('base64url')}.x-_`
      expect(keys.outer(keys.inner(key).key)).toBe(key)
    }
  })

  it('are none for an object in another folder than its own', () => {
    expect(() => keys.inner(`objects/zz/${digest}`)).toThrow(expect.objectContaining({ code: 'STORE_REFUSED' }))
    expect(keys.outer(`objects/zz/${name}.age`)).toBeNull()
  })
})
