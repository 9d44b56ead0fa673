import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { contentOf } from '../sandbox/make-asset.ts'
import { commandLine } from './command-line.ts'
import { addCloud, addImage, png } from './restore-rig.ts'
import { createRig, type Rig, realAssets } from './rig.ts'

let rig: Rig
let other: ReturnType<typeof addCloud>
beforeEach(async () => {
  rig = await createRig({ settings: { autoBackup: false } })
  other = addCloud(rig, 'othercloud')
  addImage(rig.cloud, 'chair', { tags: ['sale'], assetFolder: 'shop' })
  addImage(rig.cloud, 'table', { assetFolder: 'shop/new' })
  addImage(rig.cloud, 'lamp')
  await rig.backup()
  const chair = rig.cloud.shelf.byName('image', 'upload', 'chair')
  if (chair) {
    chair.content = contentOf(png('second'))
    chair.version += 1
    chair.uploadedAt = Date.now()
    chair.times = { updated: Date.now() }
  }
  await rig.backup()
})
afterEach(() => rig.close())

const run = (...argv: string[]) =>
  commandLine(['restore', ...argv], { variables: { ...rig.env, CLOUDKEEP_TARGET_URL: other.url }, cwd: place() })
/** Commands run in this process, whose working directory is not theirs. */
const at = (name: string): string => join(place(), name)
const place = (): string => join(rig.vault, '..')
const chairNow = (): string | undefined => {
  const content = rig.cloud.shelf.byName('image', 'upload', 'chair')?.content
  return content?.read(33, content.size - 1).toString()
}
const read = (path: string): string => readFileSync(join(place(), path)).subarray(33).toString()

describe('restore to an account', () => {
  it('exits with 3 when something was there and nobody said what to do about it, with 0 when somebody did', async () => {
    expect((await run('chair@1', '--to', 'account')).exit).toBe(3)
    expect((await run('chair@1', '--to', 'account', '--conflict', 'skip')).exit).toBe(0)
    expect(chairNow()).toBe('second')
    expect((await run('chair@1', '--to', 'account', '--conflict', 'overwrite')).exit).toBe(0)
    expect(chairNow()).toBe('chair')
  })

  it('takes a version by --version as well, and goes back by --undo', async () => {
    const done = await run('chair', '--version', '1', '--to', 'account', '--conflict', 'overwrite', '--json')
    expect(done.records.at(-1)).toMatchObject({ type: 'summary', command: 'restore', ok: true, restored: 1 })
    const id = String(done.records.at(-1)?.['run'])
    expect((await run('--undo', id.slice(0, 6))).exit).toBe(0)
    expect(chairNow()).toBe('second')
  })

  it('is undone where it went, and nowhere else', async () => {
    await run('lamp', '--to', 'target')
    const elsewhere = await run('--undo', 'last')
    expect([elsewhere.exit, elsewhere.err]).toEqual([2, expect.stringContaining('went to "othercloud"')])
    expect(rig.cloud.shelf.byName('image', 'upload', 'lamp')).toBeDefined()
    expect((await run('--undo', 'last', '--to', 'target')).exit).toBe(0)
    expect(realAssets(other.cloud)).toEqual([])
    expect((await run('--undo', 'last', '--to', 'target', '--json')).records.at(-1)).toMatchObject({
      restored: 0,
      same: 1,
    })
  })

  it('tells the plan of a dry run line by line and changes nothing', async () => {
    const { exit, records } = await run('--to', 'target', '-n', '--json')
    expect(exit).toBe(0)
    expect(records.filter(({ type }) => type === 'planned')).toHaveLength(3)
    expect(records.at(-1)).toMatchObject({ totals: { byAction: { create: 3 }, uploads: 3 } })
    expect(other.cloud.shelf.size).toBe(0)
    const text = await run('--to', 'target', '-n')
    expect(text.out).toMatch(/^create\s+image\/upload\/chair\s+it is not in the account/mu)
  })

  it('brings a folder with all below it to another account, and writes down the new addresses', async () => {
    const { exit } = await run('--folder', 'shop', '--to', 'target', '--url-map', at('urls.csv'))
    expect(exit).toBe(0)
    expect([...other.cloud.shelf.scan()].map(({ publicId }) => publicId).sort()).toEqual(['chair', 'table'])
    const lines = readFileSync(join(place(), 'urls.csv'), 'utf8').trim().split('\r\n')
    expect(lines).toHaveLength(3)
    expect(lines[1]).toMatch(/^"http[^"]+\/testcloud\/[^"]+","http[^"]+\/othercloud\/[^"]+","(chair|table)"$/u)
  })

  it('says when what was asked for is gone meanwhile, and does nothing', async () => {
    rig.cloud.shelf.remove(rig.cloud.shelf.byName('image', 'upload', 'table')?.assetId ?? '')
    await rig.backup()
    const before = rig.sandbox.requests.length
    const { exit, err } = await run('--folder', 'shop/new', '--to', 'account')
    expect([exit, err]).toEqual([1, expect.stringMatching(/1 that had are gone since: --gone/u)])
    expect(rig.sandbox.requests.length).toBe(before)
    expect((await run('--folder', 'shop/new', '--gone', '--to', 'account')).exit).toBe(0)
    expect(rig.cloud.shelf.byName('image', 'upload', 'table')).toBeDefined()
  })

  it('lets no secret out, whatever it says', async () => {
    const all = [
      await run('--to', other.url),
      await run('--to', 'target', '--json'),
      await run('--to', `${other.url}&x=1`, '-n'),
    ]
    const secret = new URL(other.url).password
    for (const { out, err } of all) expect(out + err).not.toContain(secret)
  })

  it('says which words it does not understand', async () => {
    const refused: [string[], RegExp][] = [
      [['chair'], /where to/u],
      [['--to', 's3://bucket'], /not s3:\/\//u],
      [['chair', '--folder', 'shop', '--to', 'account'], /not both/u],
      [['--version', '1', '--to', 'account'], /--version needs an ASSET/u],
      [['chair', 'table', '--version', '1', '--to', 'account'], /one ASSET/u],
      [['chair@1', 'chair@2', '--to', 'account'], /two versions/u],
      [['--sidecar', 'json', '--to', 'account'], /--sidecar/u],
      [['--url-map', 'x', '--to', at('out')], /--url-map/u],
      [['--undo', 'nothing', '--to', 'account'], /no restore/u],
      [['--to', 'cloudinary://nosecret'], /key and secret|key/u],
    ]
    for (const [argv, message] of refused) {
      const { exit, err } = await run(...argv)
      expect(`${exit} ${err}`, argv.join(' ')).toMatch(message)
      expect([2, 12], argv.join(' ')).toContain(exit)
    }
    expect((await run('--folder', 'shpo', '--to', at('out'))).err).toMatch(
      /nothing in the snapshot of .* has folder "shpo"/u,
    )
    expect((await run('nobody', '--to', 'account')).exit).toBe(1)
  })
})

describe('restore to a folder', () => {
  it('gives everything back as it was at any moment', async () => {
    expect((await run('--to', at('now'))).exit).toBe(0)
    expect(read('now/shop/chair.png')).toBe('second')
    expect((await run('--to', at('then'), '--at', 'first')).exit).toBe(0)
    expect(read('then/shop/chair.png')).toBe('chair')
    expect(read('then/shop/new/table.png')).toBe('table')
  })

  it('gives several assets, each in its version', async () => {
    expect((await run('chair@1', 'lamp', '--to', at('out'), '--sidecar', 'json')).exit).toBe(0)
    expect(read('out/shop/chair.png')).toBe('chair')
    expect(existsSync(join(place(), 'out/shop/new'))).toBe(false)
    expect(JSON.parse(readFileSync(join(place(), 'out/shop/chair.png.json'), 'utf8'))).toMatchObject({ tags: ['sale'] })
  })

  it('leaves a file alone that is there, names it, and exits with 3', async () => {
    await run('chair@1', '--to', at('out'))
    const again = await run('chair@2', '--to', at('out'))
    expect(again.exit).toBe(3)
    expect(read('out/shop/chair.png')).toBe('chair')
    expect((await run('chair@2', '--to', at('out'), '--conflict', 'overwrite')).exit).toBe(0)
    expect(read('out/shop/chair.png')).toBe('second')
  })
})
