import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeAsset } from '../../sandbox/make-asset.ts'
import { commandLine, type Done } from '../../test/command-line.ts'
import { createRig, type Rig } from '../../test/rig.ts'
import { COMMANDS } from './commands.ts'

const HOUR = 3_600_000
const NASTY = 'nasty/\u001b]0;owned\u0007\u001b[31m\nred\u202egpj'
let rig: Rig
let folder = ''

const cli = (argv: readonly string[], variables: Record<string, string> = rig.env): Promise<Done> =>
  commandLine(argv, { variables, cwd: folder })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloudkeep-cli-'))
  rig = await createRig()
  for (let n = 0; n < 12; n += 1) {
    makeAsset(rig.cloud, {
      publicId: `shop/chair-${n}`,
      bytes: Buffer.from(`chair ${n}`),
      createdAt: Date.now() - 48 * HOUR + n * 1000,
      tags: n === 3 ? ['hero'] : [],
    })
  }
  makeAsset(rig.cloud, { publicId: NASTY, bytes: Buffer.from('nasty') })
  for (const resourceType of ['image', 'raw'] as const)
    makeAsset(rig.cloud, { publicId: 'twin', resourceType, bytes: Buffer.from(resourceType) })
})
afterAll(async () => {
  await rig.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('before there is a vault', () => {
  it.each([
    ['status', 10],
    ['ls', 10],
    ['verify', 10],
    ['get x', 10],
  ])('%s ends with %d', async (line, exit) => {
    const done = await cli([...line.split(' '), '--json'])
    expect(done.exit).toBe(exit)
    expect(done.records.at(-1)).toMatchObject({
      type: 'summary',
      command: line.split(' ')[0],
      ok: false,
      error: { code: 'VAULT_NOT_FOUND' },
    })
  })

  it('a backup without credentials ends with 12 and says what to set', async () => {
    const done = await cli(['backup', join(folder, 'v')], {})
    expect(done.exit).toBe(12)
    expect(done.err).toContain('CLOUDINARY_URL')
  })

  it('a dry run tells the plan and makes nothing', async () => {
    const done = await cli(['backup', '-n', '--json'])
    expect(done.exit).toBe(0)
    expect(done.records.filter(({ type }) => type === 'planned')).toHaveLength(15)
    expect((await cli(['status'])).exit).toBe(10)
  })
})

describe('usage', () => {
  it.each([
    [['bakup'], "unknown command 'bakup'"],
    [['backup', '--fool'], "unknown option '--fool'"],
    [['diff'], "missing required argument 'A'"],
    [['ls', 'a', 'b'], 'too many arguments'],
    [['backup', '--details', 'some'], 'some'],
    [['backup', '--concurrency', 'many'], '--concurrency'],
    [['backup', '--bwlimit', '-5'], '--bwlimit'],
    [['backup', 'ftp://host/vault'], 'ftp:// is not a place for a vault'],
    [['backup', 's3://b'], '"b" is not the name of a bucket'],
    [['backup', 's3://bucket/vault?colour=red'], 's3:// knows no parameter "colour"'],
    [['backup', '--exclude', 'colour:red'], 'colour:red'],
    [['backup', '--cloud', 'someone-else'], 'someone-else'],
    [['completion', 'tcsh'], 'tcsh'],
    [['config', 'edit'], 'edit'],
  ])('%j ends with 2 and names what was wrong', async (argv, text) => {
    const done = await cli(argv)
    expect(done).toMatchObject({ exit: 2, out: '' })
    expect(done.err).toContain(text)
    const json = await cli([...argv, '--json'])
    expect(json.records.at(-1)).toMatchObject({ type: 'summary', ok: false, error: { code: 'USAGE' } })
  })

  it('--help and --version are data and end with 0', async () => {
    for (const argv of [['--help'], ['--version'], ...COMMANDS.map(({ name }) => [name, '--help'])]) {
      const done = await cli(argv)
      expect(done).toMatchObject({ exit: 0, err: '' })
      expect(done.out.length).toBeGreaterThan(3)
    }
  })

  it('a wrong variable ends with 2, by its name and without its secret', async () => {
    const done = await cli(['status'], { CLOUDINARY_URL: 'https://key:TOPSECRET@demo' })
    expect(done.exit).toBe(2)
    expect(done.err).toContain('CLOUDINARY_URL')
    expect(done.err).not.toContain('TOPSECRET')
  })
})

describe('from backup to getting back', () => {
  it('a backup ends with a summary line that carries every count', async () => {
    const done = await cli(['backup', '--json'])
    expect(done.exit).toBe(0)
    const summary = done.records.at(-1)
    expect(Object.keys(summary ?? {}).slice(0, 17)).toEqual([
      'type',
      'command',
      'ok',
      'cloud',
      'snapshot',
      'complete',
      'scanned',
      'fetched',
      'fetchedBytes',
      'unchanged',
      'relabelled',
      'renamed',
      'gone',
      'failed',
      'excluded',
      'apiCalls',
      'durationMs',
    ])
    expect(summary).toMatchObject({
      type: 'summary',
      command: 'backup',
      ok: true,
      cloud: 'testcloud',
      complete: true,
      scanned: 15,
      fetched: 15,
      failed: 0,
    })
    expect(done.records.slice(0, -1).every(({ type }) => typeof type === 'string' && type !== 'summary')).toBe(true)
  })

  it('the second one sees what changed, and people can read it', async () => {
    const asset = rig.cloud.shelf.byName('image', 'upload', 'shop/chair-0')
    if (asset) {
      asset.tags = ['changed']
      asset.times.updated = Date.now()
    }
    makeAsset(rig.cloud, { publicId: 'shop/new', bytes: Buffer.from('new') })
    const done = await cli(['backup'])
    expect(done.exit).toBe(0)
    expect(done.out).toMatch(/✓ complete {2}testcloud/)
    expect(done.out).toMatch(/fetched +1 {2}3 B\n/)
    expect(done.out).toMatch(/relabelled +1 /)
  })

  it('snapshots, status, log and diff tell the history', async () => {
    expect((await cli(['snapshots', '--json'])).records).toHaveLength(3)
    expect((await cli(['status'])).out).toMatch(/testcloud {2}✓ complete/)
    expect((await cli(['log'])).out.split('\n')).toHaveLength(3)
    const diff = await cli(['diff', 'first'])
    expect(diff.out).toContain('+changed')
    expect(diff.out).toMatch(/^\+ added .*new\.jpg {2}3 B$/m)
    expect((await cli(['diff', 'latest', 'latest'])).out).toBe('')
    expect((await cli(['diff', '1999-01-01'])).err).toContain('no snapshot at or before 1999-01-01')
  })

  it('ls and find list, by folder, beginning, text, pattern, tag and snapshot', async () => {
    const count = async (...argv: string[]): Promise<unknown> =>
      (await cli([...argv, '--json'])).records.at(-1)?.['assets']
    expect(await count('ls')).toBe(16)
    expect(await count('ls', '--at', 'first')).toBe(15)
    expect(await count('ls', 'shop/chair-1')).toBe(3)
    expect(await count('ls', '--tag', 'hero')).toBe(1)
    expect(await count('ls', '--resource-type', 'raw')).toBe(1)
    expect(await count('ls', '--limit', '4')).toBe(4)
    expect(await count('find', 'CHAIR')).toBe(12)
    expect(await count('find', 'shop/*-1?')).toBe(2)
    expect(await count('find', 'nothing like it')).toBe(0)
  })

  it('no name drives the terminal, in any command', async () => {
    for (const argv of [
      ['ls', '-l'],
      ['find', 'nasty'],
      ['versions', NASTY],
      ['show', NASTY],
      ['log', NASTY],
      ['diff', 'first'],
      ['get', NASTY, '-o', folder],
    ]) {
      const { out, err, exit } = await cli(argv)
      expect([argv, exit]).toEqual([argv, 0])
      for (const text of [out, err]) expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    }
  })

  it('versions and show tell what is known of one asset', async () => {
    const versions = await cli(['versions', 'shop/chair-0'])
    expect(versions.out).toMatch(/^1 .* new$/m)
    expect(versions.out).toMatch(/^2 .* relabelled: tags \+changed$/m)
    const show = await cli(['show', 'shop/chair-3', '--json'])
    expect(show.records[0]).toMatchObject({
      type: 'version',
      publicId: 'shop/chair-3',
      deliveryType: 'upload',
      tags: ['hero'],
    })
    expect(show.records[0]?.['raw']).toHaveProperty('list')
    expect((await cli(['versions', 'twin'])).err).toMatch(/image\/upload\/twin .*raw\/upload\/twin/)
    expect((await cli(['versions', 'raw/upload/twin'])).exit).toBe(0)
  })

  it('get gives the bytes back, to a pipe, a file or a folder, and replaces nothing', async () => {
    expect((await cli(['get', 'shop/chair-5'])).out).toBe('chair 5')
    expect((await cli(['get', 'shop/chair-5@1', '-o', '-'])).out).toBe('chair 5')
    const target = join(folder, 'five.jpg')
    expect((await cli(['get', 'shop/chair-5', '-o', target])).exit).toBe(0)
    expect(readFileSync(target, 'utf8')).toBe('chair 5')
    const again = await cli(['get', 'shop/chair-6', '-o', target])
    expect(again.exit).toBe(1)
    expect(again.err).toContain('already there')
    expect((await cli(['get', 'shop/chair-6', '-o', target, '--force', '--json'])).records[0]).toMatchObject({
      type: 'file',
      file: target,
    })
    expect(readFileSync(target, 'utf8')).toBe('chair 6')
    expect((await cli(['get', 'shop/chair-99'])).err).toContain('chair-99')
  })

  it('verify finds nothing wrong, and then what was damaged', async () => {
    expect((await cli(['verify', '--read', 'all', '--json'])).records.at(-1)).toMatchObject({ ok: true, errors: 0 })
    const digest = createHash('sha256').update('chair 7').digest('hex')
    const object = join(rig.vault, 'objects', digest.slice(0, 2), digest)
    rmSync(object)
    writeFileSync(object, 'chair 8')
    const done = await cli(['verify', '--read', 'all'])
    expect(done.exit).toBe(3)
    expect(done.out).toContain('object-corrupt')
    expect(done.out).toContain('shop/chair-7')
    const got = await cli(['get', 'shop/chair-7', '-o', join(folder, 'seven.jpg')])
    expect(got.exit).toBe(1)
    expect(got.err).toContain('damaged')
  })

  it('doctor finds the account well', async () => {
    const { records, exit } = await cli(['doctor', '--json'])
    expect([exit, records.filter(({ status }) => status === 'fail')]).toEqual([0, []])
    const wrong = rig.env['CLOUDINARY_URL']?.replace(/:[^:@]+@/, ':wrong-secret@') ?? ''
    const refused = await cli(['doctor'], { ...rig.env, CLOUDINARY_URL: wrong })
    expect(refused.exit).toBe(1)
    expect(refused.out).toMatch(/✗ credentials/)
    expect((await cli(['backup'], { ...rig.env, CLOUDINARY_URL: wrong })).exit).toBe(12)
  })

  it('config show says where each value comes from and shows no secret', async () => {
    const { out } = await cli(['config', 'show'])
    expect(out).toMatch(/vault .*environment CLOUDKEEP_VAULT/)
    const secret = /:\/\/[^:]+:([^@]+)@/.exec(rig.env['CLOUDINARY_URL'] ?? '')?.[1] ?? 'none'
    expect(out).not.toContain(secret)
  })
})
