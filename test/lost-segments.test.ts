import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { createRig, differences, type Rig, readNewest } from './rig.ts'

let rig: Rig
afterEach(() => rig.close())

const pathOf = (object: string): string => join(rig.vault, 'objects', object.slice(0, 2), object)

test('of many segments the two that are gone are made again, though nothing changed in the account', async () => {
  rig = await createRig()
  for (let n = 0; n < 1100; n++)
    makeAsset(rig.cloud, { publicId: `photo ${n}`, bytes: Buffer.from(`photo ${n}`), createdAt: 1_600_000_000_000 + n })
  await rig.backup()
  const { snapshot } = await readNewest(rig.vault, 'testcloud')
  expect(snapshot.segments).toHaveLength(16)
  const gone = [3, 11].map((n) => snapshot.segments[n]?.object ?? '')
  for (const object of gone) await rm(pathOf(object))
  expect(await rig.backup()).toMatchObject({ complete: true, totals: { fetched: 0, unchanged: 1100 } })
  expect(await differences({ cloud: rig.cloud, vault: rig.vault })).toEqual([])
})
