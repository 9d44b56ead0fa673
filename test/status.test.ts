import { chmod, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await createRig()
  for (let n = 0; n < 12; n += 1) makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`) })
})
afterEach(() => rig.close())

const cli = (...argv: string[]): Promise<Done> => commandLine(argv, { variables: rig.env, cwd: rig.vault })
const fileOf = (digest: string): string => join(rig.vault, 'objects', digest.slice(0, 2), digest)
const objectOf = async (publicId: string): Promise<string> => {
  const entry = (await readNewest(rig.vault, 'testcloud')).entries.find((e) => e.publicId === publicId)
  return fileOf(entry?.object ?? '')
}
/** The sentence, the exit code of a check, and what to do. */
const look = async (): Promise<{
  sentence: string
  check: number
  todo: unknown
  account: Record<string, unknown>
}> => {
  const done = await cli('status')
  expect(done.exit, done.err).toBe(0)
  const json = await cli('status', '--json', '--check')
  const account = json.records[0] ?? {}
  expect(json.records.at(-1)).toMatchObject({ type: 'summary', ok: json.exit === 0, restorable: json.exit === 0 })
  return { sentence: done.out.split('\n')[0] ?? '', check: json.exit, todo: account['todo'], account }
}
const spoil = (publicId: string): void => {
  const pathMatch = new RegExp(publicId, 'u')
  rig.sandbox.faults.add({ pathMatch, area: ['delivery', 'download'], fault: { kind: 'wrong-bytes' } })
}
const flip = async (file: string): Promise<void> => {
  const bytes = await readFile(file)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await chmod(file, 0o600)
  await writeFile(file, bytes)
}

test('without a vault there is nothing to look at; without a snapshot nothing to restore', async () => {
  await mkdir(rig.vault)
  expect((await cli('status')).exit).toBe(10)
  await rig.context().vault('create')
  const done = await cli('status')
  expect(done.exit).toBe(0)
  expect(done.out).toMatch(/^Nothing can be restored yet: there is no snapshot\.\n/)
  expect((await cli('status', '--check')).exit).toBe(3)
})

test('after a backup everything is restorable; proofs come from reading and rehearsing, and age is told', async () => {
  await rig.backup()
  const first = await look()
  expect(first.sentence).toMatch(
    /^Everything is restorable as of \d{4}-\d\d-\d\d \d\d:\d\d \(just now\); the bytes were never read back; never rehearsed\.$/,
  )
  expect(first.check).toBe(0)
  expect(first.todo).toContain('cloudkeep drill')
  const { snapshot } = await readNewest(rig.vault, 'testcloud')
  // What changed after the run began may not be in it.
  expect(first.account['asOf']).toBe(snapshot.startedAt)
  expect((await cli('verify', '--read', 'all')).exit).toBe(0)
  expect((await cli('drill', '--sample', '5')).exit).toBe(0)
  const second = await look()
  expect(second.sentence).toMatch(/; every byte was last read on \d{4}-.*; last rehearsed on \d{4}-.* with 5 assets\.$/)
  expect(second).toMatchObject({ check: 0, todo: null })
})

test('missing and short objects are seen, with the assets that need them, and a repair shows at once', async () => {
  await rig.backup()
  const [one, two] = [await objectOf('p/1'), await objectOf('p/2')]
  const bytes = await readFile(one)
  await rm(one)
  await chmod(two, 0o600)
  await truncate(two, 3)
  const broken = await look()
  expect(broken.sentence).toMatch(
    /^Not everything is restorable: 2 objects of the newest snapshot are missing or short \(p\/\d, p\/\d\)/,
  )
  expect(broken.check).toBe(3)
  expect(broken.todo).toContain('verify')
  expect(broken.todo).toContain('--repair')
  expect(broken.account['obstacles']).toMatchObject([{ kind: 'absent-objects', objects: 2, assets: 2 }])
  await writeFile(one, bytes)
  await writeFile(two, Buffer.from('bytes of 2'))
  expect((await look()).check).toBe(0)
})

test('a list that cannot be read hides its assets, and so does a head', async () => {
  await rig.backup()
  const { snapshot } = await readNewest(rig.vault, 'testcloud')
  await rm(fileOf(snapshot.segments[0]?.object ?? ''))
  const lost = await look()
  expect(lost.sentence).toContain(
    'Not everything is restorable: 1 list of the newest snapshot cannot be read, with 12 assets',
  )
  expect(lost.check).toBe(3)
})

test('a newest snapshot whose head is damaged is not passed over in silence', async () => {
  await rig.backup()
  makeAsset(rig.cloud, { publicId: 'later' })
  await rig.backup()
  const { snapshot } = await readNewest(rig.vault, 'testcloud')
  const key = `${snapshot.takenAt.replaceAll(':', '-')}-${snapshot.id}.json`
  await flip(join(rig.vault, 'accounts', 'testcloud', 'snapshots', key))
  const damaged = await look()
  expect(damaged.sentence).toContain('1 snapshot cannot be read')
  expect(damaged.check).toBe(3)
})

test('wrong bytes that a rehearsal found stay an obstacle until every byte was read and found right', async () => {
  await rig.backup()
  const file = await objectOf('p/3')
  const bytes = await readFile(file)
  await flip(file)
  // Its length is right, and nobody has read it.
  expect((await look()).check).toBe(0)
  expect((await cli('drill', '--sample', 'all')).exit).toBe(3)
  const found = await look()
  expect(found.sentence).toContain('Not everything is restorable: a rehearsal could not restore p/3')
  expect(found.check).toBe(3)
  // Another sample without it is no proof that it was mended, and neither is a look at lengths.
  await rig.context().vault()
  await cli('verify')
  expect((await look()).check).toBe(3)
  expect((await cli('verify', '--read', 'all')).exit).toBe(3)
  expect((await look()).sentence).toMatch(/the check of .* found 1 error, and 1 more reason below/)
  await writeFile(file, bytes)
  expect((await cli('verify', '--read', 'all')).exit).toBe(0)
  const mended = await look()
  expect(mended.sentence).toContain('Everything is restorable')
  expect(mended.check).toBe(0)
})

test('assets that could not be kept are named; an older complete snapshot still counts', async () => {
  makeAsset(rig.cloud, { publicId: 'bad' })
  spoil('bad')
  await rig.backup()
  const partial = await look()
  expect(partial.sentence).toContain('Not everything is restorable: no snapshot is complete; 1 asset could not be kept')
  expect(partial.account).toMatchObject({ failed: 1, failedNames: ['bad'] })
  expect(partial.check).toBe(3)
  rig.sandbox.faults.clear()
  await rig.backup()
  expect((await look()).check).toBe(0)
  makeAsset(rig.cloud, { publicId: 'worse' })
  spoil('worse')
  await rig.backup()
  const later = await look()
  expect(later.sentence).toContain('Everything is restorable as of')
  expect(later.account).toMatchObject({ failedNames: ['worse'], restorable: true })
  expect(String(later.todo)).toContain('--failed')
})

test('what is gone is counted, and a damaged memory of an earlier look does no harm', async () => {
  await rig.backup()
  for (const asset of [...rig.cloud.shelf.scan()].slice(0, 3)) rig.cloud.shelf.remove(asset.assetId)
  await rig.backup()
  expect((await look()).account).toMatchObject({ gone: 3, purged: 0, imported: 0 })
  await writeFile(join(rig.vault, '.cache', 'restorable-testcloud.json'), '{"checkedAt": 3')
  expect((await look()).check).toBe(0)
})

test('the run-book is printed with what is known of the account, and without secrets', async () => {
  await rig.backup()
  const done = await cli('status', '--runbook')
  expect(done.exit, done.err).toBe(0)
  expect(done.out).toMatch(/^# Run-book/)
  for (const text of [rig.vault, 'testcloud', 'cloudkeep restore']) expect(done.out).toContain(text)
  expect(done.out).not.toContain(new URL(rig.env['CLOUDINARY_URL'] ?? '').password)
  const json = await cli('status', '--runbook', '--json')
  expect(json.records[0]).toMatchObject({ type: 'runbook', markdown: expect.stringContaining('# Run-book') })
})
