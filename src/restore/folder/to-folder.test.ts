import { chmod, mkdir, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createKept, inTurn, type Kept } from '../../../test/samples/kept.ts'
import { isAppError } from '../../model/errors.ts'
import { memoryBody } from '../../vault/body.ts'
import { createVault } from '../../vault/create.ts'
import { createMemoryStore } from '../../vault/stores/memory.ts'
import type { Chosen } from '../selection.ts'
import type { FolderFile, FolderOptions, FolderReport } from './report.ts'
import { restoreToFolder } from './to-folder.ts'

let kept: Kept
beforeEach(async () => {
  kept = await createKept()
})
afterEach(() => kept.close())

type Told = FolderReport & { readonly files: readonly FolderFile[] }

async function restore(
  chosen: readonly Chosen[],
  options: Partial<FolderOptions> = {},
  more: { signal?: AbortSignal; vault?: Kept['vault']; now?: Date; onFile?: () => void } = {},
): Promise<Told> {
  const files: FolderFile[] = []
  const report = await restoreToFolder(
    {
      vault: more.vault ?? kept.vault,
      now: () => more.now ?? new Date(),
      listen: (event) => {
        if (event.type === 'file') files.push(event.file)
        more.onFile?.()
      },
    },
    inTurn(chosen),
    { target: kept.target, onConflict: 'skip', sidecars: [], concurrency: 8, dryRun: false, ...options },
    more.signal ?? new AbortController().signal,
  )
  return { ...report, files }
}

const read = (path: string): Promise<string> => readFile(join(kept.target, path), 'utf8')
const all = async (): Promise<readonly string[]> => {
  const entries = await readdir(kept.target, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  return files.map((entry) => join(entry.parentPath, entry.name).slice(kept.target.length + 1)).sort()
}
const damage = async ({ entry }: Chosen): Promise<void> => {
  const file = kept.fileOf(entry)
  const bytes = await readFile(file)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await chmod(file, 0o600)
  await writeFile(file, bytes)
}

describe('restoring to a folder', () => {
  it('gives names, folders, bytes and times back, and files that their owner can change', async () => {
    const chair = await kept.keep('shop/Chair.jpg', 'a chair')
    const table = await kept.keep('Table.png', 'a table', {
      facts: { ...chair.entry.facts, uploadedAt: '2020-02-03T04:05:06Z' },
    })
    const empty = await kept.keep('empty.txt', '')
    const report = await restore([chair, table, empty])
    expect(await all()).toEqual(['Table.png', 'empty.txt', 'shop/Chair.jpg'])
    expect(await read('shop/Chair.jpg')).toBe('a chair')
    expect((await stat(join(kept.target, 'shop/Chair.jpg'))).mtime.toISOString()).toBe('2025-10-01T06:26:40.000Z')
    expect((await stat(join(kept.target, 'Table.png'))).mtime.toISOString()).toBe('2020-02-03T04:05:06.000Z')
    expect((await stat(join(kept.target, 'Table.png'))).mode & 0o600).toBe(0o600)
    expect(report).toMatchObject({ assets: 3, bytes: 14, missing: [], counts: { restored: 3 } })
  })

  it('never shares a file with the vault: changing a restored one leaves the object as it is', async () => {
    const chair = await kept.keep('Chair.jpg', 'a chair')
    await restore([chair])
    await writeFile(join(kept.target, 'Chair.jpg'), 'scribbled over')
    expect(await readFile(kept.fileOf(chair.entry), 'utf8')).toBe('a chair')
  })

  it('restores from a vault that is no folder', async () => {
    const vault = await createVault(createMemoryStore(), { now: new Date(), id: 'm', tool: 't' })
    const chair = await kept.keep('a/Chair.jpg', 'a chair')
    await vault.putObject(chair.entry.object ?? '', memoryBody(Buffer.from('a chair')))
    expect((await restore([chair], {}, { vault })).counts.restored).toBe(1)
    expect(await read('a/Chair.jpg')).toBe('a chair')
  })

  it('names what has no bytes, was purged, is missing or damaged, and restores the rest', async () => {
    const fine = await kept.keep('fine.jpg', 'fine')
    const record = await kept.keep('record.jpg', '', { object: null, size: null })
    const purged = { ...(await kept.keep('purged.jpg', 'purged')), purged: true }
    const missing = await kept.keep('missing.jpg', 'missing')
    const flipped = await kept.keep('flipped.jpg', 'flipped')
    const short = await kept.keep('short.jpg', 'rather short')
    await rm(kept.fileOf(missing.entry))
    await damage(flipped)
    await chmod(kept.fileOf(short.entry), 0o600)
    await truncate(kept.fileOf(short.entry), 3)
    const report = await restore([missing, flipped, short, record, purged, fine])
    expect(await all()).toEqual(['fine.jpg'])
    expect(report.missing.map((file) => [file.publicId, file.outcome, file.code]).sort()).toEqual([
      ['flipped.jpg', 'failed', 'OBJECT_CORRUPT'],
      ['missing.jpg', 'failed', 'OBJECT_NOT_FOUND'],
      ['purged.jpg', 'purged', null],
      ['record.jpg', 'no-bytes', null],
      ['short.jpg', 'failed', 'OBJECT_CORRUPT'],
    ])
    expect(report.assets).toBe(6)
  })

  it('makes empty folders too', async () => {
    await restore([], { folders: ['empty/in side', '..', 'con'] })
    expect((await readdir(kept.target)).sort()).toEqual(['%2E%2E', '_con', 'empty'])
  })

  it('writes nothing in a dry run, and says what would happen', async () => {
    const [one, two] = [await kept.keep('a/one.jpg', 'one'), await kept.keep('two.jpg', 'two')]
    await rm(kept.fileOf(two.entry))
    const report = await restore([one, two], { dryRun: true, folders: ['empty'] })
    expect(report.counts).toMatchObject({ restored: 1, failed: 1 })
    await expect(stat(kept.target)).rejects.toMatchObject({ code: 'ENOENT' })
    await mkdir(kept.target)
    await writeFile(join(kept.target, 'two.jpg'), 'TWO')
    expect((await restore([one], { dryRun: true })).counts.restored).toBe(1)
    expect(await all()).toEqual(['two.jpg'])
  })

  it('refuses a target in the vault, and paths that a damaged manifest leads outside', async () => {
    const chair = await kept.keep('Chair.jpg', 'a chair')
    for (const target of [kept.root, join(kept.root, 'objects'), join(kept.root, 'library', 'x')])
      await expect(restore([chair], { target })).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    const outside = await kept.keep('../outside.jpg', 'out')
    expect((await restore([outside])).missing).toMatchObject([{ outcome: 'failed', code: 'VAULT_INVALID' }])
    expect(await readdir(join(kept.target, '..'))).not.toContain('outside.jpg')
  })

  it('does not write into a vault that lies below the target', async () => {
    const sly = await kept.keep('vault/cloudkeep.json', '{}')
    const target = join(kept.root, '..')
    const report = await restore([sly], { target, onConflict: 'overwrite' })
    expect(report.missing).toMatchObject([{ code: 'STORE_REFUSED' }])
    expect(JSON.parse(await readFile(join(kept.root, 'cloudkeep.json'), 'utf8'))).toMatchObject({ id: 'kept' })
  })
})

describe('links planted in the target', () => {
  it('lead nowhere: a linked folder is refused by name, a linked file is another file', async () => {
    const elsewhere = join(kept.target, '..', 'elsewhere')
    await mkdir(join(elsewhere, 'deep'), { recursive: true })
    await writeFile(join(elsewhere, 'mine'), 'mine')
    await mkdir(kept.target)
    await symlink(elsewhere, join(kept.target, 'shop'))
    await symlink(join(elsewhere, 'mine'), join(kept.target, 'linked.jpg'))
    await symlink(join(elsewhere, 'new'), join(kept.target, 'dangling.jpg'))
    const chosen = [
      await kept.keep('shop/a.jpg', 'a'),
      await kept.keep('shop/deep/b.jpg', 'b'),
      await kept.keep('linked.jpg', 'mine'),
      await kept.keep('dangling.jpg', 'd'),
      await kept.keep('fine.jpg', 'fine'),
    ]
    const report = await restore(chosen)
    expect(report.counts).toMatchObject({ failed: 2, conflict: 2, restored: 1 })
    expect((await restore(chosen, { onConflict: 'overwrite' })).counts).toMatchObject({ failed: 2, replaced: 2 })
    expect((await readdir(elsewhere, { recursive: true })).sort()).toEqual(['deep', 'mine'])
    expect(await readFile(join(elsewhere, 'mine'), 'utf8')).toBe('mine')
    expect(await read('dangling.jpg')).toBe('d')
  })

  it('may be the target itself, if that is what was asked for', async () => {
    const real = join(kept.target, '..', 'real')
    await mkdir(real)
    await symlink(real, kept.target)
    expect((await restore([await kept.keep('a.jpg', 'a')])).counts.restored).toBe(1)
    expect(await readFile(join(real, 'a.jpg'), 'utf8')).toBe('a')
  })
})

describe('files that are there already', () => {
  const put = async (path: string, bytes: string, time: string): Promise<void> => {
    await mkdir(kept.target, { recursive: true })
    await writeFile(join(kept.target, path), bytes)
    await utimes(join(kept.target, path), new Date(time), new Date(time))
  }

  it('with the same bytes stay as they are under every policy', async () => {
    const chair = await kept.keep('Chair.jpg', 'a chair')
    await put('Chair.jpg', 'a chair', '2001-01-01T00:00:00Z')
    for (const onConflict of ['skip', 'overwrite', 'newer', 'rename'] as const)
      expect((await restore([chair], { onConflict })).counts['already-there']).toBe(1)
    expect((await stat(join(kept.target, 'Chair.jpg'))).mtime.getUTCFullYear()).toBe(2001)
  })

  it('skip: another file is named as a conflict and stays, also one of the same length', async () => {
    await put('Chair.jpg', 'A chair', '2001-01-01T00:00:00Z')
    const report = await restore([await kept.keep('Chair.jpg', 'a chair')])
    expect(report.missing).toMatchObject([{ outcome: 'conflict', path: 'Chair.jpg' }])
    expect(await read('Chair.jpg')).toBe('A chair')
  })

  it('overwrite: replaced in one step; a folder in the place is a failure by name', async () => {
    await put('Chair.jpg', 'mine', '2030-01-01T00:00:00Z')
    await mkdir(join(kept.target, 'Table.jpg'))
    const report = await restore([await kept.keep('Chair.jpg', 'a chair'), await kept.keep('Table.jpg', 't')], {
      onConflict: 'overwrite',
    })
    expect(report.counts).toMatchObject({ replaced: 1, failed: 1 })
    expect(await read('Chair.jpg')).toBe('a chair')
  })

  it('newer: only an older file is replaced', async () => {
    await put('old.jpg', 'mine', '2025-09-30T00:00:00Z')
    await put('new.jpg', 'mine', '2025-10-02T00:00:00Z')
    await put('same.jpg', 'mine', '2025-10-01T06:26:40Z')
    const chosen = [await kept.keep('old.jpg', 'o'), await kept.keep('new.jpg', 'n'), await kept.keep('same.jpg', 's')]
    const report = await restore(chosen, { onConflict: 'newer' })
    expect(report.counts).toMatchObject({ replaced: 1, 'newer-there': 2 })
    expect(report.missing).toEqual([])
    expect([await read('old.jpg'), await read('new.jpg'), await read('same.jpg')]).toEqual(['o', 'mine', 'mine'])
  })

  it('rename: the kept one comes beside it, once, however often it is restored', async () => {
    await put('Chair.jpg', 'mine', '2001-01-01T00:00:00Z')
    await put('Chair (restored).jpg', 'mine too', '2001-01-01T00:00:00Z')
    const chair = await kept.keep('Chair.jpg', 'a chair')
    const options = { onConflict: 'rename', sidecars: ['json'] } as const
    expect((await restore([chair], options)).counts.renamed).toBe(1)
    expect((await restore([chair], options)).counts['already-there']).toBe(1)
    expect(await all()).toEqual([
      'Chair (restored 2).jpg',
      'Chair (restored 2).jpg.json',
      'Chair (restored).jpg',
      'Chair.jpg',
    ])
    expect(await read('Chair (restored 2).jpg')).toBe('a chair')
  })
})

describe('several versions at one path', () => {
  it('become files of their own, the same ones in every run', async () => {
    const first = await kept.keep('Chair.jpg', 'first')
    const second = await kept.keep('Chair.jpg', 'second')
    const cased = await kept.keep('CHAIR.jpg', 'third')
    await restore([first, second, cased])
    const files = await all()
    expect(files).toEqual([
      `CHAIR~${cased.entry.version.slice(0, 8)}.jpg`,
      'Chair.jpg',
      `Chair~${second.entry.version.slice(0, 8)}.jpg`,
    ])
    expect((await restore([first, second, cased])).counts['already-there']).toBe(3)
    expect(await all()).toEqual(files)
  })

  it('whose versions share their first digits are told apart all the same', async () => {
    const version = 'aaaaaaaaaaaaaaaa'
    const chosen = await Promise.all(
      Array.from({ length: 6 }, (_, n) => kept.keep('Chair.jpg', `${n}`, { version, assetId: 'b'.repeat(32) })),
    )
    expect((await restore(chosen)).counts.restored).toBe(6)
    expect(new Set(await Promise.all((await all()).map(read))).size).toBe(6)
  })

  it('where one is a file and the other a folder are both there', async () => {
    const chosen = [await kept.keep('tree', 'file'), await kept.keep('tree/leaf', 'leaf'), await kept.keep('TREE', 'x')]
    await restore(chosen)
    expect(await all()).toHaveLength(3)
    expect(await read('tree')).toBe('file')
    expect(await read('tree~/leaf')).toBe('leaf')
    await rm(kept.target, { recursive: true })
    await restore(chosen.toReversed())
    expect(await all()).toHaveLength(3)
  })
})

describe('a restore that was stopped', () => {
  it('goes on: what is finished is recognised, what was begun leaves nothing', async () => {
    const objects = await Promise.all(Array.from({ length: 10 }, (_, n) => kept.keep(null, `bytes ${n}`)))
    const chosen = Array.from({ length: 1200 }, (_, n) => {
      const { entry, purged } = objects[n % 10]!
      return { entry: { ...entry, assetId: `${n}`, path: `d${n % 3}/${n}.txt` }, purged }
    })
    const stop = new AbortController()
    let files = 0
    const stopped = restore(
      chosen,
      { concurrency: 4 },
      {
        signal: stop.signal,
        onFile: () => {
          files += 1
          if (files === 20) stop.abort()
        },
      },
    )
    await expect(stopped).rejects.toSatisfy((error) => isAppError(error, 'INTERRUPTED'))
    const finished = (await all()).length
    expect(finished).toBeGreaterThanOrEqual(20)
    expect(finished).toBeLessThan(1200)
    expect((await all()).filter((name) => name.endsWith('.part'))).toEqual([])
    const report = await restore(chosen)
    expect(report.counts).toMatchObject({ 'already-there': finished, restored: 1200 - finished })
  })

  it('and died leaves parts that the next one removes, but none of a living writer or of anybody else', async () => {
    await mkdir(join(kept.target, 'd'), { recursive: true })
    const machine = (name: string): Promise<void> => writeFile(join(kept.target, 'd', name), 'half')
    const { tempName } = await import('../../vault/temp-file.ts')
    const mine = `.cloudkeep-${tempName()}.part`
    const dead = mine.replace(`-${process.pid}-`, '-999999999-')
    await machine(mine)
    await machine(dead)
    await machine('.cloudkeep-notes.part')
    await restore([await kept.keep('d/a.txt', 'a')], {}, { now: new Date(Date.now() + 120_000) })
    expect(await all()).toEqual([`d/${mine}`, 'd/.cloudkeep-notes.part', 'd/a.txt'].sort())
  })
})
