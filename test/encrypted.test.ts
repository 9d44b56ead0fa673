import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { sha256Hex } from '../src/lib/hash.ts'
import { generateIdentity, recipientOf } from '../src/vault/encryption/age/x25519.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, differences, type Rig } from './rig.ts'

let folder: string
let rig: Rig
let place: string
const identity = generateIdentity()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-encrypted-'))
  place = join(folder, 'vault')
  const env = { CLOUDKEEP_CACHE: join(folder, 'cache'), XDG_CONFIG_HOME: join(folder, 'config') }
  rig = await createRig({ vault: place, env })
  for (let n = 0; n < 6; n++)
    makeAsset(rig.cloud, {
      publicId: `photo ${n}`,
      bytes: Buffer.from(`secret ${n}`),
      createdAt: Date.now() - 86_400_000,
    })
  await writeFile(join(folder, 'key.txt'), `# public key: ${recipientOf(identity)}\n${identity}\n`)
})
afterEach(async () => {
  await rig.close()
  await rm(folder, { recursive: true, force: true })
})

const run = (
  argv: readonly string[],
  more: Record<string, string> = {},
  ask?: (q: string) => Promise<string>,
): Promise<Done> =>
  commandLine(argv, { variables: { ...rig.env, ...more }, cwd: folder, ...(ask === undefined ? {} : { ask }) })
const owner = (file = 'key.txt'): Record<string, string> => ({
  CLOUDKEEP_IDENTITY_FILE: join(folder, file),
  CLOUDKEEP_CACHE: join(folder, `cache of ${file}`),
})
const INIT = ['init', '--recipient', recipientOf(identity), '--prove', 'key.txt', '--json'] as const

const filesIn = async (root: string): Promise<string[]> =>
  (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

/** Every plain text that must not be found in the place. */
const leaks = async (): Promise<string[]> => {
  const found: string[] = []
  const names = Array.from({ length: 6 }, (_, n) => [`photo ${n}`, `secret ${n}`, sha256Hex(`secret ${n}`)]).flat()
  for (const file of await filesIn(place)) {
    const text = `${file} ${(await readFile(file)).toString('latin1')}`
    found.push(...[...names, identity].filter((name) => text.includes(name)))
  }
  return found
}

test('nothing of the account can be read in an encrypted vault on a disk, and its owner gets all of it', async () => {
  expect((await run(INIT)).records.at(-1)).toMatchObject({ ok: true, isNew: true, isEncrypted: true })
  expect((await run(['backup', '--json'])).records.at(-1)).toMatchObject({ ok: true, fetched: 6 })
  expect(await leaks()).toEqual([])
  expect(await readdir(place)).not.toContain('library')
  expect((await run(['verify', '--read', 'all'], owner())).exit).toBe(0)
  expect((await run(['copy', join(folder, 'plain'), '--decrypt'], owner())).exit).toBe(0)
  expect(await differences({ cloud: rig.cloud, vault: join(folder, 'plain') })).toEqual([])
})

test('the machine that backs up answers from what it remembers, and cannot read yesterday without it', async () => {
  await run(INIT)
  await run(['backup'])
  expect((await run(['ls', '--json'])).records).toHaveLength(7)
  await rm(join(folder, 'cache'), { recursive: true })
  const done = await run(['ls', '--json'])
  expect(done.exit).toBe(12)
  expect(done.records.at(-1)).toMatchObject({
    error: { code: 'KEY_MISSING', hint: expect.stringContaining('IDENTITY') },
  })
})

test('the writer’s key is readable for its user alone', async () => {
  await run(INIT)
  const [file = ''] = await filesIn(join(folder, 'config'))
  expect((await stat(file)).mode & 0o077).toBe(0)
})

test.each([
  ['without a proof', ['init', '--recipient', recipientOf(identity), '--json']],
  ['with a key that opens it not', ['init', '--recipient', recipientOf(identity), '--prove', 'other.txt', '--json']],
])('no vault is made %s', async (_, argv) => {
  await writeFile(join(folder, 'other.txt'), generateIdentity())
  const done = await run(argv)
  expect(done.records.at(-1)).toMatchObject({ ok: false, error: { code: 'NOT_CONFIRMED' } })
  expect(await filesIn(place)).toEqual([])
})

test('a new key is made, shown where it was written, and asked for at the terminal', async () => {
  const asked: string[] = []
  const done = await run(['init', '--encrypt', '--new-key', 'new.txt'], {}, async (question) => {
    asked.push(question)
    return (await readFile(join(folder, 'new.txt'), 'utf8')).trimEnd().slice(-8)
  })
  expect(done).toMatchObject({ exit: 0 })
  expect(asked).toHaveLength(1)
  expect(done.err).toContain('everything in it is lost')
  expect((await stat(join(folder, 'new.txt'))).mode & 0o077).toBe(0)
  await run(['backup'])
  expect((await run(['verify', '--read', 'all'], owner('new.txt'))).exit).toBe(0)
})

test('a wrong answer about the new key makes no vault', async () => {
  const done = await run(['init', '--encrypt', '--new-key', 'new.txt', '--json'], {}, async () => 'ABCDEFGH')
  expect(done.records.at(-1)).toMatchObject({ error: { code: 'NOT_CONFIRMED' } })
  expect(await filesIn(place)).toEqual([])
})

test('a passphrase opens it as a recipient does', async () => {
  const secret = { CLOUDKEEP_PASSPHRASE: 'correct horse battery staple' }
  expect((await run(['init', '--passphrase'], secret)).exit).toBe(0)
  await run(['backup'])
  const reading = { ...secret, CLOUDKEEP_CACHE: join(folder, 'another machine') }
  expect((await run(['verify', '--read', 'all'], reading)).exit).toBe(0)
  const wrong = { ...reading, CLOUDKEEP_PASSPHRASE: 'wrong horse battery staple' }
  expect((await run(['verify'], wrong)).exit).toBe(12)
}, 60_000)

test('rekey: the new owner reads everything, the old one nothing that came after', async () => {
  await run(INIT)
  await run(['backup'])
  const next = generateIdentity()
  await writeFile(join(folder, 'next.txt'), next)
  const done = await run(['rekey', '--recipient', recipientOf(next), '--prove', 'next.txt', '--json'], owner())
  expect(done.records.at(-1)).toMatchObject({ ok: true, generation: 2, failed: [] })
  makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('secret later'), createdAt: Date.now() - 3_600_000 })
  expect((await run(['backup', '--json'])).records.at(-1)).toMatchObject({ ok: true, fetched: 1, unchanged: 6 })
  expect((await run(['verify', '--read', 'all'], owner('next.txt'))).exit).toBe(0)
  expect((await run(['verify', '--read', 'all'], owner('key.txt'))).exit).not.toBe(0)
})

test('a machine does not encrypt to somebody who put himself into cloudkeep.json', async () => {
  await run(INIT)
  await run(['backup'])
  const file = join(place, 'cloudkeep.json')
  const vault = JSON.parse(await readFile(file, 'utf8'))
  vault.encryption.recipient = recipientOf(generateIdentity())
  await rm(file)
  await writeFile(file, JSON.stringify(vault))
  const done = await run(['backup', '--json'])
  expect(done.records.at(-1)).toMatchObject({ ok: false, error: { code: 'VAULT_INVALID' } })
})

test('no secret is shown, whatever goes wrong', async () => {
  await run(INIT)
  const [writer = ''] = await filesIn(join(folder, 'config'))
  const key = (await readFile(writer, 'utf8')).trim()
  const torn = { CLOUDKEEP_WRITER_KEY: key.slice(0, -3), CLOUDKEEP_CACHE: join(folder, 'x') }
  for (const more of [torn, { CLOUDKEEP_IDENTITY: `${identity}X` }]) {
    const done = await run(['backup', '-v', '--json'], more)
    expect(done.exit).not.toBe(0)
    for (const secret of [identity, key.split(' ').at(-1) ?? '?']) expect(done.out + done.err).not.toContain(secret)
  }
})

test('a copy is fed by the machine that cannot read it, stays encrypted, and goes on after a part of it', async () => {
  await run(INIT)
  await run(['backup'])
  const copy = join(folder, 'copy')
  expect((await run(['copy', copy, '--json'])).records.at(-1)).toMatchObject({ ok: true, headsWritten: 1 })
  const again = (await run(['copy', copy, '--json'])).records.at(-1)
  expect(again).toMatchObject({ ok: true, copied: 0, headsThere: 1 })
  makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('a later one'), createdAt: Date.now() - 3_600_000 })
  await run(['backup'])
  await rm(join(copy, 'objects'), { recursive: true })
  expect((await run(['copy', copy, '--json'])).records.at(-1)).toMatchObject({ ok: true, headsWritten: 1 })
  expect((await run(['verify', '--vault', copy, '--read', 'all'], owner())).exit).toBe(0)
  expect((await run(['copy', copy, join(folder, 'plain'), '--decrypt'], owner())).exit).toBe(0)
  expect(await differences({ cloud: rig.cloud, vault: join(folder, 'plain') })).toEqual([])
})

test('an encrypted vault is not mirrored over another one', async () => {
  await run(INIT)
  await run(['backup'])
  const other = await createRig()
  await other.backup()
  const done = await run(['copy', other.vault, '--json'])
  expect(done.records.at(-1)).toMatchObject({ ok: false, error: { code: 'KEY_MISSING' } })
  await other.close()
})

test('whoever starts init at a terminal is asked what it must know, and gets a config file', async () => {
  const { CLOUDKEEP_VAULT: _, ...variables } = rig.env
  const asked: string[] = []
  const answers = [place, 'y']
  const done = await commandLine(['init'], {
    variables,
    cwd: folder,
    ask: async (question) => {
      asked.push(question)
      return answers.shift() ?? (await readFile(join(folder, 'cloudkeep-key.txt'), 'utf8')).trimEnd().slice(-8)
    },
  })
  expect(done).toMatchObject({ exit: 0 })
  expect(asked).toEqual([
    expect.stringContaining('Where'),
    expect.stringContaining('Encrypt'),
    expect.stringContaining('last 8'),
  ])
  const backup = await commandLine(['backup', '--json'], { variables, cwd: folder })
  expect(backup.records.at(-1)).toMatchObject({ ok: true, fetched: 6 })
  expect(await leaks()).toEqual([])
})

test('what the owner writes into the vault elsewhere does not keep the blind machine from its work', async () => {
  await run(INIT)
  await run(['backup'])
  await run(['backup'])
  rig.cloud.shelf.remove([...rig.cloud.shelf.scan()].find(({ publicId }) => publicId === 'photo 3')?.assetId ?? '')
  const elsewhere = { ...owner(), XDG_CONFIG_HOME: join(folder, 'config elsewhere') }
  for (const argv of [
    ['verify', '--read', 'all'],
    ['drill'],
    ['pin', 'latest'],
    ['backup'],
    ['prune', '--keep-last', '2', '--grace', '0', '--yes'],
    ['purge', 'photo 3@1', '--reason', 'asked for', '--yes'],
  ]) {
    const did = await run(argv, elsewhere)
    expect(did.exit, argv.join(' ') + did.err).toBe(0)
  }
  makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('a later one'), createdAt: Date.now() - 3_600_000 })
  const done = await run(['backup', '--json'])
  expect(done.records.at(-1)).toMatchObject({ ok: true, complete: true })
  for (const argv of [['status'], ['snapshots'], ['ls'], ['find', 'later'], ['log'], ['versions', 'later']])
    expect((await run(argv)).exit, argv.join(' ')).toBe(0)
  expect((await run(['verify', '--read', 'all'], owner())).exit).toBe(0)
})
