import { chmod, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createCloud } from '../sandbox/cloud.ts'
import { makeAsset } from '../sandbox/make-asset.ts'
import { startSandbox } from '../sandbox/server.ts'
import { type DrillRecord, decodeDrill } from '../src/maintenance/drill/record.ts'
import { decodeProof } from '../src/model/proof.ts'
import type { Vault } from '../src/vault/vault.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

let rig: Rig
let vault: Vault
beforeEach(async () => {
  rig = await createRig()
  for (let n = 0; n < 40; n += 1)
    makeAsset(rig.cloud, {
      publicId: `p/${n}`,
      bytes: Buffer.from(`bytes of ${n}`),
      createdAt: Date.UTC(2024, 0, 1 + n),
    })
  makeAsset(rig.cloud, { publicId: 'film', resourceType: 'video', format: 'mp4', bytes: Buffer.alloc(50_000, 7) })
  makeAsset(rig.cloud, { publicId: 'secret', type: 'private', bytes: Buffer.from('secret') })
  makeAsset(rig.cloud, { publicId: 'film.json', resourceType: 'raw', format: null, bytes: Buffer.from('a raw one') })
  await rig.backup()
  vault = await rig.context().vault()
})
afterEach(() => rig.close())

const cli = (...argv: string[]): Promise<Done> => commandLine(argv, { variables: rig.env, cwd: rig.vault })
const records = async (): Promise<DrillRecord[]> => {
  const keys = await vault.recordKeys({ kind: 'drills', cloud: 'testcloud' })
  return await Promise.all(keys.map(async (key) => decodeDrill(await vault.readRecord(key))))
}
const namesIn = ({ results }: DrillRecord): string[] => results.map(({ publicId }) => publicId).sort()
const objectOf = async (publicId: string): Promise<string> => {
  const entry = (await readNewest(rig.vault, 'testcloud')).entries.find((e) => e.publicId === publicId)
  return join(rig.vault, 'objects', entry?.object?.slice(0, 2) ?? '', entry?.object ?? '')
}
const flip = async (file: string): Promise<void> => {
  const bytes = await readFile(file)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await chmod(file, 0o600)
  await writeFile(file, bytes)
}

test('a drill restores a sample, keeps the evidence, and leaves nothing else behind', async () => {
  const done = await cli('drill', '--sample', '10')
  expect(done.exit, done.err).toBe(0)
  const [record] = await records()
  if (record === undefined) throw new Error('no record')
  expect(record).toMatchObject({
    sample: '10',
    target: 'a folder',
    restorable: 43,
    restored: 10,
    failed: 0,
    everything: false,
  })
  // The largest, the oldest, and one of each kind.
  for (const name of ['film', 'p/0', 'secret', 'film.json']) expect(namesIn(record)).toContain(name)
  for (const result of record.results) expect(result.object).toMatch(/^[0-9a-f]{64}$/)
  const [key, ...others] = await vault.recordKeys({ kind: 'proofs' })
  expect(others).toEqual([])
  expect(decodeProof(await vault.readRecord(key ?? ''))).toMatchObject({
    kind: 'drill',
    assetsRestored: 10,
    errors: 0,
    everyByte: false,
    snapshots: [{ cloud: 'testcloud', id: record.snapshot }],
  })
  expect(await readdir(join(rig.vault, '.cache', 'scratch')).catch(() => [])).toEqual([])
  expect(done.out).toContain(`--seed ${record.seed}`)
})

test('what was never drilled comes first, and a seed draws its sample again', async () => {
  await cli('drill', '--sample', '20')
  await cli('drill', '--sample', '20')
  const [first, second] = await records()
  if (first === undefined || second === undefined) throw new Error('no records')
  const twice = namesIn(second).filter((name) => namesIn(first).includes(name))
  // Only what is always in the sample: the largest, the oldest, and one of each kind where there is no other.
  expect(twice.sort()).toEqual(['film', 'film.json', 'p/0', 'secret'])
  await cli('drill', '--sample', '20', '--seed', first.seed)
  expect(namesIn((await records())[2] ?? first)).toEqual(namesIn(first))
  const done = await cli('drill', '--sample', '50%', '--json')
  expect(done.records.at(-1)).toMatchObject({ type: 'summary', ok: true, restored: 22 })
})

test('a drill of everything says so, and that all of it was', async () => {
  const done = await cli('drill', '--sample', 'all', '--json')
  expect(done.records.at(-1)).toMatchObject({ ok: true, restored: 43, failed: 0 })
  expect((await records())[0]).toMatchObject({ sample: 'all', everything: true, resultsLeftOut: 0 })
})

test('damage is found and named, the rest is rehearsed, and the exit code is 3', async () => {
  await flip(await objectOf('p/1'))
  await rm(await objectOf('p/2'))
  await chmod(await objectOf('p/3'), 0o600)
  await truncate(await objectOf('p/3'), 2)
  const done = await cli('drill', '--sample', 'all')
  expect(done.exit).toBe(3)
  for (const name of ['p/1', 'p/2', 'p/3']) expect(done.out).toContain(`✗ ${name} `)
  const [record] = await records()
  expect(record).toMatchObject({ restored: 40, failed: 3, everything: false })
  expect(
    record?.results
      .filter(({ outcome }) => outcome === 'failed')
      .map(({ code }) => code)
      .sort(),
  ).toEqual(['OBJECT_CORRUPT', 'OBJECT_CORRUPT', 'OBJECT_NOT_FOUND'])
})

test('a damaged list of assets is named with how many it hides', async () => {
  const { snapshot } = await readNewest(rig.vault, 'testcloud')
  const segment = snapshot.segments[0]?.object ?? ''
  await flip(join(rig.vault, 'objects', segment.slice(0, 2), segment))
  // The index is not damaged, and does not help: the record of an asset lies in the list.
  const done = await cli('drill')
  expect(done.exit).toBe(3)
  expect(done.out).toContain(`the ${snapshot.segments[0]?.entries} assets of segment`)
})

test('what is kept as a record only, and what was purged, is not part of a drill', async () => {
  const { entries } = await readNewest(rig.vault, 'testcloud')
  const purged = entries.find(({ publicId }) => publicId === 'p/5')
  if (purged === undefined) throw new Error('no p/5')
  const version = {
    assetId: purged.assetId,
    version: purged.version,
    publicId: 'p/5',
    object: purged.object,
    objectRemoved: true,
  }
  await vault.writeRecord(
    { kind: 'purges', cloud: 'testcloud' },
    {
      id: 'x',
      at: '2026-11-22T06:00:00.000Z',
      value: {
        format: 1,
        id: 'x',
        cloud: 'testcloud',
        at: '2026-11-22T06:00:00.000Z',
        reason: '',
        tool: 't',
        alsoAtCloudinary: false,
        versions: [version],
      },
    },
  )
  await rm(await objectOf('p/5'))
  expect((await cli('drill', '--sample', 'all')).exit).toBe(0)
  expect((await records())[0]).toMatchObject({ restorable: 42, restored: 42 })
})

test('another folder can be the place, and stays as it was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-place-'))
  try {
    await writeFile(join(folder, 'mine'), 'mine')
    expect((await cli('drill', '--to', folder)).exit).toBe(0)
    expect(await readdir(folder)).toEqual(['mine'])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test.each(['0', '-1', 'x', '0%', '101%', '1.5', ''])('--sample %j is refused', async (sample) => {
  expect((await cli('drill', '--sample', sample)).exit).toBe(2)
})

test('a throw-away account can be the place, but never the account itself', async () => {
  const itself = await cli('drill', '--to', rig.sandbox.cloudinaryUrl('testcloud'))
  expect(itself.exit).toBe(2)
  expect(itself.err).toContain('is the account itself')
  const spare = createCloud({ name: 'spare', settings: { rateLimit: 100_000 } })
  const [sandbox, papers] = [await startSandbox({ clouds: [spare] }), await createRig()]
  try {
    for (let n = 0; n < 12; n += 1)
      makeAsset(papers.cloud, { publicId: `${n}.txt`, resourceType: 'raw', format: null, tags: ['kept'] })
    await papers.backup()
    const place = { variables: papers.env, cwd: papers.vault }
    const done = await commandLine(['drill', '--to', sandbox.cloudinaryUrl('spare'), '--sample', '8', '--json'], place)
    expect(done.exit, done.out + done.err).toBe(0)
    expect(done.records.find(({ type }) => type === 'drill')).toMatchObject({ target: 'spare', restored: 8, failed: 0 })
    expect([...spare.shelf.scan()].map(({ tags }) => [...tags])).toEqual(Array(8).fill(['kept']))
    // What is there is never overwritten: somebody else's file of that name is a failure by name.
    const [theirs] = [...spare.shelf.scan()]
    if (theirs !== undefined) spare.shelf.remove(theirs.assetId)
    makeAsset(spare, {
      publicId: theirs?.publicId ?? '',
      resourceType: 'raw',
      format: null,
      bytes: Buffer.from('theirs'),
    })
    const again = await commandLine(['drill', '--to', sandbox.cloudinaryUrl('spare'), '--sample', 'all'], place)
    expect(again.exit).toBe(3)
    expect(again.out).toContain(`✗ ${theirs?.publicId} `)
  } finally {
    await papers.close()
    await sandbox.close()
  }
})
