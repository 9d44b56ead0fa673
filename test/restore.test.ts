import { afterEach, describe, expect, it } from 'vitest'
import { applyRandomHistory } from '../sandbox/changes.ts'
import { writtenName } from '../src/cloudinary/writer.ts'
import { differingFields, stateOf } from '../src/restore/compare.ts'
import { addCloud, fillRandomly, restore, wipe } from './restore-rig.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

let rig: Rig
afterEach(() => rig?.close())

/** Sentences about what differs between two snapshots, by name, in every restorable field and byte. */
async function snapshotDifferences(vault: string, before: Awaited<ReturnType<typeof readNewest>>, cloud: string) {
  const after = await readNewest(vault, cloud)
  const now = new Map(after.entries.map((entry) => [writtenName(entry), entry]))
  const wrong: string[] = []
  for (const entry of before.entries) {
    const other = now.get(writtenName(entry))
    now.delete(writtenName(entry))
    if (other === undefined) wrong.push(`${writtenName(entry)} is missing`)
    else {
      if (other.object !== entry.object) wrong.push(`${writtenName(entry)}: other bytes`)
      const fields = differingFields(stateOf(entry), stateOf(other), { folderMode: before.snapshot.folderMode })
      if (fields.length > 0) wrong.push(`${writtenName(entry)}: ${fields.join(', ')}`)
    }
  }
  for (const name of now.keys()) wrong.push(`${name} is too much`)
  return wrong
}

describe.each(['fixed', 'dynamic'] as const)('in %s folder mode', (folderMode) => {
  it.each([
    [1, true],
    [2, false],
    [3, false],
  ])(
    'backup, wipe, restore, backup gives the same snapshot (seed %i, Cloudinary’s backup %s)',
    async (seed, autoBackup) => {
      rig = await createRig({ settings: { folderMode, autoBackup, overwriteClearsAttributes: seed === 2 } })
      fillRandomly(rig.cloud, seed, 40)
      await rig.backup({ details: 'all' })
      applyRandomHistory(rig.cloud, seed, { steps: 60 })
      await rig.backup({ details: 'all', yesMassChange: true })
      const before = await readNewest(rig.vault, rig.cloud.name)
      wipe(rig.cloud, { trace: autoBackup })
      const report = await restore(rig, { options: { surroundings: true } })
      expect(report.failures).toEqual([])
      expect(report.incomplete).toEqual([])
      expect(report.complete).toBe(true)
      await rig.backup({ details: 'all', yesMassChange: true })
      expect(await snapshotDifferences(rig.vault, before, rig.cloud.name)).toEqual([])
    },
  )

  it('a restore into another account makes it the same', async () => {
    rig = await createRig({ settings: { folderMode } })
    fillRandomly(rig.cloud, 7, 40)
    await rig.backup({ details: 'all' })
    const before = await readNewest(rig.vault, rig.cloud.name)
    const other = addCloud(rig, 'othercloud', { folderMode })
    const report = await restore(rig, { to: other.url, options: { surroundings: true } })
    expect(report.failures).toEqual([])
    expect(report.incomplete).toEqual([])
    const again = await restore(rig, { to: other.url, options: { surroundings: true } })
    expect(again.restored).toBe(0)
    expect(again.same).toBe(before.entries.length)
    const target = { ...rig, env: { ...rig.env, CLOUDINARY_URL: other.url } }
    expect(target.env.CLOUDINARY_URL).toBe(other.url)
    expect(await snapshotDifferences(rig.vault, before, 'othercloud')).toEqual([])
  })
})
