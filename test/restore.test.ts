import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyRandomHistory } from '../sandbox/changes.ts'
import { configurationName } from '../src/cloudinary/configuration-name.ts'
import { writtenName } from '../src/cloudinary/writer.ts'
import type { Json, JsonObject } from '../src/model/json.ts'
import { differingFields, stateOf } from '../src/restore/account/compare.ts'
import { addCloud, fillRandomly, restore, wipe } from './restore-rig.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

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

const PARTS = [
  'metadata_fields',
  'metadata_rules',
  'transformations',
  'streaming_profiles',
  'upload_presets',
  'upload_mappings',
  'triggers',
] as const

/** What the service gives each item itself. */
const OWN = new Set(['external_id', 'id', 'created_at', 'updated_at', 'condition_signature', 'product_environment_id'])

/** The configuration that a snapshot names, by part and name, without ids that belong to one account. */
async function configurationIn(vault: string, digest: string | null): Promise<Record<string, Json>> {
  if (digest === null) throw new Error('the snapshot has no configuration')
  const text = gunzipSync(await readFile(`${vault}/objects/${digest.slice(0, 2)}/${digest}`)).toString()
  const { parts } = JSON.parse(text) as { parts: Record<string, Json[]> }
  const items: Record<string, Json> = {}
  for (const part of PARTS) {
    for (const item of parts[part] ?? []) {
      const kept = Object.entries(item as JsonObject).filter(([key]) => part === 'metadata_fields' || !OWN.has(key))
      items[`${part} ${configurationName(part, item)}`] = meaning(Object.fromEntries(kept))
    }
  }
  return items
}

/** Answers spell "nothing" as null, false, an empty object, or not at all. */
function meaning(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(meaning)
  if (typeof value !== 'object' || value === null) return value
  const pairs = Object.entries(value)
    .map(([key, one]): [string, Json] => [key, meaning(one)])
    .filter(([, one]) => one !== null && one !== false && JSON.stringify(one) !== '{}')
  return Object.fromEntries(pairs)
}

async function foldersIn(vault: string, digest: string | null): Promise<string[]> {
  const text = gunzipSync(await readFile(`${vault}/objects/${digest?.slice(0, 2)}/${digest}`)).toString()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { path: string }).path)
}

/** Every restorable field and byte of the assets, the folders, and the whole configuration. */
async function expectSame(rig: Rig, before: Awaited<ReturnType<typeof readNewest>>, cloud: string): Promise<void> {
  const after = await readNewest(rig.vault, cloud)
  expect(await snapshotDifferences(rig.vault, before, cloud)).toEqual([])
  expect(await configurationIn(rig.vault, after.snapshot.configuration)).toEqual(
    await configurationIn(rig.vault, before.snapshot.configuration),
  )
  expect(await foldersIn(rig.vault, after.snapshot.folders)).toEqual(
    await foldersIn(rig.vault, before.snapshot.folders),
  )
}

describe.each(['fixed', 'dynamic'] as const)('in %s folder mode', (folderMode) => {
  it('backup, wipe, restore, backup gives the same snapshot', async () => {
    const history = fc.record({
      seed: fc.integer({ min: 1, max: 1_000_000 }),
      assets: fc.integer({ min: 1, max: 40 }),
      edits: fc.integer({ min: 0, max: 60 }),
      autoBackup: fc.boolean(),
      overwriteClearsAttributes: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(history, async ({ seed, assets, edits, ...settings }) => {
        const rig = await createRig({ settings: { folderMode, ...settings } })
        try {
          fillRandomly(rig.cloud, seed, assets)
          await rig.backup({ details: 'all' })
          applyRandomHistory(rig.cloud, seed, { steps: edits })
          await rig.backup({ details: 'all', yesMassChange: true })
          const before = await readNewest(rig.vault, rig.cloud.name)
          wipe(rig.cloud, { trace: settings.autoBackup })
          const report = await restore(rig, { options: { surroundings: true } })
          expect(report).toMatchObject({ failures: [], incomplete: [], complete: true })
          await rig.backup({ details: 'all', yesMassChange: true })
          await expectSame(rig, before, rig.cloud.name)
        } finally {
          await rig.close()
        }
      }),
      { numRuns: 3, endOnFailure: true },
    )
  }, 120_000)

  it('a restore into another account makes it the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
        const rig = await createRig({ settings: { folderMode } })
        try {
          fillRandomly(rig.cloud, seed, 30)
          await rig.backup({ details: 'all' })
          const before = await readNewest(rig.vault, rig.cloud.name)
          const other = addCloud(rig, 'othercloud', { folderMode })
          const report = await restore(rig, { to: other.url, options: { surroundings: true } })
          expect(report).toMatchObject({ failures: [], incomplete: [], complete: true })
          const again = await restore(rig, { to: other.url, options: { surroundings: true } })
          expect(again).toMatchObject({ restored: 0, same: before.entries.length, uploadedBytes: 0 })
          expect(again.configuration.filter(({ outcome }) => outcome !== 'same')).toEqual([])
          // The state before the second restore is that after the first: a snapshot of the other account.
          await expectSame(rig, before, 'othercloud')
        } finally {
          await rig.close()
        }
      }),
      { numRuns: 2, endOnFailure: true },
    )
  }, 120_000)
})
