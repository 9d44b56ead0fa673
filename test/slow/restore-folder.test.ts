import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeAsset } from '../../sandbox/make-asset.ts'
import { createRandom } from '../../sandbox/random.ts'
import type { FolderReport } from '../../src/restore/folder/report.ts'
import { restoreToFolder } from '../../src/restore/folder/to-folder.ts'
import type { Chosen } from '../../src/restore/selection.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { createRig, readNewest } from '../rig.ts'
import { createKept, inTurn } from '../samples/kept.ts'
import { runProgram, start } from './program.ts'

const restore = (vault: Vault, target: string, chosen: readonly Chosen[]): Promise<FolderReport> =>
  restoreToFolder(
    { vault, now: () => new Date(), listen: () => undefined },
    inTurn(chosen),
    { target, onConflict: 'skip', sidecars: [], concurrency: 8, dryRun: false },
    new AbortController().signal,
  )
const filesIn = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

test('a disk that fills up ends the restore; nothing half is there, and with space again it goes on', async ({
  skip,
}) => {
  const disk = await mkdtemp(join(tmpdir(), 'cloudkeep-small-disk-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]).status === 0
  if (!mounted) {
    await rm(disk, { recursive: true })
    skip('a small disk cannot be mounted here: this needs the right to mount a tmpfs')
  }
  const kept = await createKept()
  try {
    const chosen: Chosen[] = []
    for (let n = 0; n < 30; n += 1) chosen.push(await kept.keep(`a/${n}.bin`, Buffer.alloc(500_000, n + 1)))
    // Too large to be copied in one call: written piece by piece.
    chosen.push(await kept.keep('large.bin', Buffer.alloc(20_000_000, 77)))
    await expect(restore(kept.vault, join(disk, 'out'), chosen)).rejects.toMatchObject({ code: 'STORE_FULL' })
    const before = await filesIn(join(disk, 'out'))
    for (const file of before) {
      expect(file).not.toContain('.part')
      expect((await stat(file)).size).toBe(500_000)
    }
    expect(spawnSync('mount', ['-o', 'remount,size=64m', disk]).status).toBe(0)
    const report = await restore(kept.vault, join(disk, 'out'), chosen)
    expect(report.missing).toEqual([])
    expect(report.counts['already-there']).toBe(before.length)
    expect((await readFile(join(disk, 'out', 'large.bin'))).equals(Buffer.alloc(20_000_000, 77))).toBe(true)
  } finally {
    await kept.close()
    spawnSync('umount', [disk])
    await rm(disk, { recursive: true, force: true })
  }
})

test('killed at random moments, a restore to a folder finishes in the end, and never shows a part of a file', async () => {
  const rig = await createRig()
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-killed-'))
  const target = join(folder, 'out')
  const random = createRandom(11)
  try {
    for (let n = 0; n < 600; n += 1)
      makeAsset(rig.cloud, { publicId: `d${n % 7}/p-${n}`, bytes: Buffer.from(`bytes of ${n} `.repeat(2000)) })
    await rig.backup()
    const { entries } = await readNewest(rig.vault, 'testcloud')
    const sizes = new Map(entries.map((entry) => [join(target, entry.path ?? ''), entry.size]))
    const args = ['restore', '--to', target, '--json']
    for (let kill = 0; kill < 12; kill += 1) {
      const running = start(args, rig.env)
      setTimeout(() => running.child.kill('SIGKILL'), 250 + random.next() * 900)
      const { signal } = await running.ended
      for (const file of await filesIn(target).catch(() => [])) {
        if (!file.endsWith('.part')) expect((await stat(file)).size, file).toBe(sizes.get(file))
      }
      if (signal === null) break
    }
    const end = await runProgram(args, rig.env)
    expect(end.code, end.stdout.slice(-1000) + end.stderr).toBe(0)
    const objectOf = (digest: string | null): string =>
      join(rig.vault, 'objects', digest?.slice(0, 2) ?? '', digest ?? '')
    for (const entry of entries) {
      const [restored, kept] = [await readFile(join(target, entry.path ?? '')), await readFile(objectOf(entry.object))]
      expect(restored.equals(kept), entry.publicId).toBe(true)
    }
    // Parts of killed runs are theirs for a minute; a later run removes them.
    const own = (await filesIn(target)).filter((file) => !file.endsWith('.part'))
    expect(own).toHaveLength(600)
    await writeFile(join(target, 'mine'), 'mine')
    expect((await runProgram(args, rig.env)).lines.at(-1)).toMatchObject({ ok: true, counts: { 'already-there': 600 } })
  } finally {
    await rig.close()
    await rm(folder, { recursive: true, force: true })
  }
})
