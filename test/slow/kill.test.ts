import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeAsset } from '../../sandbox/make-asset.ts'
import { createRandom } from '../../sandbox/random.ts'
import type { Asset, Cloud, Content } from '../../sandbox/state.ts'
import { createRig, differences, type Rig, realAssets } from '../rig.ts'
import { patience, runProgram, start } from './program.ts'

const KILLS = 250
/** A slow machine ends with fewer kills rather than late. */
const BUDGET_MS = 40_000 * patience
const SEED = 20261122

/** Unique bytes for each state of each asset, so that an object tells which download it came from. */
const bytesFor = (what: string): Buffer => Buffer.from(`${what} `.repeat(200 + (what.length % 7) * 400))

function grow(cloud: Cloud, round: number, count: number): void {
  for (let n = 0; n < count; n += 1) {
    makeAsset(cloud, {
      publicId: `r${round}/a${n}`,
      bytes: bytesFor(`round ${round} asset ${n}`),
      createdAt: Date.now() - 3_600_000 + n,
    })
  }
}

function change(cloud: Cloud, round: number): void {
  const assets = [...cloud.shelf.scan()]
  for (const [n, asset] of assets.entries()) {
    if (n % 23 === round % 23) replace(cloud, asset, `round ${round} replaces ${asset.assetId}`)
    if (n % 29 === round % 29)
      Object.assign(asset, { tags: [`round${round}`], times: { updated: Date.now(), tags: Date.now() } })
    if (n % 97 === round % 97) cloud.shelf.remove(asset.assetId)
  }
}

function replace(cloud: Cloud, asset: Asset, what: string): void {
  const twin = makeAsset(cloud, { publicId: `twin of ${asset.assetId}`, bytes: bytesFor(what) })
  cloud.shelf.remove(twin.assetId)
  Object.assign(asset, {
    content: twin.content,
    version: asset.version + 1,
    uploadedAt: Date.now(),
    times: { updated: Date.now() },
  })
}

async function objectsIn(vault: string): Promise<Set<string>> {
  const found = new Set<string>()
  for (const folder of await readdir(join(vault, 'objects')).catch(() => [])) {
    for (const name of await readdir(join(vault, 'objects', folder))) found.add(name)
  }
  return found
}

const digests = new WeakMap<object, string>()
const digestOf = (content: Content): string => {
  const known =
    digests.get(content) ??
    createHash('sha256')
      .update(content.read(0, content.size - 1))
      .digest('hex')
  digests.set(content, known)
  return known
}

/** Delivery paths of the assets whose bytes the vault holds already. */
function finishedPaths(rig: Rig, objects: ReadonlySet<string>): Set<string> {
  const paths = new Set<string>()
  for (const asset of realAssets(rig.cloud)) {
    const content = asset.content
    if (content === null) continue
    const digest = digestOf(content)
    if (objects.has(digest)) paths.add(`/v${asset.version}/${asset.publicId}`)
  }
  return paths
}

test(`killed up to ${KILLS} times at random moments, nothing is lost and no finished download is repeated`, async () => {
  const rig = await createRig({ env: { CLOUDKEEP_CONCURRENCY: '8' } })
  const random = createRandom(SEED)
  rig.sandbox.faults.add({ area: 'delivery', fault: { kind: 'latency', ms: 4, jitterMs: 8 } })
  let kills = 0
  // How long a whole run takes here and now, so that kills fall into every part of it.
  let typical = 0
  let finished = 0
  const repeated: string[] = []
  try {
    const began = performance.now()
    const isOver = (): boolean => kills >= KILLS || performance.now() - began > BUDGET_MS
    for (let round = 0; !isOver(); round += 1) {
      grow(rig.cloud, round, round === 0 ? 120 : 15)
      change(rig.cloud, round)
      for (let done = false; !done; ) {
        const before = rig.sandbox.requests.length
        const had = finishedPaths(rig, await objectsIn(rig.vault))
        const { child, ended } = start(['backup', '--yes-mass-change', '--details', 'none', '--json'], rig.env)
        const started = performance.now()
        const timer = setTimeout(() => child.kill('SIGKILL'), typical === 0 ? 60_000 : typical * (0.2 + random.next()))
        const end = await ended
        clearTimeout(timer)
        for (const request of rig.sandbox.requests.slice(before)) {
          if (request.area !== 'delivery') continue
          for (const path of had) if (request.path.includes(`${path}.`)) repeated.push(request.path)
        }
        if (end.signal === 'SIGKILL') {
          kills += 1
          if (isOver()) done = true
        } else {
          expect(`${end.code} ${end.stderr}`).toMatch(/^0 /u)
          expect(await differences(rig)).toEqual([])
          finished += 1
          typical = performance.now() - started
          done = true
        }
      }
    }
    const last = await runProgram(['backup', '--yes-mass-change', '--json'], rig.env)
    expect(last.code, last.stderr).toBe(0)
    expect(await differences(rig)).toEqual([])
    expect(repeated).toEqual([])
    expect(finished).toBeGreaterThan(1)
    expect(kills).toBeGreaterThan(20)
    const verified = await runProgram(['verify', '--read', 'all', '--json'], rig.env)
    expect(verified.code, verified.stdout + verified.stderr).toBe(0)
    console.log(`${kills} kills, ${finished} runs that finished in between`)
  } finally {
    await rig.close()
  }
})
