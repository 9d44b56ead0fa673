import { chmod, cp, mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { commandLine } from './command-line.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

let rig: Rig
let target: string
beforeEach(async () => {
  rig = await createRig()
  target = join(rig.vault, '..', 'copy')
  for (let n = 0; n < 20; n += 1) makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`) })
  makeAsset(rig.cloud, { publicId: 'p/large', resourceType: 'raw', bytes: Buffer.alloc(3_000_000, 'large ') })
  makeAsset(rig.cloud, { publicId: 'p/empty', resourceType: 'raw', bytes: Buffer.alloc(0) })
  await rig.backup()
  makeAsset(rig.cloud, { publicId: 'p/later', bytes: Buffer.from('bytes of later') })
  await rig.backup()
})
afterEach(() => rig.close())

const cli = (...argv: string[]) => commandLine(argv, { variables: rig.env, cwd: join(rig.vault, '..') })
const fileOf = (vault: string, digest: string): string => join(vault, 'objects', digest.slice(0, 2), digest)
const objectOf = async (publicId: string): Promise<string> => {
  const entry = (await readNewest(rig.vault, 'testcloud')).entries.find((e) => e.publicId === publicId)
  if (entry?.object == null) throw new Error(`${publicId} has no object`)
  return entry.object
}
/** Everything of the vault proper: keys and bytes. */
const contentOf = async (vault: string): Promise<Map<string, string>> => {
  const found = new Map<string, string>()
  for (const part of ['objects', 'accounts']) {
    const files = await readdir(join(vault, part), { recursive: true, withFileTypes: true })
    for (const file of files) {
      const path = join(file.parentPath, file.name)
      if (file.isFile()) found.set(path.slice(vault.length), await readFile(path, 'base64'))
    }
  }
  return new Map([...found].sort())
}
const damage = async (path: string, change: (bytes: Buffer) => Buffer): Promise<void> => {
  await chmod(path, 0o644)
  await writeFile(path, change(await readFile(path)))
}
const flip = (bytes: Buffer): Buffer => {
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 4
  return bytes
}

test('a copy holds the same snapshots and bytes under its own name, verifies, and gives assets back', async () => {
  const done = await cli('copy', target, '--json')
  expect(done.exit, done.out + done.err).toBe(0)
  expect(done.records.at(-1)).toMatchObject({ ok: true, headsWritten: 2, headsThere: 0, findings: 0, incomplete: 0 })
  expect(await contentOf(target)).toEqual(await contentOf(rig.vault))
  const identity = async (vault: string): Promise<{ id: string }> =>
    JSON.parse(await readFile(join(vault, 'cloudkeep.json'), 'utf8'))
  expect((await identity(target)).id).not.toBe((await identity(rig.vault)).id)
  expect((await cli('verify', target, '--read', 'all')).exit).toBe(0)
  const got = await cli('get', 'p/7', '--vault', target, '-o', '-')
  expect(got.out).toBe('bytes of 7')
})

test('a second copy copies nothing, and after another backup only what is new', async () => {
  await cli('copy', target)
  const again = await cli('copy', target, '--json')
  expect(again.records.at(-1)).toMatchObject({ copied: 0, copiedBytes: 0, headsWritten: 0, headsThere: 2 })
  makeAsset(rig.cloud, { publicId: 'p/newest', bytes: Buffer.from('bytes of newest') })
  await rig.backup()
  const third = await cli('copy', target, '--json')
  // The picture, the changed segment; folders and configuration may differ too.
  expect(third.records.at(-1)).toMatchObject({ headsWritten: 1, headsThere: 2 })
  expect(Number(third.records.at(-1)?.['copied'])).toBeLessThanOrEqual(4)
  expect(await contentOf(target)).toEqual(await contentOf(rig.vault))
})

test('two vaults can be named, and then the configured one plays no part', async () => {
  const done = await commandLine(['copy', rig.vault, target, '--json'], {
    variables: { CLOUDKEEP_VAULT: join(target, '..', 'nowhere') },
    cwd: join(rig.vault, '..'),
  })
  expect(done.exit, done.out).toBe(0)
  expect(await contentOf(target)).toEqual(await contentOf(rig.vault))
})

test('a dry run says what would be copied and makes nothing', async () => {
  const done = await cli('copy', target, '-n', '--json')
  expect(done.exit).toBe(0)
  expect(done.records.at(-1)).toMatchObject({ dryRun: true, headsWritten: 2 })
  expect(Number(done.records.at(-1)?.['copiedBytes'])).toBeGreaterThan(3_000_000)
  await expect(stat(target)).rejects.toThrow('ENOENT')
})

test.each(['corrupt', 'short', 'missing'])(
  'a %s object is named and not copied, its snapshots are left out, and all else is there',
  async (kind) => {
    const object = await objectOf('p/later')
    const path = fileOf(rig.vault, object)
    if (kind === 'missing') await rm(path)
    else await damage(path, kind === 'corrupt' ? flip : (bytes) => bytes.subarray(0, 5))
    const done = await cli('copy', target, '--json')
    expect(done.exit).toBe(3)
    const findings = done.records.filter((record) => record['type'] === 'finding')
    expect(findings).toEqual([
      expect.objectContaining({
        code: kind === 'missing' ? 'object-missing' : 'object-corrupt',
        subject: object,
        affects: [expect.objectContaining({ publicId: 'p/later' })],
      }),
    ])
    // The first snapshot does not need it.
    expect(done.records.at(-1)).toMatchObject({ headsWritten: 1, headsLeftOut: 1 })
    const copied = await contentOf(target)
    expect([...copied.keys()].filter((key) => key.includes(object))).toEqual([])
    expect((await cli('verify', target, '--read', 'all')).exit).toBe(0)

    const damaged = await cli('copy', target, '--damaged', '--json')
    expect(damaged.exit).toBe(3)
    expect(damaged.records.at(-1)).toMatchObject({ headsWritten: 1, headsThere: 1, headsLeftOut: 0, incomplete: 1 })
    const got = await cli('get', 'p/7', '--vault', target, '-o', '-')
    expect(got.out).toBe('bytes of 7')
  },
)

test('when the source is whole again the copy takes what it lacked', async () => {
  const path = fileOf(rig.vault, await objectOf('p/later'))
  const whole = await readFile(path)
  await damage(path, flip)
  await cli('copy', target)
  await writeFile(path, whole)
  const done = await cli('copy', target, '--json')
  expect(done.exit).toBe(0)
  expect(done.records.at(-1)).toMatchObject({ copied: 1, headsWritten: 1, headsThere: 1 })
  expect(await contentOf(target)).toEqual(await contentOf(rig.vault))
})

test('a large object cut short in both vaults is named, not taken for one that is there', async () => {
  await cli('copy', target)
  const object = await objectOf('p/large')
  for (const vault of [rig.vault, target]) {
    await chmod(fileOf(vault, object), 0o644)
    await truncate(fileOf(vault, object), 2_000_000)
  }
  const done = await cli('copy', target, '--json')
  expect(done.exit).toBe(3)
  expect(done.records.find((record) => record['type'] === 'finding')).toMatchObject({ subject: object })
})

test('an object that is short in the target only is made whole', async () => {
  await cli('copy', target)
  const object = await objectOf('p/large')
  await chmod(fileOf(target, object), 0o644)
  await truncate(fileOf(target, object), 10)
  expect((await cli('copy', target)).exit).toBe(0)
  expect((await cli('verify', target, '--read', 'all')).exit).toBe(0)
})

test('a damaged list of assets leaves its snapshot out, also when damage is allowed', async () => {
  const { snapshot } = await readNewest(rig.vault, 'testcloud')
  await damage(fileOf(rig.vault, snapshot.segments[0]?.object ?? ''), flip)
  const done = await cli('copy', target, '--damaged', '--json')
  expect(done.exit).toBe(3)
  expect(done.records.filter((record) => record['type'] === 'incomplete')).toEqual([
    expect.objectContaining({ id: snapshot.id, written: false }),
  ])
  expect(await readdir(join(target, 'accounts', 'testcloud', 'snapshots'))).toHaveLength(1)
  expect((await cli('verify', target, '--read', 'all')).exit).toBe(0)
})

test('a damaged head is named, and the other snapshots are copied', async () => {
  const folder = join(rig.vault, 'accounts', 'testcloud', 'snapshots')
  const [first = ''] = (await readdir(folder)).sort()
  await damage(join(folder, first), () => Buffer.from('{"format":1'))
  const done = await cli('copy', target, '--json')
  expect(done.exit).toBe(3)
  expect(done.records.find((record) => record['type'] === 'finding')).toMatchObject({ code: 'snapshot-unreadable' })
  expect(done.records.at(-1)).toMatchObject({ headsWritten: 1 })
})

test('a vault is not copied into itself, into its own folder, or over the folder around it', async () => {
  const link = join(rig.vault, '..', 'link')
  await symlink(rig.vault, link)
  for (const place of [rig.vault, join(rig.vault, 'inside'), join(rig.vault, '..'), link, join(link, 'deep', 'er')]) {
    const done = await cli('copy', place, '--json')
    expect(done.exit, place).toBe(2)
    expect(done.records.at(-1)).toMatchObject({ error: { code: 'USAGE' } })
  }
})

test('a folder that holds something else is refused and left as it is', async () => {
  await mkdir(target)
  await writeFile(join(target, 'holiday.txt'), 'mine')
  const done = await cli('copy', target, '--json')
  expect(done.records.at(-1)).toMatchObject({ ok: false, error: { code: 'VAULT_INVALID' } })
  expect(await readdir(target)).toEqual(['holiday.txt'])
})

test('a vault that was copied with cp goes on as a copy, and snapshots of its own stay', async () => {
  await cp(rig.vault, target, { recursive: true })
  const original = rig.vault
  const other = await commandLine(['backup', '--json'], {
    variables: { ...rig.env, CLOUDKEEP_VAULT: target },
    cwd: join(rig.vault, '..'),
  })
  expect(other.exit).toBe(0)
  makeAsset(rig.cloud, { publicId: 'p/newest', bytes: Buffer.from('bytes of newest') })
  await rig.backup()
  expect((await cli('copy', original, target)).exit).toBe(0)
  expect(await readdir(join(target, 'accounts', 'testcloud', 'snapshots'))).toHaveLength(4)
  expect((await cli('verify', target, '--read', 'all')).exit).toBe(0)
})
