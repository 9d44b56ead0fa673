import { spawnSync } from 'node:child_process'
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Library } from './library.ts'
import { openLibrary } from './library.ts'

const MTIME = Date.parse('2020-02-03T04:05:06.000Z')

let above: string
let root: string
let library: Library
beforeEach(async () => {
  above = await mkdtemp(join(tmpdir(), 'cloudkeep-library-'))
  root = join(above, 'vault')
  await mkdir(join(root, 'objects'), { recursive: true })
  library = await openLibrary(root, 'acme')
})
afterEach(() => rm(above, { recursive: true, force: true }))

const shelf = (path = ''): string => join(root, 'library', 'acme', path)

const object = async (name: string, content = name): Promise<{ objectFile: string; mtime: number }> => {
  const objectFile = join(root, 'objects', name)
  await writeFile(objectFile, content)
  await chmod(objectFile, 0o444)
  return { objectFile, mtime: MTIME }
}

describe('a file of the library', () => {
  it('is a read-only link to its object with the time of the asset', async () => {
    const one = await object('one')
    expect(await library.place('a/b/Shoe 7.jpg', one)).toBe('placed')
    const placed = await stat(shelf('a/b/Shoe 7.jpg'))
    expect(placed.ino).toBe((await stat(one.objectFile)).ino)
    expect(placed.mode & 0o777).toBe(0o444)
    expect(placed.mtimeMs).toBe(MTIME)
    expect(await library.matches('a/b/Shoe 7.jpg', one.objectFile)).toBe(true)
    await library.flush()
  })

  it('that shows its object already is left as it is', async () => {
    const one = await object('one')
    await library.place('x.jpg', one)
    expect(await library.place('x.jpg', { ...one, mtime: 0 })).toBe('kept')
    expect((await stat(shelf('x.jpg'))).mtimeMs).toBe(MTIME)
  })

  it('is replaced when the asset has other bytes, and the old object stays', async () => {
    const [one, two] = [await object('one'), await object('two')]
    await library.place('x.jpg', one)
    expect(await library.place('x.jpg', two)).toBe('placed')
    expect(await readFile(shelf('x.jpg'), 'utf8')).toBe('two')
    expect(await readFile(one.objectFile, 'utf8')).toBe('one')
    expect(await library.matches('x.jpg', one.objectFile)).toBe(false)
    expect(await readdir(join(root, 'library', '.tmp'))).toEqual([])
  })

  it('may show the same object under many names', async () => {
    const one = await object('one')
    for (let index = 0; index < 50; index++) await library.place(`same/${index}.jpg`, one)
    expect((await stat(one.objectFile)).nlink).toBe(51)
  })

  it('is not made of an object that is not there', async () => {
    await expect(library.place('x.jpg', { objectFile: join(root, 'objects', 'none'), mtime: 0 })).rejects.toMatchObject(
      { code: 'OBJECT_NOT_FOUND' },
    )
  })

  it('does not take the place of a folder', async () => {
    await library.place('a/x.jpg', await object('one'))
    await expect(library.place('a', await object('two'))).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    await expect(library.place('a/x.jpg/y.jpg', await object('two'))).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })

  it.each(['', '/etc/x', '../x', 'a/../../x', 'a//b', './a', 'a\\..\\b', 'a\0b'])(
    'is never placed at %j',
    async (path) => {
      await expect(library.place(path, await object('one'))).rejects.toMatchObject({ code: 'STORE_REFUSED' })
      await expect(library.remove(path)).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    },
  )
})

describe('removing', () => {
  it('takes the file and the folders that it leaves empty, not the object', async () => {
    const one = await object('one')
    await library.place('a/b/x.jpg', one)
    await library.place('a/y.jpg', one)
    await library.remove('a/b/x.jpg')
    expect(await readdir(shelf('a'))).toEqual(['y.jpg'])
    await library.remove('a/y.jpg')
    expect(await readdir(shelf())).toEqual([])
    expect(await readFile(one.objectFile, 'utf8')).toBe('one')
    await library.flush()
  })

  it('of what is absent does nothing', async () => {
    await library.remove('x.jpg')
    await library.remove('a/b/x.jpg')
    expect(await library.exists()).toBe(false)
  })

  it('leaves alone what somebody else put there', async () => {
    await mkdir(shelf('a/folder'), { recursive: true })
    await writeFile(shelf('a/notes.txt'), 'mine')
    await symlink('/etc/passwd', shelf('a/link'))
    for (const path of ['a/notes.txt', 'a/link', 'a/folder']) await library.remove(path)
    expect((await readdir(shelf('a'))).sort()).toEqual(['folder', 'link', 'notes.txt'])
  })
})

describe('a folder', () => {
  it('is made as the Media Library shows it, safely', async () => {
    await library.ensureFolder('catalog/Summer: 2026')
    await library.ensureFolder('')
    await library.ensureFolder('../../../evil/')
    expect((await readdir(shelf())).sort()).toEqual(['%2E%2E', 'catalog'])
    expect(await readdir(shelf('catalog'))).toEqual(['Summer%3A 2026'])
    expect(await readdir(above)).toEqual(['vault'])
  })

  it('is not made where a file has its name', async () => {
    await library.place('a', await object('one'))
    await library.ensureFolder('a/b')
    expect((await stat(shelf('a'))).isFile()).toBe(true)
  })
})

describe('a planted link', () => {
  it.each(['library', 'library/acme', 'library/acme/a', 'library/acme/a/b'])(
    'at %s leads nothing out of the vault',
    async (where) => {
      const outside = join(above, 'outside')
      await mkdir(outside)
      await writeFile(join(outside, 'x.jpg'), 'theirs')
      await chmod(join(outside, 'x.jpg'), 0o444)
      await mkdir(join(root, where, '..'), { recursive: true })
      await symlink(outside, join(root, where))
      const one = await object('one')
      const refused = { code: 'STORE_REFUSED' }
      await expect(library.place('a/b/x.jpg', one)).rejects.toMatchObject(refused)
      await expect(library.remove('a/b/x.jpg')).rejects.toMatchObject(refused)
      await expect(library.ensureFolder('a/b/c')).rejects.toMatchObject(refused)
      await expect(library.matches('a/b/x.jpg', one.objectFile)).rejects.toMatchObject(refused)
      expect(await readdir(outside)).toEqual(['x.jpg'])
      expect(await readFile(join(outside, 'x.jpg'), 'utf8')).toBe('theirs')
    },
  )

  it('in place of a file is replaced itself, and what it leads to is untouched', async () => {
    const outside = join(above, 'victim')
    await writeFile(outside, 'theirs')
    await mkdir(shelf(), { recursive: true })
    await symlink(outside, shelf('x.jpg'))
    await library.place('x.jpg', await object('one'))
    expect(await readFile(shelf('x.jpg'), 'utf8')).toBe('one')
    expect(await readFile(outside, 'utf8')).toBe('theirs')
    expect((await stat(outside)).mtimeMs).not.toBe(MTIME)
  })

  it('in place of the folder for temporary names is refused', async () => {
    await mkdir(join(root, 'library'))
    await mkdir(join(above, 'outside'))
    await symlink(join(above, 'outside'), join(root, 'library', '.tmp'))
    await expect(openLibrary(root, 'acme')).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })

  it('in place of an object is not given to anybody', async () => {
    await symlink('/etc/passwd', join(root, 'objects', 'link'))
    await expect(library.place('x', { objectFile: join(root, 'objects', 'link'), mtime: 0 })).rejects.toMatchObject({
      code: 'OBJECT_NOT_FOUND',
    })
  })

  it.each(['..', 'a/b', '', '.tmp'])('a cloud cannot be called %j', async (cloud) => {
    await expect(openLibrary(root, cloud)).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })
})

describe('a disk that cannot link to the objects', () => {
  /** The objects on one disk, the library on another, which can neither link nor clone. */
  const onAnotherDisk = async (
    use: (library: (allowCopies: boolean) => Promise<Library>) => Promise<void>,
  ): Promise<boolean> => {
    const folder = join(root, 'library')
    await mkdir(folder)
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status !== 0) return false
    try {
      await use((allowCopies) => openLibrary(root, 'acme', { allowCopies }))
    } finally {
      spawnSync('umount', ['-l', folder])
    }
    return true
  }

  it('gets copies only when they are allowed', async (context) => {
    const mounted = await onAnotherDisk(async (open) => {
      const one = await object('one')
      await expect((await open(false)).place('x.jpg', one)).rejects.toMatchObject({
        code: 'STORE_REFUSED',
        hint: expect.stringContaining('copies'),
      })
      const copying = await open(true)
      expect(await copying.place('x.jpg', one)).toBe('placed')
      const placed = await stat(shelf('x.jpg'))
      expect(placed.mode & 0o777).toBe(0o444)
      expect(placed.mtimeMs).toBe(MTIME)
      expect(await copying.matches('x.jpg', one.objectFile)).toBe(true)
      expect(await copying.place('x.jpg', one)).toBe('kept')
      expect(await copying.place('x.jpg', { ...(await object('two')), mtime: MTIME + 5000 })).toBe('placed')
      expect(await copying.matches('x.jpg', one.objectFile)).toBe(false)
      await copying.remove('x.jpg')
      expect(await readdir(shelf())).toEqual([])
      expect(await readdir(join(root, 'library', '.tmp'))).toEqual([])
    })
    if (!mounted) context.skip('only root can mount a disk')
  })

  it('that is full leaves nothing half', async (context) => {
    const mounted = await onAnotherDisk(async (open) => {
      const big = await object('big', 'x'.repeat(3_000_000))
      const copying = await open(true)
      await expect(copying.place('big.jpg', big)).rejects.toMatchObject({ code: 'STORE_FULL' })
      expect(await readdir(shelf())).toEqual([])
      expect(await readdir(join(root, 'library', '.tmp'))).toEqual([])
    })
    if (!mounted) context.skip('only root can mount a disk')
  })
})

describe('what a killed run left', () => {
  it('is removed when the library is opened much later', async () => {
    const folder = join(root, 'library', '.tmp')
    await mkdir(folder, { recursive: true })
    const one = await object('one')
    await link(one.objectFile, join(folder, 'put-00000000-1-ab'))
    await utimes(one.objectFile, 0, 0)
    await openLibrary(root, 'acme')
    expect(await readdir(folder)).toHaveLength(1)
    await openLibrary(root, 'acme', { now: Date.now() + 25 * 3600_000 })
    expect(await readdir(folder)).toEqual([])
  })
})
