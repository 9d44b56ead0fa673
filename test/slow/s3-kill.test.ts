import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Asset, Content } from '../../sandbox/state.ts'
import { sha256Hex } from '../../src/lib/hash.ts'
import { generateIdentity, recipientOf } from '../../src/vault/encryption/age/x25519.ts'
import { commandLine } from '../command-line.ts'
import { wipe } from '../restore-rig.ts'
import { type Rig, realAssets } from '../rig.ts'
import { hasRadosgw } from '../servers/radosgw.ts'
import {
  addNoise,
  clearUploads,
  expectWhole,
  killAndResume,
  makeStage,
  type Stage,
  seeded,
  unfinishedUploads,
} from './bucket-stage.ts'

const SEED = 20261122
const MB = 1_000_000
/** The first goes in one request, the others in parts. */
const LARGE = [8 * MB, 9 * MB, 24 * MB, 40 * MB]
const small = (count: number): number[] => Array.from({ length: count }, (_, n) => 400 + (n % 40) * 900)
const BACKUP = ['backup', '--yes-mass-change', '--details', 'none', '--json']

const digests = new WeakMap<Content, string>()
const digestOf = (content: Content): string => {
  const digest =
    digests.get(content) ??
    createHash('sha256')
      .update(content.read(0, content.size - 1))
      .digest('hex')
  digests.set(content, digest)
  return digest
}

const pathOf = ({ version, publicId }: Asset): string => `/v${version}/${publicId}.`

/** Delivery paths of the assets whose bytes are in the bucket already. */
async function finishedPaths({ rig, bucket }: Stage): Promise<string[]> {
  const there = new Set((await bucket.keys()).map((key) => key.slice(-64)))
  return realAssets(rig.cloud)
    .filter(({ content }) => content !== null && there.has(digestOf(content)))
    .map(pathOf)
}

const deliveries = ({ sandbox }: Rig, from: number) =>
  sandbox.requests.slice(from).filter(({ area }) => area === 'delivery')

/** Sizes of the bodies that have come into scratch, whole or not; those of large assets differ from one another. */
async function scratchSizes({ bucket }: Stage): Promise<Set<number>> {
  const cache = bucket.env['CLOUDKEEP_CACHE'] ?? ''
  const files = (await readdir(cache, { recursive: true }).catch(() => [])).filter((file) => file.endsWith('.part'))
  return new Set(await Promise.all(files.map(async (file) => (await stat(join(cache, file))).size)))
}

/** Notes which downloads were made again although their object, or their whole body, was there. */
const watchRepeats = (stage: Stage, repeated: string[]) => async () => {
  const scratch = await scratchSizes(stage)
  const paths = [
    ...(await finishedPaths(stage)),
    ...realAssets(stage.rig.cloud)
      .filter(({ content }) => content !== null && content.size > MB && scratch.has(content.size))
      .map(pathOf),
  ]
  const before = stage.rig.sandbox.requests.length
  return () => {
    const asked = deliveries(stage.rig, before).map(({ path }) => path)
    repeated.push(...asked.filter((path) => paths.some((part) => path.includes(part))))
  }
}

/** Of whole files: what a killed restore was writing lies beside them and goes with a later one. */
const digestsIn = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const whole = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.part'))
  const files = whole.map((entry) => join(entry.parentPath, entry.name))
  return (await Promise.all(files.map(async (file) => sha256Hex(await readFile(file))))).sort()
}

const KILLING = { mostKills: 6, random: seeded(SEED) }

describe.skipIf(!hasRadosgw)('with the program killed at random moments, a vault in an S3 bucket', () => {
  test('loses nothing, repeats no finished download, and keeps no upload that nobody goes on with', async () => {
    const stage = await makeStage()
    const { rig } = stage
    const repeated: string[] = []
    let kills = 0
    try {
      addNoise(rig.cloud, 0, [...small(200), ...LARGE])
      for (let round = 0; round < 2; round += 1) {
        if (round > 0) addNoise(rig.cloud, round, [...small(40), 18 * MB])
        const around = watchRepeats(stage, repeated)
        const done = await killAndResume(BACKUP, { ...KILLING, upTo: 8 - 4 * round, env: rig.env, around })
        expect(done.end.code, done.end.stdout.slice(-1500) + done.end.stderr).toBe(0)
        expect(done.end.lines.at(-1)).toMatchObject({ ok: true, complete: true, failed: 0 })
        kills += done.kills
      }
      expect(repeated).toEqual([])
      expect(kills).toBeGreaterThan(2)
      // Of each killed run one upload at the most was begun and not found again: one that had no part yet.
      const left = await unfinishedUploads(stage)
      expect(left.length).toBeLessThanOrEqual(kills)
      expect(await clearUploads(stage)).toBe(left.length)
      expect(await unfinishedUploads(stage)).toEqual([])
      // Leases of killed runs went with the first run that ended well.
      expect((await stage.bucket.keys()).filter((key) => key.startsWith('vault/locks/'))).toEqual([])
      await expectWhole(stage)
      console.log(`${kills} kills, ${left.length} uploads left over`)
    } finally {
      await stage.close()
    }
  })

  test('gives everything back: to a folder, and to the account with each asset uploaded once', async () => {
    const stage = await makeStage({ settings: { autoBackup: true, mediaLimits: { image: 1e9, video: 1e9, raw: 1e9 } } })
    const { rig, folder } = stage
    try {
      addNoise(rig.cloud, 0, [...small(70), 9 * MB, 22 * MB])
      const wanted = realAssets(rig.cloud).map(({ content }) => (content === null ? '' : digestOf(content)))
      expect(await stage.run(BACKUP)).toMatchObject({ code: 0 })
      const out = join(folder, 'out')
      const toFolder = await killAndResume(['restore', '--to', out, '--json'], {
        ...KILLING,
        ...{ upTo: 3, env: rig.env },
      })
      expect(toFolder.end.code, toFolder.end.stdout.slice(-1500) + toFolder.end.stderr).toBe(0)
      expect(await digestsIn(out)).toEqual([...wanted].sort())

      wipe(rig.cloud, { trace: false })
      rig.sandbox.faults.add({ area: 'upload', fault: { kind: 'latency', ms: 20, jitterMs: 40 } })
      const [first] = (await stage.run(['snapshots', '--json'])).lines
      const back = ['restore', '--to', 'account', '--via', 'upload', '--at', String(first?.['id']), '--json']
      const toAccount = await killAndResume(back, { ...KILLING, upTo: 8, env: rig.env })
      expect(toAccount.end.code, toAccount.end.stdout.slice(-1500) + toAccount.end.stderr).toBe(0)
      const there = [...rig.cloud.shelf.scan()]
      expect(there.map(({ content }) => (content === null ? '' : digestOf(content))).sort()).toEqual([...wanted].sort())
      // Every upload leaves a version in the account's own backup, so what was done twice shows.
      expect(there.filter(({ versions }) => versions.length !== 1).map(({ publicId }) => publicId)).toEqual([])
      console.log(`${toFolder.kills} kills while restoring to a folder, ${toAccount.kills} to an account`)
      expect(toFolder.kills + toAccount.kills).toBeGreaterThan(3)
    } finally {
      await stage.close()
    }
  })

  test('that is encrypted, and whose machine has the writer’s key alone, is whole for its owner', async () => {
    const stage = await makeStage()
    const { rig, folder, bucket } = stage
    try {
      addNoise(rig.cloud, 0, [...small(40), 18 * MB])
      const identity = generateIdentity()
      const file = join(folder, 'key.txt')
      await writeFile(file, `${identity}\n`)
      const init = ['init', bucket.url, '--recipient', recipientOf(identity), '--prove', file]
      // In this process, because it writes a file where it is called.
      expect(await commandLine(init, { variables: rig.env, cwd: folder })).toMatchObject({ exit: 0 })
      const done = await killAndResume(BACKUP, { ...KILLING, mostKills: 3, upTo: 5, env: rig.env })
      expect(done.end.code, done.end.stdout.slice(-1500) + done.end.stderr).toBe(0)
      expect(done.end.lines.at(-1)).toMatchObject({ ok: true, complete: true, failed: 0 })
      const owner = { CLOUDKEEP_IDENTITY_FILE: file, CLOUDKEEP_CACHE: join(folder, 'cache of the owner') }
      await expectWhole(stage, owner, ['--decrypt'])
      console.log(`${done.kills} kills`)
      expect(done.kills).toBeGreaterThan(0)
    } finally {
      await stage.close()
    }
  })
})
