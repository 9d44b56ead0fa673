import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createCloud } from '../sandbox/cloud.ts'
import { makeAsset } from '../sandbox/make-asset.ts'
import { startSandbox } from '../sandbox/server.ts'
import { sha256Hex } from '../src/lib/hash.ts'
import { BUCKET_KINDS, type TestBucket } from './bucket-rig.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, differences, type Rig, readNewest } from './rig.ts'

// The first test of a run starts the servers, and some of them are slow.
vi.setConfig({ testTimeout: 120_000 })

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Stage {
  readonly rig: Rig
  readonly bucket: TestBucket
  readonly folder: string
  run(...argv: string[]): Promise<Done>
  runWith(variables: Record<string, string>, ...argv: string[]): Promise<Done>
}

const stage = async (make: () => Promise<TestBucket>, consent = 'testcloud'): Promise<Stage> => {
  const bucket = await make()
  closers.push(bucket.close)
  const rig = await createRig({ vault: bucket.url, env: bucket.env })
  closers.push(rig.close)
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-buckets-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  if (consent !== '') await bucket.put(`.wellknown/cloudinary/${consent}`, '')
  const runWith: Stage['runWith'] = (variables, ...argv) =>
    commandLine(argv, { variables: { ...rig.env, ...variables }, cwd: folder })
  return { rig, bucket, folder, runWith, run: (...argv) => runWith({}, ...argv) }
}

const bytesOf = (n: number): Buffer => Buffer.from(`photo ${n} `.repeat(20 + (n % 50)))
const fill = (rig: Pick<Rig, 'cloud'>, count: number): void => {
  for (let n = 0; n < count; n++) {
    makeAsset(rig.cloud, { publicId: `folder/photo ${n}`, bytes: bytesOf(n), createdAt: Date.now() - 86_400_000 + n })
  }
}

const digestsOf = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return (await Promise.all(files.map(async (file) => sha256Hex(await readFile(file))))).sort()
}

const objectsIn = async (bucket: TestBucket): Promise<string[]> =>
  (await bucket.keys()).filter((key) => key.startsWith('vault/objects/'))

describe.each(BUCKET_KINDS)('a vault in a bucket ($name)', ({ isThere, make }) => {
  describe.skipIf(!isThere)('of a server that is here', () => {
    it('takes a backup, proves it, is copied to a disk to the byte, and gives files back', async () => {
      const { rig, run, folder } = await stage(make)
      fill(rig, 30)
      const large = Buffer.alloc(9_000_000, 'a large one ')
      makeAsset(rig.cloud, { publicId: 'large', bytes: large, createdAt: Date.now() - 86_400_000 })
      expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 31, failed: 0 } })
      expect((await rig.verify()).findings).toEqual([])
      const copied = await run('copy', join(folder, 'local'))
      expect(copied).toMatchObject({ exit: 0 })
      expect(await differences({ cloud: rig.cloud, vault: join(folder, 'local') })).toEqual([])
      const restored = await run('restore', '--to', join(folder, 'out'))
      expect(restored).toMatchObject({ exit: 0 })
      const wanted = [...Array.from({ length: 30 }, (_, n) => bytesOf(n)), large].map((bytes) => sha256Hex(bytes))
      expect(await digestsOf(join(folder, 'out'))).toEqual(wanted.sort())
    })

    it('costs nothing but a look when nothing changed, and works on when this machine forgot everything', async () => {
      const { rig, bucket } = await stage(make)
      fill(rig, 12)
      await rig.backup()
      const before = await bucket.keys()
      expect((await rig.backup()).totals).toMatchObject({ fetched: 0, unchanged: 12 })
      // One more head and nothing else that stays.
      expect((await bucket.keys()).filter((key) => !before.includes(key))).toEqual([
        expect.stringMatching(/^vault\/accounts\/testcloud\/snapshots\//),
      ])
      await rm(bucket.env['CLOUDKEEP_CACHE'] ?? '', { recursive: true })
      expect((await rig.backup()).totals).toMatchObject({ fetched: 0, unchanged: 12 })
      expect((await rig.verify()).findings).toEqual([])
    })

    it('is made only where the owner consents, and nothing is written before', async () => {
      const { rig, bucket, run } = await stage(make, 'somebody-else')
      fill(rig, 3)
      await expect(rig.backup()).rejects.toMatchObject({
        code: 'CONSENT_MISSING',
        message: expect.stringContaining('testcloud'),
        hint: expect.stringContaining('.wellknown/cloudinary/testcloud'),
      })
      expect(await bucket.keys()).toEqual(['.wellknown/cloudinary/somebody-else'])
      expect((await run('init', bucket.url, '--cloud', 'testcloud')).exit).toBe(0)
      expect(await bucket.keys()).toContain('.wellknown/cloudinary/testcloud')
      expect(await rig.backup()).toMatchObject({ complete: true })
    })

    it('is refused to an account for which nobody consented, although a vault is there', async () => {
      const { rig, runWith } = await stage(make)
      fill(rig, 2)
      await rig.backup()
      const other = createCloud({ name: 'othercloud', settings: { rateLimit: 100_000 } })
      const sandbox = await startSandbox({ clouds: [other] })
      closers.push(() => sandbox.close())
      const done = await runWith({ CLOUDINARY_URL: sandbox.cloudinaryUrl('othercloud') }, 'backup', '--json')
      expect(done.exit).toBe(1)
      expect(done.records.at(-1)).toMatchObject({ ok: false, error: { code: 'CONSENT_MISSING' } })
    })

    it('keeps once what two accounts have', async () => {
      const { rig, bucket, runWith } = await stage(make)
      fill(rig, 5)
      await rig.backup()
      const objects = (await objectsIn(bucket)).length
      const other = createCloud({ name: 'othercloud', settings: { rateLimit: 100_000 } })
      fill({ cloud: other }, 5)
      const sandbox = await startSandbox({ clouds: [other] })
      closers.push(() => sandbox.close())
      await bucket.put('.wellknown/cloudinary/othercloud', '')
      const done = await runWith({ CLOUDINARY_URL: sandbox.cloudinaryUrl('othercloud') }, 'backup', '--json')
      expect(done.exit).toBe(0)
      const added = (await objectsIn(bucket)).length - objects
      // Lists of the other account, and none of its five photographs.
      expect(added).toBeLessThanOrEqual(3)
    })

    it('keeps a second machine out while a run is under way, and says which one holds it', async () => {
      const { rig, runWith, folder } = await stage(make)
      fill(rig, 3)
      await rig.backup()
      const lock = await rig.context().lock('backup')
      const done = await runWith({ CLOUDKEEP_CACHE: join(folder, 'another machine') }, 'backup', '--json')
      expect(done.exit).toBe(11)
      expect(done.records.at(-1)).toMatchObject({ error: { code: 'VAULT_LOCKED' } })
      await lock.release()
      const again = await runWith({ CLOUDKEEP_CACHE: join(folder, 'another machine') }, 'backup', '--json')
      expect(again.exit).toBe(0)
    })

    it('loses by a prune what no snapshot needs, and nothing else', async () => {
      const { rig, bucket, run } = await stage(make)
      fill(rig, 4)
      await rig.backup()
      rig.cloud.shelf.remove(
        [...rig.cloud.shelf.scan()].find(({ publicId }) => publicId === 'folder/photo 1')?.assetId ?? '',
      )
      await rig.backup({ yesMassChange: true })
      const before = (await objectsIn(bucket)).length
      const pruned = await run('prune', '--keep-last', '1', '--grace', '0', '--yes', '--json')
      expect(pruned.exit).toBe(0)
      expect((await run('prune', '--keep-last', '1', '--grace', '0', '--yes')).exit).toBe(0)
      expect((await objectsIn(bucket)).length).toBeLessThan(before)
      expect((await rig.verify()).findings).toEqual([])
    })

    it('is mended from a copy when an object is damaged in the bucket', async () => {
      const { rig, bucket, run, folder } = await stage(make)
      fill(rig, 4)
      await rig.backup()
      await run('copy', join(folder, 'local'))
      const digest = sha256Hex(bytesOf(2))
      await bucket.put(`vault/objects/${digest.slice(0, 2)}/${digest}`, 'damaged')
      expect((await rig.verify()).findings).toHaveLength(1)
      const repaired = await run('verify', '--read', 'all', '--repair', '--from', join(folder, 'local'))
      expect(repaired.exit).toBe(0)
      expect((await rig.verify()).findings).toEqual([])
    })

    it('passes its own check and is left as it was', async () => {
      const { bucket, run } = await stage(make)
      const before = await bucket.keys()
      const done = await run('check-store', bucket.url, '--cloud', 'testcloud', '--json')
      expect(done.exit).toBe(0)
      expect(done.records.at(-1)).toMatchObject({ ok: true, canRemove: true, left: [] })
      expect(await bucket.keys()).toEqual(before)
    })
  })
})

describe.each(BUCKET_KINDS)('an encrypted vault in a bucket ($name)', ({ isThere, make }) => {
  describe.skipIf(!isThere)('of a server that is here', () => {
    it('is written by a machine that cannot read it, and read by its owner', async () => {
      const { rig, bucket, run, runWith, folder } = await stage(make)
      fill(rig, 8)
      const { generateIdentity, recipientOf } = await import('../src/vault/encryption/age/x25519.ts')
      const identity = generateIdentity()
      const file = join(folder, 'key.txt')
      await writeFile(file, `${identity}\n`)
      const made = await run('init', bucket.url, '--recipient', recipientOf(identity), '--prove', file)
      expect(made).toMatchObject({ exit: 0 })
      expect((await run('backup', '--json')).exit).toBe(0)
      makeAsset(rig.cloud, { publicId: 'new', bytes: Buffer.from('a new one'), createdAt: Date.now() - 3_600_000 })
      const second = await run('backup', '--json')
      expect(second.records.at(-1)).toMatchObject({ ok: true, fetched: 1, unchanged: 8 })
      const digest = sha256Hex(bytesOf(1))
      expect((await bucket.keys()).filter((key) => key.includes(digest))).toEqual([])
      const blind = await run('get', 'folder/photo 1', '-o', join(folder, 'x'), '--json')
      expect(blind.records.at(-1)).toMatchObject({ error: { code: 'KEY_MISSING' } })
      const owner = { CLOUDKEEP_IDENTITY_FILE: file, CLOUDKEEP_CACHE: join(folder, 'owner') }
      expect((await runWith(owner, 'verify', '--read', 'all')).exit).toBe(0)
      expect((await runWith(owner, 'restore', '--to', join(folder, 'out'))).exit).toBe(0)
      expect(await digestsOf(join(folder, 'out'))).toHaveLength(9)
      expect((await runWith(owner, 'copy', join(folder, 'local'), '--decrypt')).exit).toBe(0)
      expect(await differences({ cloud: rig.cloud, vault: join(folder, 'local') })).toEqual([])
      expect((await readNewest(join(folder, 'local'), 'testcloud')).snapshot.assets).toBe(9)
    })
  })
})
