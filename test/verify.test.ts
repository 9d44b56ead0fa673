import { chmod, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { commandLine } from './command-line.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await createRig()
  for (let n = 0; n < 30; n += 1) makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`) })
  await rig.backup()
})
afterEach(() => rig.close())

const fileOf = (digest: string): string => join(rig.vault, 'objects', digest.slice(0, 2), digest)
const objectOf = async (publicId: string): Promise<string> => {
  const entry = (await readNewest(rig.vault, 'testcloud')).entries.find((e) => e.publicId === publicId)
  if (entry?.object == null) throw new Error(`${publicId} has no object`)
  return entry.object
}
const cli = (...argv: string[]) => commandLine(argv, { variables: rig.env, cwd: rig.vault })

const names = async (): Promise<string[]> =>
  (await readdir(rig.vault, { recursive: true })).filter((name) => !/^(\.cache|proofs)/.test(name)).sort()

test('a whole vault verifies, and verifying changes nothing but that a proof of it is left', async () => {
  const before = await names()
  const done = await cli('verify', '--read', 'all', '--json')
  expect(done.exit).toBe(0)
  expect(done.records.at(-1)).toMatchObject({ type: 'summary', ok: true })
  expect(await names()).toEqual(before)
  expect(await readdir(join(rig.vault, 'proofs'))).toHaveLength(1)
})

test('one flipped bit, one short object and one missing object are all named, with the assets that need them', async () => {
  const [flipped, short, missing] = [await objectOf('p/1'), await objectOf('p/2'), await objectOf('p/3')]
  const bytes = await readFile(fileOf(flipped))
  bytes[3] = (bytes[3] ?? 0) ^ 1
  await chmod(fileOf(flipped), 0o600)
  await writeFile(fileOf(flipped), bytes)
  await chmod(fileOf(short), 0o600)
  await truncate(fileOf(short), 4)
  await rm(fileOf(missing))
  const { findings } = await rig.verify()
  const seen = findings.map((f) => `${f.code} ${f.affects[0]?.publicId}`).sort()
  expect(seen).toEqual(['object-corrupt p/1', 'object-length p/2', 'object-missing p/3'])
  const done = await cli('verify', '--read', 'all')
  expect(done.exit).not.toBe(0)
  expect(done.out + done.err).toContain('p/1')
  // A look at names and lengths alone finds what is missing, and the command line refuses to hand out bad bytes.
  expect((await cli('get', 'p/1', '-o', join(rig.vault, '..', 'out'))).exit).toBe(1)
  expect(await readFile(fileOf(flipped))).toEqual(bytes)
})

test('a damaged manifest is named and hides nothing else', async () => {
  const { snapshot } = await readNewest(rig.vault, 'testcloud')
  const segment = snapshot.segments[0]?.object ?? ''
  await chmod(fileOf(segment), 0o600)
  await truncate(fileOf(segment), 20)
  const { findings } = await rig.verify()
  expect(findings.map((f) => f.code)).toContain('segment-unreadable')
})

test('a head that does not parse is named', async () => {
  const folder = join(rig.vault, 'accounts', 'testcloud', 'snapshots')
  const [name] = await readdir(folder)
  await chmod(join(folder, name ?? ''), 0o600)
  await writeFile(join(folder, name ?? ''), '{"format":1,')
  const { findings } = await rig.verify()
  expect(findings).toMatchObject([{ code: 'snapshot-unreadable', severity: 'error' }])
})

test('with .cache deleted, every command answers from the vault alone as it did before', async () => {
  const before = await cli('ls', '--json')
  const versions = await cli('versions', 'p/7', '--json')
  await rm(join(rig.vault, '.cache'), { recursive: true })
  expect((await cli('ls', '--json')).records).toEqual(before.records)
  expect((await cli('versions', 'p/7', '--json')).records).toEqual(versions.records)
})
