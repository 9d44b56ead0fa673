import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { makeAsset } from '../../sandbox/make-asset.ts'
import { createRandom, type Random } from '../../sandbox/random.ts'
import type { Asset, Cloud } from '../../sandbox/state.ts'
import { parseVaultLocation } from '../../src/config/vault-location.ts'
import type { BucketPlace } from '../../src/model/vault-place.ts'
import { openS3Bucket } from '../../src/vault/stores/s3/bucket.ts'
import { s3, s3Client, type TestBucket } from '../bucket-rig.ts'
import { png } from '../restore-rig.ts'
import { createRig, differences, type Rig, type RigOptions } from '../rig.ts'
import { type Ended, runProgram, start } from './program.ts'

/** An account in a sandbox, and a vault in a bucket of a real S3 server. */
export interface Stage {
  readonly rig: Rig
  readonly bucket: TestBucket
  readonly place: BucketPlace
  /** For what a test leaves behind; removed at its end. */
  readonly folder: string
  /** The program in a process of its own; `more` variables come on top of those of the rig. */
  run(args: readonly string[], more?: Record<string, string>): Promise<Ended>
  close(): Promise<void>
}

/** `url` may lead to the bucket in another way than straight, as over a proxy. */
export async function makeStage(options: RigOptions = {}, url = (straight: string) => straight): Promise<Stage> {
  const bucket = await s3.make()
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-far-'))
  const rig = await createRig({
    ...options,
    vault: url(bucket.url),
    env: { ...bucket.env, CLOUDKEEP_CONCURRENCY: '8', ...options.env },
  })
  await bucket.put(`.wellknown/cloudinary/${rig.cloud.name}`, '')
  const location = parseVaultLocation({ value: bucket.url, origin: 'flag' }, { cwd: folder, home: folder })
  if (location.kind !== 'bucket') throw new Error('not the URL of a bucket')
  return {
    rig,
    bucket,
    place: location.place,
    folder,
    run: (args, more = {}) => runProgram(args, { ...rig.env, ...more }),
    close: async () => {
      await rig.close()
      await bucket.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const HOUR_MS = 3_600_000

/** Bytes that no two parts of any body share. */
const noise = (size: number, seed: number): Buffer => {
  const bytes = Buffer.alloc(size)
  let state = (seed + 1) * 0x9e3779b1
  for (let at = 0; at + 4 <= size; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes.writeInt32LE(state | 0, at)
  }
  return bytes
}

/** Begins as a picture does, as far as anybody looks. */
const picture = (size: number, seed: number): Buffer => {
  const bytes = noise(size, seed)
  png('').copy(bytes)
  return bytes
}

/** Adds pictures of these sizes in bytes; `seed` makes their names and bytes differ from those of other calls. */
export const addNoise = (cloud: Cloud, seed: number, sizes: readonly number[]): Asset[] =>
  sizes.map((size, n) =>
    makeAsset(cloud, {
      publicId: `s${seed}/a${n}`,
      ...{ format: 'png', width: 40, height: 30 },
      bytes: picture(size, seed * 1000 + n),
      createdAt: Date.now() - HOUR_MS + n,
    }),
  )

interface Killing {
  readonly random: Random
  /** Kills come up to so long after the program has started, as a multiple of how long it takes to start. */
  readonly upTo: number
  readonly mostKills: number
  readonly env: Record<string, string>
  /** Called before each run; what it returns is called after it. */
  readonly around?: () => Promise<() => void>
}

/** How long the program takes to start here and now, in milliseconds: on a busy machine kills come later. */
const startingTime = async (env: Record<string, string>): Promise<number> => {
  const began = performance.now()
  await runProgram(['--version'], env)
  return performance.now() - began
}

/** Runs the program, kills it at a random moment, and runs it again, until it ends by itself; the last one is not killed. */
export async function killAndResume(args: readonly string[], killing: Killing): Promise<{ end: Ended; kills: number }> {
  for (let kills = 0; ; ) {
    const after = await killing.around?.()
    const unit = await startingTime(killing.env)
    const { child, ended } = start(args, killing.env)
    const delay = unit * (1 + killing.upTo * killing.random.next())
    const timer = kills < killing.mostKills ? setTimeout(() => child.kill('SIGKILL'), delay) : undefined
    const end = await ended
    clearTimeout(timer)
    after?.()
    if (end.signal !== 'SIGKILL') return { end, kills }
    kills += 1
  }
}

export const seeded = (seed: number): Random => createRandom(seed)

/** Verifies everything, and compares a copy on the disk with the account to the byte. */
export async function expectWhole(
  { rig, folder, run }: Stage,
  more: Record<string, string> = {},
  copyFlags: readonly string[] = [],
): Promise<void> {
  const verified = await run(['verify', '--read', 'all', '--json'], more)
  expect(verified.code, verified.stdout.slice(-2000) + verified.stderr).toBe(0)
  const copied = await run(['copy', join(folder, 'copy'), ...copyFlags, '--json'], more)
  expect(copied.code, copied.stdout.slice(-2000) + copied.stderr).toBe(0)
  expect(await differences({ cloud: rig.cloud, vault: join(folder, 'copy') })).toEqual([])
}

/** Keys of the uploads by parts that were begun and not ended. */
export async function unfinishedUploads({ place }: Pick<Stage, 'place'>): Promise<string[]> {
  const client = await s3Client()
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: place.bucket }))
  client.destroy()
  return Uploads.map(({ Key }) => Key ?? '')
}

/** What a backup does by itself when they are a week old. */
export async function clearUploads({ place }: Pick<Stage, 'place'>): Promise<number> {
  const { store, removeLeftovers } = await openS3Bucket(place)
  const removed = await removeLeftovers(new Date(Date.now() + HOUR_MS))
  await store.close?.()
  return removed
}
