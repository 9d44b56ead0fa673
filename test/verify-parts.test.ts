import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { commandLine } from './command-line.ts'
import { createRig, type Rig } from './rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await createRig()
  for (let n = 0; n < 40; n += 1)
    makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${100 + n}`) })
  await rig.backup()
})
afterEach(() => rig.close())

const cli = (...argv: string[]) => commandLine(argv, { variables: rig.env, cwd: rig.vault })

test('on a disk a cycle goes on where it stopped, also when .cache is deleted between its parts', async () => {
  let bytes = 0
  const ends: unknown[] = []
  for (let n = 0; n < 4; n += 1) {
    await rm(join(rig.vault, '.cache'), { recursive: true, force: true })
    const { exit, records } = await cli('verify', '--read', '25%', '--json')
    expect(exit).toBe(0)
    const summary = records.at(-1) ?? {}
    const manifests = (await cli('verify', '--json')).records.at(-1) ?? {}
    bytes += Number(summary['bytesRead']) - Number(manifests['bytesRead'])
    ends.push(summary['everyByte'])
    if (n === 3) expect(Number(manifests['bytes']) - Number(manifests['bytesRead'])).toBe(bytes)
  }
  expect(ends).toEqual([false, false, false, true])
})

test('people are told what was read, how far it came, and where the next part goes on', async () => {
  const first = await cli('verify', '--read', '50%')
  expect(first.out).toMatch(/read .*B in \d+ objects; \d+ % since .*, the next part goes on there/)
  const second = await cli('verify', '--read', '100%')
  expect(second.out).toMatch(/every byte has now been read since/)
  const all = await cli('verify', '--read', 'all')
  expect(all.out).toContain('every byte is there and right')
})
