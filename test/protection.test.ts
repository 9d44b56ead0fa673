import { execFileSync } from 'node:child_process'
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { mayFlag } from '../src/vault/stores/fs-flags.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, differences, type Rig } from './rig.ts'

const canFlag = await (async () => {
  if (process.platform !== 'linux' || !(await mayFlag())) return false
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-flag-'))
  try {
    execFileSync('chattr', ['+i', '--', folder], { stdio: 'ignore' })
    execFileSync('chattr', ['-i', '--', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})()

describe('a vault on a disk', () => {
  let rig: Rig
  beforeEach(async () => {
    rig = await createRig()
    for (let n = 0; n < 6; n += 1) makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n}`) })
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    if (canFlag) await cli('protect', '--off')
    await rig.close()
  })

  const cli = (...argv: string[]): Promise<Done> => commandLine(argv, { variables: rig.env, cwd: tmpdir() })

  /** Files below a folder of the vault, and how many of them have the flag. */
  const files = async (folder: string): Promise<{ all: number; flagged: number; linked: number }> => {
    const entries = await readdir(join(rig.vault, folder), { recursive: true, withFileTypes: true }).catch(() => [])
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    if (paths.length === 0) return { all: 0, flagged: 0, linked: 0 }
    const lines = execFileSync('lsattr', ['-d', '--', ...paths], { encoding: 'utf8' })
      .trimEnd()
      .split('\n')
    const links = await Promise.all(paths.map(async (path) => (await lstat(path)).nlink))
    return {
      all: paths.length,
      flagged: lines.filter((line) => /^\S*i/u.test(line)).length,
      linked: links.filter((count) => count > 1).length,
    }
  }

  describe.skipIf(!canFlag)('that can have the immutable flag', () => {
    test('has it on everything after a backup that is told so; the library is left out in one sentence', async () => {
      const first = await cli('backup', '--immutable')
      expect(first.exit, first.err).toBe(0)
      expect(first.out).toMatch(/immutable flag: \d+ files got it, 0 had it\n/)
      const { all, flagged } = await files('objects')
      expect(all).toBeGreaterThan(6)
      expect(flagged).toBe(all)
      expect(await files('accounts')).toMatchObject({ all: 1, flagged: 1 })
      const library = first.err.split('\n').filter((line) => line.includes('library'))
      expect(library).toEqual([expect.stringMatching(/beside the immutable flag.*--allow-copies/)])
      expect(await files('library')).toMatchObject({ all: 0 })
      makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('later') })
      const second = await cli('backup', '--immutable', '--json')
      expect(second.exit, second.err).toBe(0)
      expect(second.records.at(-1)).toMatchObject({
        complete: true,
        fetched: 1,
        unchanged: 6,
        immutable: { already: all + 1 },
      })
      expect(await differences(rig)).toEqual([])
      expect((await rig.verify()).findings).toEqual([])
    })

    test('has a library of copies beside it, also where it was made of links before', async () => {
      expect((await cli('backup', '--json')).records.at(-1)).toMatchObject({ ok: true, library: { linked: 6 } })
      expect(await files('library')).toMatchObject({ all: 6, linked: 6 })
      rig.env['CLOUDKEEP_IMMUTABLE'] = 'yes'
      const done = await cli('backup', '--allow-copies', '--json')
      expect(done.records.at(-1)).toMatchObject({ ok: true, library: { linked: 6 }, immutable: { linked: 0 } })
      expect(await files('library')).toEqual({ all: 6, flagged: 0, linked: 0 })
      const { all, flagged } = await files('objects')
      expect(flagged).toBe(all)
      expect((await cli('backup', '--allow-copies', '--json')).records.at(-1)).toMatchObject({ library: { linked: 0 } })
    })

    test('keeps files without the flag that a library of links shows, and says so', async () => {
      await cli('backup')
      const done = await cli('protect')
      expect(done.exit).toBe(3)
      expect(done.out).toContain('6 files have a second name')
      expect(await files('objects')).toMatchObject({ linked: 6 })
      expect((await cli('backup')).exit).toBe(0)
    })

    test('backs up on when somebody protected it without telling the configuration', async () => {
      await cli('backup', '--immutable')
      makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('later') })
      const done = await cli('backup')
      expect(done.exit, done.err).toBe(0)
      expect(await differences(rig)).toEqual([])
      expect(done.err.split('\n').filter((line) => line.includes('library'))).toHaveLength(1)
    })

    test('prunes and purges nothing, says what to do, and does it when the flag is off', async () => {
      await cli('backup', '--immutable')
      makeAsset(rig.cloud, { publicId: 'later', bytes: Buffer.from('later') })
      await cli('backup', '--immutable')
      const before = [await files('objects'), await files('accounts')]
      const prune = ['prune', '--keep-last', '1', '--grace', '0', '--yes', '--json']
      const sealed = { ok: false, error: { code: 'VAULT_SEALED', hint: expect.stringContaining('protect --off') } }
      const refused = await cli(...prune)
      expect(refused.exit).toBe(1)
      expect(refused.records.at(-1)).toMatchObject(sealed)
      const purged = await cli('purge', 'later', '--all-versions', '--force', '--yes', '--json')
      expect(purged.records.at(-1)).toMatchObject(sealed)
      expect([await files('objects'), await files('accounts')]).toEqual(before)
      expect(await differences(rig)).toEqual([])
      expect((await cli('protect', '--off')).out).toContain('taken off')
      expect(await files('objects')).toMatchObject({ flagged: 0 })
      expect((await cli(...prune)).records.at(-1)).toMatchObject({ ok: true, removed: 1 })
      expect((await cli('purge', 'later', '--all-versions', '--force', '--yes')).exit).toBe(0)
    })

    test('is told by status, in a sentence and for programs', async () => {
      await cli('backup', '--immutable')
      const done = await cli('status')
      expect(done.out).toMatch(/\nprotection\n {2}\d+ of \d+ objects looked at have the immutable flag/)
      const { records } = await cli('status', '--json')
      expect(records.find(({ type }) => type === 'protection')).toMatchObject({
        protection: { objects: { kind: 'immutable-flag' } },
        looked: expect.arrayContaining([expect.objectContaining({ is: 'newest head', cloud: 'testcloud' })]),
        sentences: expect.arrayContaining([expect.stringContaining('immutable flag')]),
      })
    })
  })

  test('without the flag is not called protected', async () => {
    await cli('backup')
    const { out } = await cli('status')
    expect(out).toContain('read-only, which keeps mistakes away and no attacker')
    expect(out).not.toMatch(/locked|immutable flag, which/)
  })

  test('where the flag cannot be had is told in one line, and is no failure of the backup', async () => {
    vi.stubEnv('PATH', '/nowhere')
    const done = await cli('backup', '--immutable')
    expect(done.exit, done.err).toBe(0)
    expect(done.err.split('\n').filter((line) => line.includes('no file has the immutable flag'))).toHaveLength(1)
    expect((await cli('protect')).exit).toBe(3)
  })
})
