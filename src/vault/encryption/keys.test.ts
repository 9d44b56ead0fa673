import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Encrypter } from 'age-encryption'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { collect } from '../../../test/contracts/store.ts'
import { memoryBody, textBody } from '../body.ts'
import { createVault } from '../create.ts'
import type { Store } from '../store.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { generateIdentity, recipientOf } from './age/x25519.ts'
import { encryptedStore } from './encrypted-store.ts'
import { checkWriterKey, decodeEncryption, type EncryptedVault } from './encryption.ts'
import { decodeVaultKey, encodeVaultKey, parseIdentities } from './identity-file.ts'
import { createKeys, freeGeneration, type Owners } from './keys.ts'
import { proveRecovery, storeKeysOf, unlock } from './unlock.ts'
import { wrapForOwners } from './wrapping.ts'
import { decodeWriterKey, encodeWriterKey, type WriterKey } from './writer-key.ts'

const PASSPHRASE = 'correct horse battery staple'
const FAST = { workFactor: 10 }
const ann = generateIdentity()
const bob = generateIdentity()

const made = async (wish: Owners): Promise<{ store: Store; vault: EncryptedVault; writer: WriterKey }> => {
  const { files, encryption, writer } = await createKeys({ vaultId: 'v1', ...FAST, ...wish })
  const store = createMemoryStore()
  for (const { key, bytes } of files) await store.put(key, memoryBody(bytes))
  return { store, vault: { id: 'v1', encryption }, writer }
}
const keysOf = async (store: Store): Promise<string[]> => {
  const found: string[] = []
  for await (const { key } of store.list('')) found.push(key)
  return found.sort()
}
const nobody = { identities: [], passphrases: [] }
const textOf = async (store: Store, key: string): Promise<string> => (await collect(await store.get(key))).toString()

let rig: Awaited<ReturnType<typeof made>>
beforeEach(async () => {
  rig = await made({ owners: [recipientOf(ann), recipientOf(bob), recipientOf(ann)], passphrases: [PASSPHRASE] })
})

describe('a new vault', () => {
  test('has a key file for its owners, one for each passphrase, and says so in the open', async () => {
    expect(await keysOf(rig.store)).toEqual(['keys/1-passphrase-1.age', 'keys/1.age'])
    const { encryption } = rig.vault
    expect(encryption).toEqual({
      format: 'age',
      generation: 1,
      recipient: rig.writer.recipient,
      owners: [recipientOf(ann), recipientOf(bob)],
      passphrases: 1,
    })
    expect(decodeEncryption(JSON.parse(JSON.stringify(encryption)))).toEqual(encryption)
  })

  test('opens to each owner and to the passphrase, always to the same keys', async () => {
    const all = await Promise.all(
      [
        { ...nobody, identities: [ann] },
        { ...nobody, identities: [generateIdentity(), bob] },
        { ...nobody, passphrases: ['another passphrase', PASSPHRASE] },
        { identities: [generateIdentity()], passphrases: [PASSPHRASE] },
      ].map((given) => unlock(rig.store, rig.vault, given)),
    )
    for (const unlocked of all) {
      expect(unlocked).toEqual(all[0])
      expect(unlocked.writer).toEqual(rig.writer)
      expect(unlocked).toMatchObject({ generation: 1, unopened: [] })
    }
  })

  test('opens to nobody else, and says whose keys open it without any secret', async () => {
    for (const given of [nobody, { identities: [generateIdentity()], passphrases: ['wrong passphrase'] }]) {
      const error: unknown = await unlock(rig.store, rig.vault, given).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        code: 'KEY_MISSING',
        permanent: true,
        message: expect.stringContaining(recipientOf(bob)),
        hint: expect.stringContaining('CLOUDKEEP_IDENTITY_FILE'),
      })
    }
  })

  test('can be given to a passphrase alone, but not to nobody, a bad recipient or a short passphrase', async () => {
    const { store, vault } = await made({ owners: [], passphrases: [PASSPHRASE] })
    expect(await keysOf(store)).toEqual(['keys/1-passphrase-1.age'])
    expect((await unlock(store, vault, { ...nobody, passphrases: [PASSPHRASE] })).generation).toBe(1)
    const invalid = { code: 'CONFIG_INVALID' }
    await expect(made({ owners: [], passphrases: [] })).rejects.toMatchObject(invalid)
    await expect(made({ owners: ['age1nonsense'], passphrases: [] })).rejects.toMatchObject(invalid)
    await expect(made({ owners: [recipientOf(ann)], passphrases: ['short'] })).rejects.toMatchObject(invalid)
  })

  test('is written by the writer key and read by its owners', async () => {
    const writing = encryptedStore(rig.store, { writer: decodeWriterKey(encodeWriterKey(rig.writer)), identities: [] })
    await writing.put('accounts/acme/snapshots/x.json', textBody('{"a":1}'))
    await expect(writing.get('accounts/acme/snapshots/x.json')).rejects.toMatchObject({ code: 'KEY_MISSING' })
    const opened = await unlock(rig.store, rig.vault, { ...nobody, identities: [bob] })
    const reading = encryptedStore(rig.store, storeKeysOf(opened))
    expect(await textOf(reading, 'accounts/acme/snapshots/x.json')).toBe('{"a":1}')
  })

  test('proves that it can be recovered, and that it cannot', async () => {
    const given = { ...nobody, identities: [ann] }
    expect(await proveRecovery(rig.store, rig.vault, given)).toEqual({ generation: 1, read: null })
    const writing = encryptedStore(rig.store, { writer: rig.writer, identities: [] })
    await writing.put('accounts/acme/snapshots/x.json', textBody('{}'))
    const before = await keysOf(rig.store)
    expect(await proveRecovery(rig.store, rig.vault, given)).toMatchObject({ read: 'accounts/acme/snapshots/x.json' })
    expect(await keysOf(rig.store)).toEqual(before)
    await expect(proveRecovery(rig.store, rig.vault, nobody)).rejects.toMatchObject({ code: 'KEY_MISSING' })
    await rig.store.put('accounts/acme/snapshots/x.json.age', textBody('x'.repeat(300)))
    await expect(proveRecovery(rig.store, rig.vault, given)).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
  })
})

describe('somebody who can change the place', () => {
  const given = { ...nobody, identities: [ann] }
  const invalid = { code: 'VAULT_INVALID' }
  /** Key files for Ann that another vault's key lies in. */
  const planted = async (): Promise<Awaited<ReturnType<typeof made>>> =>
    made({ owners: [recipientOf(ann)], passphrases: [] })

  test('cannot give the vault other keys by exchanging the key file', async () => {
    // The key of one vault that is put into another one of the same owner.
    const elsewhere = { id: 'v2', encryption: rig.vault.encryption }
    await expect(unlock(rig.store, elsewhere, given)).rejects.toMatchObject(invalid)
    const other = await planted()
    await rig.store.put('keys/1.age', memoryBody(await collect(await other.store.get('keys/1.age'))))
    await expect(unlock(rig.store, rig.vault, given)).rejects.toMatchObject(invalid)
  })

  test('cannot give it other keys by adding a later generation, whole or damaged', async () => {
    const other = await planted()
    const unlockedBefore = await unlock(rig.store, rig.vault, given)
    const readable = await wrapForOwners('no key of a vault', [recipientOf(ann)])
    for (const bytes of [await collect(await other.store.get('keys/1.age')), Buffer.from('garbage'), readable]) {
      await rig.store.put('keys/7.age', memoryBody(bytes))
      expect(await unlock(rig.store, rig.vault, given)).toEqual({ ...unlockedBefore, unopened: [7] })
    }
  })

  test('is noticed by a machine that backs up', async () => {
    const other = await planted()
    const changed = { ...rig.vault.encryption, recipient: other.writer.recipient }
    expect(checkWriterKey(rig.vault, rig.writer)).toBe('same')
    expect(() => checkWriterKey({ id: 'v1', encryption: changed }, rig.writer)).toThrow(
      expect.objectContaining(invalid),
    )
    expect(checkWriterKey({ id: 'v1', encryption: { ...changed, generation: 2 } }, rig.writer)).toBe('older')
    expect(() => checkWriterKey(rig.vault, { ...rig.writer, generation: 2 })).toThrow(expect.objectContaining(invalid))
    const elsewhere = { code: 'CONFIG_INVALID', message: expect.stringContaining('v2') }
    expect(() => checkWriterKey({ ...rig.vault, id: 'v2' }, rig.writer)).toThrow(expect.objectContaining(elsewhere))
  })

  test('or a bad disk, that damages or loses the key file, is told from a wrong key', async () => {
    const file = await collect(await rig.store.get('keys/1.age'))
    file[file.length - 1] = (file.at(-1) ?? 0) ^ 1
    await rig.store.put('keys/1.age', memoryBody(file))
    await expect(unlock(rig.store, rig.vault, given)).rejects.toMatchObject({
      code: 'VAULT_INVALID',
      message: expect.stringContaining('keys/1.age'),
    })
    await rig.store.delete('keys/1.age')
    await expect(unlock(rig.store, rig.vault, given)).rejects.toMatchObject({ code: 'KEY_MISSING' })
    await rig.store.delete('keys/1-passphrase-1.age')
    await expect(unlock(rig.store, rig.vault, given)).rejects.toMatchObject(invalid)
  })
})

describe('the public part', () => {
  test.each([
    ['null', null],
    ['format', { format: 'pgp' }],
    ['generation', { generation: 0 }],
    ['recipient', { recipient: 'age1nonsense' }],
    ['owners', { owners: ['x'] }],
    ['owners', { owners: 'x' }],
    ['passphrases', { passphrases: -1 }],
  ])('is refused with a wrong %s', (_, change) => {
    const value = change === null ? null : { ...rig.vault.encryption, ...change }
    expect(() => decodeEncryption(value)).toThrow(expect.objectContaining({ code: 'VAULT_INVALID' }))
  })
})

describe("the writer's key", () => {
  test('is one line, and white space around it does no harm', () => {
    const line = encodeWriterKey(rig.writer)
    expect(line).toMatch(/^CLOUDKEEP-WRITER-1 v1 1 age1[0-9a-z]{58} [0-9a-f]{64}$/)
    expect(decodeWriterKey(` ${line}\r\n`)).toEqual(rig.writer)
  })

  test('is refused with what is wrong, and never printed', () => {
    const line = encodeWriterKey(rig.writer)
    const words = line.split(' ')
    const changed = (index: number, word: string): string => words.with(index, word).join(' ')
    for (const bad of [
      '',
      rig.writer.nameKey,
      words.slice(0, 4).join(' '),
      `${line} x`,
      changed(0, 'CLOUDKEEP-WRITER-2'),
      changed(1, 'v/1'),
      changed(2, '0'),
      changed(3, `${rig.writer.recipient.slice(0, -1)}b`),
      changed(4, rig.writer.nameKey.slice(1)),
    ]) {
      const error = (() => {
        try {
          return decodeWriterKey(bad)
        } catch (thrown) {
          return thrown
        }
      })()
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
      expect(String(error)).not.toContain(rig.writer.nameKey.slice(0, 20))
    }
  })
})

describe('an identity file', () => {
  test('has identities, comments and empty lines', () => {
    expect(parseIdentities(`# created: today\r\n# public key: x\r\n${ann}\r\n\r\n  ${bob}\n#`)).toEqual([ann, bob])
  })

  test('is refused by the number of the line, which is not printed', () => {
    const secret = `${ann.slice(0, -1)}${ann.endsWith('Q') ? 'P' : 'Q'}`
    for (const bad of [secret, 'AGE-PLUGIN-YUBIKEY-1XYZ', ann.toLowerCase(), recipientOf(ann)]) {
      expect(() => parseIdentities(`# x\n${bad}`)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('line 2') }),
      )
      expect(() => parseIdentities(`# x\n${bad}`)).not.toThrow(bad.slice(0, 30))
    }
    for (const bad of ['', '# nothing', 'age-encryption.org/v1\n', '-----BEGIN AGE ENCRYPTED FILE-----'])
      expect(() => parseIdentities(bad)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  test('of a vault gives back what it was made of, and is an identity file for everybody', () => {
    const pairs = [
      { generation: 4, identity: bob },
      { generation: 2, identity: ann },
    ]
    const key = { vaultId: 'v1', nameKey: randomBytes(32).toString('hex'), pairs }
    const text = encodeVaultKey(key)
    expect(decodeVaultKey(text)).toEqual(key)
    expect(parseIdentities(text)).toEqual([bob, ann])
    for (const line of text.split('\n').filter((part) => /^# (vault|name-key|generation)|^AGE/.test(part)))
      expect(() => decodeVaultKey(text.replaceAll(line, '# '))).toThrow(
        expect.objectContaining({ code: 'VAULT_INVALID' }),
      )
  })
})

const hasAge = spawnSync('age', ['--version']).status === 0
if (!hasAge) console.warn('interoperation with age is not tested: age absent')

describe.skipIf(!hasAge)('with the program age', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudkeep-keys-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  const age = (args: readonly string[], input: Uint8Array | string): Buffer => {
    const { status, stdout, stderr } = spawnSync('age', args, { input })
    expect([status, stderr.toString()]).toEqual([0, ''])
    return stdout
  }

  test("a vault's key opens with an owner's identity, and the vault's files with it", async () => {
    const store = encryptedStore(rig.store, { writer: rig.writer, identities: [] })
    await store.put('accounts/acme/snapshots/x.json', textBody('{"a":1}'))
    const mine = write('mine.txt', `# mine\n${bob}\n`)
    const vaultText = age(['-d', '-i', mine], await collect(await rig.store.get('keys/1.age')))
    expect(vaultText.toString()).toContain(`# name-key: ${rig.writer.nameKey}`)
    const vault = write('vault.txt', vaultText)
    const file = await collect(await rig.store.get('accounts/acme/snapshots/x.json.age'))
    expect(age(['-d', '-i', vault], file).toString()).toBe('{"a":1}')
  })

  test('a key file that was made by hand for one or several owners opens the vault', async () => {
    const { pairs } = await unlock(rig.store, rig.vault, { ...nobody, identities: [ann] })
    const text = encodeVaultKey({ vaultId: 'v1', nameKey: rig.writer.nameKey, pairs })
    for (const owners of [[bob], [ann, bob]]) {
      const to = owners.flatMap((owner) => ['-r', recipientOf(owner)])
      await rig.store.put('keys/1.age', memoryBody(age(to, text)))
      expect(await unlock(rig.store, rig.vault, { ...nobody, identities: [bob] })).toMatchObject({ pairs })
    }
    const encrypter = new Encrypter()
    encrypter.setPassphrase('made by hand, with typage')
    encrypter.setScryptWorkFactor(10)
    await rig.store.put('keys/1-passphrase-2.age', memoryBody(await encrypter.encrypt(text)))
    const given = { ...nobody, passphrases: ['made by hand, with typage'] }
    expect(await unlock(rig.store, rig.vault, given)).toMatchObject({ pairs })
  })
})

test('keys are made anew where a killed attempt left key files', async () => {
  const store = createMemoryStore()
  const identity = generateIdentity()
  const birth = { now: new Date(0), id: 'v1', tool: 'cloudkeep test' }
  const first = await createKeys({ vaultId: 'v1', owners: [recipientOf(identity)], passphrases: [] })
  for (const { key, bytes } of first.files) await store.put(key, memoryBody(bytes))
  const generation = await freeGeneration(store)
  const second = await createKeys({ vaultId: 'v1', generation, owners: [recipientOf(identity)], passphrases: [] })
  const { identity: made } = await createVault(store, { ...birth, keys: second })
  const vault = { id: made.id, encryption: made.encryption ?? second.encryption }
  const opened = await unlock(store, vault, { identities: [identity], passphrases: [] })
  expect(opened).toMatchObject({ generation: 2, writer: second.writer })
})
