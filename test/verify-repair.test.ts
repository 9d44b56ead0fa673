import { createHash } from 'node:crypto'
import { chmod, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { applyRandomHistory } from '../sandbox/changes.ts'
import { contentOf, makeAsset } from '../sandbox/make-asset.ts'
import { createRandom } from '../sandbox/random.ts'
import type { Lost, VerifyReport } from '../src/maintenance/verify/report.ts'
import { runVerifyCommand } from '../src/verify-command.ts'
import { commandLine } from './command-line.ts'
import { DAMAGES, damage, digestsBelow } from './damage.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

let rig: Rig
let second: string
beforeEach(async () => {
  rig = await createRig()
  second = join(rig.vault, '..', 'second')
})
afterEach(() => rig.close())

async function verify(wish: { read?: string; repair?: boolean; from?: string[] } = {}): Promise<VerifyReport> {
  const context = rig.context()
  const signal = new AbortController().signal
  try {
    return await runVerifyCommand(context, { read: 'all', ...wish }, () => undefined, signal)
  } finally {
    await context.close()
  }
}

/** As a copy to another disk is: nothing is shared with the original. */
async function copyVault(): Promise<void> {
  await cp(rig.vault, second, { recursive: true, filter: (path) => !/\/(library|\.cache|locks)$/.test(path) })
}

const fileOf = (digest: string, vault = rig.vault): string => join(vault, 'objects', digest.slice(0, 2), digest)
const objectOf = async (publicId: string): Promise<string> =>
  (await readNewest(rig.vault, 'testcloud')).entries.find((entry) => entry.publicId === publicId)?.object ?? ''
const cli = (...argv: string[]) => commandLine(argv, { variables: rig.env, cwd: rig.vault })

async function flip(digest: string): Promise<void> {
  const bytes = await readFile(fileOf(digest))
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await chmod(fileOf(digest), 0o600)
  await writeFile(fileOf(digest), bytes)
}

/** Several snapshots of an account at work, each seen by a check. */
async function history(seed: number): Promise<void> {
  for (let n = 0; n < 12; n += 1) makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`) })
  for (let round = 0; round < 3; round += 1) {
    await rig.backup()
    await verify({ read: 'none' })
    applyRandomHistory(rig.cloud, seed + round, { steps: 8 })
  }
  await rig.backup()
  await verify({ read: 'none' })
}

describe.each([1, 2, 3])('whatever is flipped, cut or deleted (%i)', (seed) => {
  test('is found, and a second vault heals all of it', async () => {
    await history(seed)
    await copyVault()
    const random = createRandom(seed)
    const pristine = new Map(
      [...(await digestsBelow(rig.vault))].filter(([path]) => /^(objects|accounts)\//.test(path)),
    )
    const bad: string[] = []
    const victims = [...pristine.keys()].filter((path) => random.chance(path.startsWith('accounts/') ? 0.5 : 0.3))
    for (const path of victims) {
      const left = await damage(join(rig.vault, path), random.pick(DAMAGES), random)
      if (left !== null) bad.push(createHash('sha256').update(left).digest('hex'))
    }
    const found = await verify()
    const named = found.findings.map(({ subject, message }) => `${subject} ${message}`).join('\n')
    // What hangs on a lost list is not known to be there; everything that was touched and can be known of is named.
    const isRepaired = await verify({ repair: true, from: [second] })
    const seen = `${named}\n${isRepaired.findings.map(({ subject, message }) => `${subject} ${message}`).join('\n')}`
    for (const path of victims) expect(seen).toContain(/([^/]+?)(\.json)?$/.exec(path)?.[1]?.split('Z-').at(-1) ?? path)
    expect(isRepaired).toMatchObject({ errors: 0, lost: [] })
    const after = await digestsBelow(rig.vault)
    for (const [path, digest] of pristine) expect([path, after.get(path)]).toEqual([path, digest])
    const quarantined = [...after].filter(([path]) => path.startsWith('quarantine/')).map(([, digest]) => digest)
    expect(quarantined.sort()).toEqual(bad.sort())
    expect(await verify()).toMatchObject({ findings: [], errors: 0, everyByte: true })
  })
})

describe('the sources', () => {
  beforeEach(async () => {
    for (let n = 0; n < 6; n += 1) makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`) })
    await rig.backup()
  })

  test('the library gives back what was deleted, and is not asked for what it shares', async () => {
    const [deleted, flipped] = [await objectOf('p/1'), await objectOf('p/2')]
    await rm(fileOf(deleted))
    await flip(flipped)
    const report = await verify({ repair: true })
    const sources = new Map(report.repaired.map((one) => [one.subject, one.source]))
    expect([sources.get(deleted), sources.get(flipped)]).toEqual(['library', 'account'])
    expect(report).toMatchObject({ errors: 0, lost: [] })
  })

  test('a library file that showed the damage shows the original again', async () => {
    const object = await objectOf('p/2')
    const { entries } = await readNewest(rig.vault, 'testcloud')
    const path = entries.find((entry) => entry.object === object)?.path ?? ''
    await flip(object)
    expect(String(await readFile(join(rig.vault, 'library/testcloud', path)))).not.toBe('bytes of 2')
    await verify({ repair: true })
    expect(String(await readFile(join(rig.vault, 'library/testcloud', path)))).toBe('bytes of 2')
  })

  test('Cloudinary’s backup gives back a version that was replaced since', async () => {
    const object = await objectOf('p/3')
    applyRandomHistory(rig.cloud, 5, { steps: 30, kinds: ['overwrite'] })
    await rig.backup()
    await flip(object)
    const report = await verify({ repair: true })
    expect(report.repaired).toMatchObject([{ subject: object, source: 'backup' }])
    expect(report.errors).toBe(0)
  })

  test('an object in the trash that something needs is moved back', async () => {
    const object = await objectOf('p/4')
    await mkdir(join(rig.vault, 'trash'))
    await rename(fileOf(object), join(rig.vault, 'trash', object))
    expect((await verify()).findings).toMatchObject([{ code: 'object-in-trash', subject: object }])
    const report = await verify({ repair: true })
    expect(report.repaired).toMatchObject([{ subject: object, source: 'trash', quarantined: null }])
    expect(await verify()).toMatchObject({ findings: [] })
  })

  test('a second vault that is damaged in the same place gives nothing, and no bad byte is believed', async () => {
    await copyVault()
    const object = await objectOf('p/5')
    await chmod(fileOf(object, second), 0o600)
    await writeFile(fileOf(object, second), 'bytes of 6')
    await flip(object)
    const report = await verify({ repair: true, from: [second] })
    expect(report.repaired).toMatchObject([{ subject: object, source: 'account' }])
    expect(String(await readFile(fileOf(object)))).toBe('bytes of 5')
  })

  test('a damaged object that nothing needs is taken out of the way of a later backup', async () => {
    const digest = createHash('sha256').update('to come').digest('hex')
    await mkdir(join(rig.vault, 'objects', digest.slice(0, 2)), { recursive: true })
    await writeFile(fileOf(digest), 'to c0me')
    expect((await verify()).findings).toMatchObject([{ severity: 'warning', code: 'object-corrupt', subject: digest }])
    const report = await verify({ repair: true })
    expect(report.repaired).toMatchObject([{ subject: digest, source: 'unneeded' }])
    makeAsset(rig.cloud, { publicId: 'new', bytes: Buffer.from('to come') })
    await rig.backup()
    expect(await verify()).toMatchObject({ findings: [] })
  })

  test('what no source has is lost by name, in every snapshot that had it', async () => {
    const lost = await objectOf('p/0')
    rig.cloud.settings.autoBackup = false
    const victim = [...rig.cloud.shelf.scan()].find(({ publicId }) => publicId === 'p/0')
    if (victim !== undefined) rig.cloud.shelf.remove(victim.assetId)
    makeAsset(rig.cloud, { publicId: 'other' })
    await rig.backup({ delete: true })
    await flip(lost)
    const report = await verify({ repair: true })
    expect(report).toMatchObject({ errors: 1, repaired: [] })
    expect(report.lost).toMatchObject([
      { subject: lost, what: 'asset', mayReturn: null, versions: [{ publicId: 'p/0', assetId: victim?.assetId }] },
    ])
    expect(String(await readFile(join(rig.vault, report.lost[0]?.quarantined ?? '')))).toBe('cytes of 0')
    const again = await cli('verify', '--read', 'all', '--repair')
    expect(again.exit).toBe(3)
    expect(again.out).toContain('lost for good  image/upload/p/0')
  })

  test('an account that could not be asked leaves hope', async () => {
    await flip(await objectOf('p/0'))
    const closed = await commandLine(['verify', '--read', 'all', '--repair', '--json'], {
      variables: { CLOUDKEEP_VAULT: rig.vault },
      cwd: rig.vault,
    })
    expect(closed.exit).toBe(3)
    const lost = closed.records.filter(({ type }) => type === 'lost') as unknown as Lost[]
    expect(lost).toMatchObject([{ mayReturn: expect.stringContaining('no credentials') }])
    // The account is there the next time, and the absence is found without reading a byte.
    expect(await verify({ read: 'none', repair: true })).toMatchObject({ errors: 0, repaired: [{ source: 'account' }] })
  })

  test('a lost manifest is said to be lost, and the backup after it is whole', async () => {
    const { snapshot } = await readNewest(rig.vault, 'testcloud')
    await flip(snapshot.segments[0]?.object ?? '')
    const report = await verify({ repair: true })
    expect(report.lost).toMatchObject([{ what: 'segment', snapshots: [snapshot.id], mayReturn: null }])
    expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 0 } })
  })
})

test('a record that cannot be read is brought back from a second vault, and so is a lost derived file', async () => {
  const asset = makeAsset(rig.cloud, { publicId: 'a', bytes: Buffer.from('the original') })
  const bytes = Buffer.from('made of it')
  const made = { id: 'd1', transformation: 'w_10', format: 'jpg', bytes: bytes.length, content: contentOf(bytes) }
  asset.derived.push(made)
  await rig.backup({ details: 'all', derived: true })
  const object = createHash('sha256').update('made of it').digest('hex')
  const value = {
    format: 1,
    id: 'x',
    cloud: 'testcloud',
    at: '2026-11-22T00:00:00.000Z',
    tool: 't',
    policy: [],
    snapshots: [],
  }
  const vault = await rig.context().vault()
  const key = await vault.writeRecord({ kind: 'prunes', cloud: 'testcloud' }, { id: 'x', at: value.at, value })
  await copyVault()
  await flip(object)
  await chmod(join(rig.vault, key), 0o600)
  await writeFile(join(rig.vault, key), '{"format":')
  expect((await verify({ repair: true })).lost).toMatchObject([{ subject: object, what: 'derived' }])
  const report = await verify({ repair: true, from: [second] })
  expect(report.repaired.map(({ subject }) => subject).sort()).toEqual([key, object].sort())
  expect(await verify()).toMatchObject({ findings: [] })
  expect((await cli('verify', '--read', 'all', '--repair', '--from', rig.vault)).exit).toBe(2)
})

test('a repair without a word on what to read, and sources without a repair, are refused', async () => {
  makeAsset(rig.cloud, { publicId: 'a' })
  await rig.backup()
  expect((await cli('verify', '--repair')).exit).toBe(2)
  expect((await cli('verify', '--from', second)).exit).toBe(2)
  expect((await cli('verify', '--read', '5min')).exit).toBe(2)
})
