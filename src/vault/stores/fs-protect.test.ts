import { execFileSync } from 'node:child_process'
import { chmod, link, mkdir, mkdtemp, readFile, rm, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Compiled, compile } from '../../../test/child.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { memoryBody, textBody } from '../body.ts'
import { createVault } from '../create.ts'
import type { Store } from '../store.ts'
import { openFsStore } from './fs.ts'
import { changeFlags, mayFlag, readFlags, toolsFor } from './fs-flags.ts'
import { protectFolder, unprotectFolder, unprotectKeys } from './fs-protect.ts'
import { fsProtection } from './fs-protection.ts'

/** Whether this process can give the flag to a file of the temporary folder: it needs root and a fitting file system. */
const canFlag = await (async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-flag-'))
  await writeFile(join(folder, 'x'), '')
  await changeFlags('set', folder, ['x'])
  const isFlagged = (await readFlags(folder, ['x'])).flags.get('x')?.immutable === true
  await changeFlags('clear', folder, ['x'])
  await rm(folder, { recursive: true })
  return isFlagged && (await mayFlag())
})()

const NOBODY = 65534
const KEYS = [
  'objects/ab/ab12',
  'objects/ab/ab34',
  'objects/cd/cd12',
  'accounts/acme/snapshots/one.json',
  'proofs/p.json',
]

let root: string
let store: Store
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cloudkeep-protect-'))
  store = await openFsStore(root)
})
afterEach(async () => {
  await unprotectFolder(root)
  await rm(root, { recursive: true, force: true })
})

const fill = async (): Promise<void> => {
  for (const key of [...KEYS, 'cloudkeep.json', 'trash/ef12']) await store.put(key, textBody(key))
}

const flagged = async (): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  const { flags } = await readFlags(root, keys)
  return keys.filter((key) => flags.get(key)?.immutable === true).sort()
}

describe.skipIf(!canFlag)('the immutable flag', () => {
  it('is given to what is written once, and to nothing else', async () => {
    await fill()
    expect(await protectFolder(root)).toEqual({ flagged: 5, already: 0, linked: 0, failed: 0, notes: [] })
    expect(await flagged()).toEqual([...KEYS].sort())
    await store.put('objects/ab/ab56', textBody('new'))
    expect(await protectFolder(root)).toMatchObject({ flagged: 1, already: 5 })
  })

  it('is refused by every operation that would change or remove, as VAULT_SEALED', async () => {
    await fill()
    await protectFolder(root)
    const [key] = KEYS as [string]
    const sealed = { code: 'VAULT_SEALED', permanent: true, hint: expect.stringContaining('chattr -i') }
    await expect(store.delete(key)).rejects.toMatchObject(sealed)
    await expect(store.put(key, textBody('other'))).rejects.toMatchObject(sealed)
    await expect(store.put(key, memoryBody(Buffer.alloc(3_000_000)))).rejects.toMatchObject(sealed)
    await expect(store.move?.(key, 'trash/x')).rejects.toMatchObject(sealed)
    await expect(store.move?.('trash/ef12', key)).rejects.toMatchObject(sealed)
    await expect(store.touch?.(key)).rejects.toMatchObject(sealed)
    expect(await store.put(key, textBody('other'), undefined, 'create')).toBe(false)
    expect(await readFile(join(root, key), 'utf8')).toBe(key)
  })

  it('lets a vault go on that needs an object again', async () => {
    const vault = await createVault(store, { now: new Date(0), id: 'v', tool: 't' })
    const digest = sha256Hex('hello')
    await vault.putObject(digest, textBody('hello'))
    await protectFolder(root)
    expect(await vault.putObject(digest, textBody('hello'))).toEqual({ written: false })
    await vault.putObject(sha256Hex('more'), textBody('more'))
  })

  it('is not given to files that have a library name, unless that is wanted', async () => {
    await fill()
    await link(join(root, 'objects/ab/ab12'), join(root, 'shown.jpg'))
    const first = await protectFolder(root)
    expect(first).toMatchObject({ flagged: 4, linked: 1, failed: 0 })
    expect(first.notes.join()).toContain('library')
    await rm(join(root, 'shown.jpg'))
    await link(join(root, 'objects/ab/ab12'), join(root, 'shown.jpg'))
    expect(await protectFolder(root, { linked: 'flag' })).toMatchObject({ flagged: 1, linked: 0 })
    // One inode, one flag: the library's name is now as fixed as the object's.
    await expect(unlink(join(root, 'shown.jpg'))).rejects.toMatchObject({ code: 'EPERM' })
  })

  it('is not looked for again in folders that did not change, except when all is to be looked at', async () => {
    await fill()
    for (const folder of ['objects/ab', 'objects/cd', 'objects', 'proofs']) await utimes(join(root, folder), 1e9, 1e9)
    await protectFolder(root)
    await changeFlags('clear', root, ['objects/ab/ab12'])
    expect(await protectFolder(root)).toMatchObject({ flagged: 0, already: 5 })
    expect(await protectFolder(root, { full: true })).toMatchObject({ flagged: 1, already: 4 })
    await store.put('objects/ab/ab99', textBody('new'))
    expect(await protectFolder(root)).toMatchObject({ flagged: 1 })
  })

  it('comes off single keys, which are then young and can be removed', async () => {
    await fill()
    for (const folder of ['objects/ab', 'objects/cd']) await utimes(join(root, folder), 1e9, 1e9)
    await protectFolder(root)
    const before = await store.stat('objects/ab/ab12')
    expect(await unprotectKeys(root, ['objects/ab/ab12', 'objects/ff/absent'])).toEqual({
      cleared: 1,
      failed: 0,
      notes: [],
    })
    expect((await store.stat('objects/ab/ab12'))?.changedAt).toBeGreaterThan(before?.changedAt ?? 0)
    // Its folder is not taken for settled any more.
    expect(await protectFolder(root)).toMatchObject({ flagged: 1 })
    await unprotectKeys(root, ['objects/ab/ab12'])
    await store.delete('objects/ab/ab12')
    expect(await flagged()).toHaveLength(4)
  })

  it('is seen by whoever asks what protects the vault, and that root could take it off', async () => {
    await fill()
    await protectFolder(root)
    expect(await fsProtection(root, [...KEYS, 'objects/ff/absent'])).toMatchObject({
      canRemove: true,
      objects: { kind: 'immutable-flag', looked: 5, protected: 5, mode: null, earliest: null },
      notes: [expect.stringContaining('chattr -i')],
    })
    await unprotectKeys(root, [KEYS[0] as string])
    expect((await fsProtection(root, KEYS)).objects).toMatchObject({ protected: 4, looked: 5 })
  })

  it('of a folder that only takes is told the same way', async () => {
    await fill()
    await mkdir(join(root, 'objects/ee'))
    execFileSync('chattr', ['+a', '--', join(root, 'objects/ee')])
    try {
      // A folder that only takes: names can come and none can go.
      await store.put('objects/ee/ee11', textBody('x'))
      await expect(store.delete('objects/ee/ee11')).rejects.toMatchObject({ code: 'VAULT_SEALED' })
    } finally {
      execFileSync('chattr', ['-a', '--', join(root, 'objects/ee')])
    }
  })
})

const ASK = `
const { fsProtection } = await import('./src/vault/stores/fs-protection.js')
const { openFsStore } = await import('./src/vault/stores/fs.js')
const { protectFolder } = await import('./src/vault/stores/fs-protect.js')
const [, , root, key] = process.argv
const { canRemove, objects } = await fsProtection(root, [key])
console.log(JSON.stringify({ canRemove, kind: objects.kind, protected: objects.protected }))
const store = await openFsStore(root)
await store.delete(key).catch(({ code }) => console.log(code))
console.log((await protectFolder(root)).notes.join())
`

describe.skipIf(!canFlag)('somebody who is not root', () => {
  let compiled: Compiled
  beforeAll(async () => {
    const sources = ['fs', 'fs-protect', 'fs-protection'].map((name) => `src/vault/stores/${name}.ts`)
    compiled = await compile(...sources)
  }, 120_000)
  afterAll(() => compiled.dispose())

  const ask = async (): Promise<readonly string[]> => {
    const child = await compiled.start(ASK, [root, KEYS[0] as string], { uid: NOBODY })
    return (await child.ended()).lines
  }

  it('cannot remove what has the flag, also where the folders are his, and cannot set it', async () => {
    await fill()
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, root])
    await protectFolder(root)
    const [found, code, note] = await ask()
    expect(JSON.parse(found ?? '')).toEqual({ canRemove: false, kind: 'immutable-flag', protected: 1 })
    expect(code).toBe('VAULT_SEALED')
    expect(note).toContain('only root')
  })

  it('can remove what has only the read-only mode, if the folder is his, and not if it is not', async () => {
    await fill()
    await chmod(root, 0o755)
    expect(JSON.parse((await ask())[0] ?? '')).toEqual({ canRemove: false, kind: 'read-only', protected: 1 })
    expect((await ask())[1]).toBe('STORE_REFUSED')
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, root])
    expect(JSON.parse((await ask())[0] ?? '')).toEqual({ canRemove: true, kind: 'read-only', protected: 1 })
  })
})

describe('what protects a vault on a disk', () => {
  it('is the read-only mode of its files, which keeps nobody from removing them', async () => {
    await fill()
    expect(await fsProtection(root, KEYS)).toMatchObject({
      canRemove: true,
      keepsVersions: false,
      objects: { kind: 'read-only', looked: 5, protected: 5 },
    })
    for (const key of KEYS) await chmod(join(root, key), 0o644)
    expect((await fsProtection(root, KEYS)).objects).toMatchObject({ kind: 'none', protected: 0 })
  })

  it('is unknown of objects when there are none', async () => {
    expect(await fsProtection(root, ['objects/ff/absent'])).toMatchObject({ canRemove: true, objects: null })
  })

  it('refuses keys that lead elsewhere', async () => {
    await expect(fsProtection(root, ['../x'])).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    await expect(unprotectKeys(root, ['../x'])).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })
})

describe('the answers of the programs', () => {
  it('are read line by line, and nonsense is no answer', () => {
    const linux = toolsFor('linux')
    expect(linux?.parse('----i---------e------- objects/ab/x y')).toEqual([
      'objects/ab/x y',
      { immutable: true, appendOnly: false },
    ])
    expect(linux?.parse('-----a--------e------- objects')?.[1]).toEqual({ immutable: false, appendOnly: true })
    for (const line of ['', 'lsattr: Operation not supported', '---- ', 'x'])
      expect(linux?.parse(line) ?? null).toBeNull()
    const mac = toolsFor('darwin')
    expect(mac?.parse('uchg,hidden objects/x')?.[1].immutable).toBe(true)
    expect(mac?.parse('- objects/x')).toEqual(['objects/x', { immutable: false, appendOnly: false }])
    expect(toolsFor('win32')).toBeNull()
  })

  it('are missing for what has no flags, and the note says so', async () => {
    const { flags, note } = await readFlags(root, ['absent'])
    expect(flags.size).toBe(0)
    expect(note).toContain('cannot be read')
  })
})
