import { expect, test } from 'vitest'
import { createRandom } from '../../sandbox/random.ts'
import type { Asset, Cloud } from '../../sandbox/state.ts'
import { writtenName } from '../../src/cloudinary/writer.ts'
import { differingFields, stateOf } from '../../src/restore/account/compare.ts'
import { addImage, wipe } from '../restore-rig.ts'
import { createRig, readNewest } from '../rig.ts'
import { runProgram, start } from './program.ts'

const ROUNDS = 6
const ASSETS = 150
const SEED = 20261122

const uploadsOf = (cloud: Cloud): Map<string, number> =>
  new Map([...cloud.shelf.scan()].map((asset: Asset) => [writtenName(asset), asset.versions.length]))

test('a restore that is killed again and again ends with everything there, each asset uploaded once', async () => {
  // Every upload leaves a version in Cloudinary's own backup, so what was done twice shows.
  const rig = await createRig({ settings: { autoBackup: true }, env: { CLOUDKEEP_CONCURRENCY: '8' } })
  const random = createRandom(SEED)
  let kills = 0
  let typical = 4000
  try {
    for (let n = 0; n < ASSETS; n += 1) {
      addImage(rig.cloud, `shop/p${n}`, { tags: [`t${n % 7}`, 'all'], context: { alt: `number ${n}` } })
    }
    const first = await runProgram(['backup', '--details', 'none', '--json'], rig.env)
    expect(first.code, first.stderr).toBe(0)
    const kept = await readNewest(rig.vault, rig.cloud.name)
    const restore = ['restore', '--to', 'account', '--via', 'upload', '--at', kept.snapshot.id, '--json']
    rig.sandbox.faults.add({ area: 'upload', fault: { kind: 'latency', ms: 20, jitterMs: 40 } })
    for (let round = 0; round < ROUNDS; round += 1) {
      // Nothing of the assets remains: the next upload of each is a first one.
      wipe(rig.cloud, { trace: false })
      const runs = new Set<unknown>()
      for (let done = false; !done; ) {
        const { child, ended } = start(restore, rig.env)
        const started = performance.now()
        const timer = setTimeout(() => child.kill('SIGKILL'), typical * (0.15 + 0.8 * random.next()))
        const end = await ended
        clearTimeout(timer)
        if (end.signal === 'SIGKILL') {
          kills += 1
          // A killed run may be slower to begin with: everything is looked at before the first upload.
          typical *= 1.1
          continue
        }
        expect(`${end.code} ${end.stderr}`).toMatch(/^0 /u)
        typical = Math.max(1500, performance.now() - started)
        runs.add(end.lines.at(-1)?.['run'])
        done = true
      }
      const twice = [...uploadsOf(rig.cloud)].filter(([, versions]) => versions !== 1)
      expect(twice, `round ${round}: uploaded more than once`).toEqual([])
      expect(rig.cloud.shelf.size).toBe(ASSETS)
    }
    const last = await runProgram(['backup', '--yes-mass-change', '--json'], rig.env)
    expect(last.code, last.stderr).toBe(0)
    const now = await readNewest(rig.vault, rig.cloud.name)
    const byName = new Map(now.entries.map((entry) => [writtenName(entry), entry]))
    for (const entry of kept.entries) {
      const other = byName.get(writtenName(entry))
      expect(other?.object).toBe(entry.object)
      if (other !== undefined)
        expect(differingFields(stateOf(entry), stateOf(other), { folderMode: 'dynamic' })).toEqual([])
    }
    console.log(`${kills} kills in ${ROUNDS} restores of ${ASSETS} assets`)
    expect(kills).toBeGreaterThan(ROUNDS)
  } finally {
    await rig.close()
  }
})
