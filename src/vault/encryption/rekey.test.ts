import { beforeEach, describe, expect, test } from 'vitest'
import { collect } from '../../../test/contracts/store.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { AppError } from '../../model/errors.ts'
import { memoryBody, textBody } from '../body.ts'
import { readText } from '../content.ts'
import type { Store } from '../store.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { objectKey } from '../vault.ts'
import { generateIdentity, recipientOf } from './age/x25519.ts'
import { encryptedStore } from './encrypted-store.ts'
import { decodeEncryption, type EncryptedVault } from './encryption.ts'
import { createKeys } from './keys.ts'
import { type RekeyReport, reencrypt, rekey } from './rekey.ts'
import { storeKeysOf, unlock } from './unlock.ts'
import type { WriterKey } from './writer-key.ts'

const ann = generateIdentity()
const bob = generateIdentity()
const nobody = { identities: [], passphrases: [] }
const by = (identity: string) => ({ ...nobody, identities: [identity] })

const HEAD = 'accounts/acme/snapshots/x.json'
const PROOF = 'proofs/y.json'
const LIST = sha256Hex('a list')
const PICTURE = sha256Hex('a picture')

let store: Store
let writer: WriterKey
async function* lists(): AsyncGenerator<string> {
  yield LIST
}

const vaultOf = async (place: Store): Promise<EncryptedVault> => {
  const { id, encryption } = JSON.parse(await readText(place, 'cloudkeep.json', { limit: 9999 }))
  return { id, encryption: decodeEncryption(encryption) }
}
const textsFor = async (place: Store, identity: string): Promise<string[]> => {
  const opened = await unlock(place, await vaultOf(place), by(identity))
  const readable = encryptedStore(place, storeKeysOf(opened))
  const keys = [HEAD, PROOF, objectKey(LIST), objectKey(PICTURE)]
  return Promise.all(keys.map(async (key) => (await collect(await readable.get(key))).toString()))
}
const ALL = ['a head', 'a proof', 'a list', 'a picture']
const toBob = async (place: Store, given = by(ann)): Promise<RekeyReport> =>
  rekey(place, await vaultOf(place), { given, wish: { owners: [recipientOf(bob)], passphrases: [] }, lists: lists() })
const snapshotOf = async (place: Store): Promise<Map<string, string>> => {
  const files = new Map<string, string>()
  for await (const { key } of place.list('')) files.set(key, (await collect(await place.get(key))).toString('latin1'))
  return files
}

beforeEach(async () => {
  store = createMemoryStore()
  const made = await createKeys({ vaultId: 'v1', owners: [recipientOf(ann)], passphrases: [] })
  writer = made.writer
  for (const { key, bytes } of made.files) await store.put(key, memoryBody(bytes))
  const identity = { format: 1, id: 'v1', encryption: made.encryption, later: 'unknown' }
  await store.put('cloudkeep.json', textBody(JSON.stringify(identity)))
  const encrypted = encryptedStore(store, { writer, identities: [] })
  for (const [index, key] of [HEAD, PROOF, objectKey(LIST), objectKey(PICTURE)].entries())
    await encrypted.put(key, textBody(ALL[index] ?? ''))
})

describe('new keys for a vault', () => {
  test('open everything for the new owners, and nothing new for the old ones', async () => {
    const before = await snapshotOf(store)
    const report = await toBob(store)
    expect(report.files).toEqual({ changed: 3, already: 0, kept: 0, failed: [] })
    expect(report.encryption).toMatchObject({ generation: 2, owners: [recipientOf(bob)] })
    expect(JSON.parse(await readText(store, 'cloudkeep.json', { limit: 9999 }))).toEqual({
      format: 1,
      id: 'v1',
      encryption: report.encryption,
      later: 'unknown',
    })
    expect(await textsFor(store, bob)).toEqual(ALL)
    await expect(textsFor(store, ann)).rejects.toMatchObject({ code: 'KEY_MISSING' })
    const after = await snapshotOf(store)
    expect([...after.keys()].filter((key) => !before.has(key))).toEqual(['keys/2.age'])
    const same = [...before].filter(([key, content]) => after.get(key) === content).map(([key]) => key)
    expect(same.sort()).toEqual(['keys/1.age', same.find((key) => key.startsWith('objects/'))].sort())
  })

  test('let machines with the old writer key go on', async () => {
    const { writer: newer } = await toBob(store)
    await encryptedStore(store, { writer, identities: [] }).put('accounts/acme/snapshots/z.json', textBody('old key'))
    await encryptedStore(store, { writer: newer, identities: [] }).put('proofs/z.json', textBody('new key'))
    const opened = await unlock(store, await vaultOf(store), by(bob))
    expect(opened.writer).toEqual(newer)
    const readable = encryptedStore(store, storeKeysOf(opened))
    expect((await collect(await readable.get('accounts/acme/snapshots/z.json'))).toString()).toBe('old key')
    expect((await collect(await readable.get('proofs/z.json'))).toString()).toBe('new key')
    const again = await reencrypt(store, opened, lists())
    expect(again).toEqual({ changed: 1, already: 4, kept: 0, failed: [] })
  })

  test('can be given again and again', async () => {
    for (let round = 2; round <= 4; round++) {
      const [from, to] = round % 2 === 0 ? [ann, bob] : [bob, ann]
      const wish = { owners: [recipientOf(to)], passphrases: [] }
      const report = await rekey(store, await vaultOf(store), { given: by(from), wish, lists: lists() })
      expect(report.encryption.generation).toBe(round)
      expect(await textsFor(store, to)).toEqual(ALL)
    }
  })

  test('are made only by who can open the vault, and only for somebody', async () => {
    const before = await snapshotOf(store)
    await expect(toBob(store, by(bob))).rejects.toMatchObject({ code: 'KEY_MISSING' })
    const wish = { owners: [], passphrases: [] }
    await expect(rekey(store, await vaultOf(store), { given: by(ann), wish, lists: lists() })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    expect(await snapshotOf(store)).toEqual(before)
  })

  test('leave what is damaged as it is, and name it', async () => {
    const [listKey = ''] = [...(await snapshotOf(store)).keys()].filter((key) => key.startsWith('objects/'))
    await encryptedStore(store, { writer, identities: [] }).put(objectKey(LIST), textBody('other bytes'))
    const before = await snapshotOf(store)
    const report = await toBob(store)
    expect(report.files).toMatchObject({ changed: 2, failed: [{ key: objectKey(LIST) }] })
    expect((await snapshotOf(store)).get(listKey)).toBe(before.get(listKey))
  })
})

test('killed after any write, everything is readable by the old owner or the new one, and it can be repeated', async () => {
  const begin = await snapshotOf(store)
  let steps = 0
  for (let allowed = 0; allowed < 20; allowed++) {
    const place = createMemoryStore()
    for (const [key, content] of begin) await place.put(key, memoryBody(Buffer.from(content, 'latin1')))
    let writes = 0
    const dying: Store = {
      ...place,
      put: (key, body, signal, mode) => {
        writes += 1
        if (writes > allowed) return Promise.reject(new AppError('STORE_UNAVAILABLE', 'killed'))
        return place.put(key, body, signal, mode)
      },
    }
    const isDone = await toBob(dying).then(
      () => true,
      () => false,
    )
    const readers = await Promise.all([ann, bob].map((one) => textsFor(place, one).catch(() => null)))
    expect(readers.filter((texts) => texts !== null).length).toBeGreaterThan(0)
    for (const texts of readers) if (texts !== null) expect(texts).toEqual(ALL)
    if (isDone) break
    steps += 1
    await toBob(place, readers[0] === null ? by(bob) : by(ann))
    expect(await textsFor(place, bob)).toEqual(ALL)
    expect(await unlock(place, await vaultOf(place), by(bob))).toMatchObject({ unopened: [] })
  }
  expect(steps).toBe(5)
})

describe('a place that does not let anything be replaced', () => {
  test('keeps its manifests under the old key, readable for the new owners', async () => {
    const sealed: Store = {
      ...store,
      put: (key, body, signal, mode) =>
        /^(accounts|proofs|objects)\//.test(key)
          ? Promise.reject(new AppError('STORE_REFUSED', 'it is locked'))
          : store.put(key, body, signal, mode),
    }
    expect((await toBob(sealed)).files).toEqual({ changed: 0, already: 0, kept: 3, failed: [] })
    expect(await textsFor(store, bob)).toEqual(ALL)
  })

  test('and goes on giving its first cloudkeep.json is opened by the newest genuine key file', async () => {
    const first = await vaultOf(store)
    const firstText = textBody(await readText(store, 'cloudkeep.json', { limit: 9999 }))
    const keeping: Store = {
      ...store,
      get: (key, signal, range) =>
        key === 'cloudkeep.json' ? Promise.resolve(firstText.open()) : store.get(key, signal, range),
      variants: () => Promise.resolve([]),
    }
    const report = await toBob(keeping)
    expect(report.files).toMatchObject({ kept: 3 })
    expect(await vaultOf(keeping)).toEqual(first)
    expect(await textsFor(keeping, bob)).toEqual(ALL)
    expect((await unlock(keeping, first, by(bob))).writer).toEqual(report.writer)
  })
})
