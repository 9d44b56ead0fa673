import { spawnSync } from 'node:child_process'
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Compiled } from '../../../test/child.ts'
import { compile } from '../../../test/child.ts'
import { collect, storeContract } from '../../../test/contracts/store.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { fileBody, memoryBody, textBody } from '../body.ts'
import type { Body, Store } from '../store.ts'
import { openFsStore } from './fs.ts'

storeContract('the local disk', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cloudkeep-fs-'))
  return { store: await openFsStore(join(root, 'vault')), close: () => rm(root, { recursive: true, force: true }) }
})

const KEY = 'objects/ab/ab12'
const isRoot = process.getuid?.() === 0
const NOBODY = 65534

let above: string
let root: string
beforeEach(async () => {
  above = await mkdtemp(join(tmpdir(), 'cloudkeep-fs-'))
  root = join(above, 'vault')
})
afterEach(() => rm(above, { recursive: true, force: true }))

const temps = async (): Promise<string[]> => readdir(join(root, '.cache', 'tmp')).catch(() => [])

const keysOf = async (store: Store): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys.sort()
}

describe('what is written', () => {
  it('is read-only and leaves no temporary file', async () => {
    const store = await openFsStore(root)
    await store.put(KEY, textBody('x'))
    await store.put(KEY, { size: 1, open: () => textBody('y').open() })
    expect((await stat(join(root, KEY))).mode & 0o777).toBe(0o444)
    expect(await temps()).toEqual([])
  })

  it('leaves no temporary file when it fails', async () => {
    const store = await openFsStore(root)
    const broken: Body = {
      size: 3_000_000,
      async *open() {
        yield Buffer.alloc(2_000_000)
        throw new RangeError('the source broke')
      },
    }
    await expect(store.put(KEY, broken)).rejects.toThrow('the source broke')
    await expect(store.put(KEY, { ...broken, open: () => textBody('x').open() })).rejects.toMatchObject({
      code: 'OBJECT_CORRUPT',
    })
    expect(await temps()).toEqual([])
  })

  it('is moved, not copied, when the caller gives a file of the same disk', async () => {
    const store = await openFsStore(root)
    await mkdir(join(root, '.cache'), { recursive: true })
    const file = join(root, '.cache', 'part')
    await writeFile(file, 'hello')
    const { ino } = await stat(file)
    await store.put(KEY, fileBody(file, 5))
    expect((await stat(join(root, KEY))).ino).toBe(ino)
    expect((await stat(join(root, KEY))).mode & 0o777).toBe(0o444)
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is refused, and the file left, when a given file has another length', async () => {
    const store = await openFsStore(root)
    const file = join(above, 'part')
    await writeFile(file, 'hello')
    await expect(store.put(KEY, fileBody(file, 6))).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    expect(await store.stat(KEY)).toBeNull()
    expect(await readFile(file, 'utf8')).toBe('hello')
  })

  it('is copied from a file that has a second name, or that is a link', async () => {
    const store = await openFsStore(root)
    const file = join(above, 'mine')
    await writeFile(file, 'hello')
    await link(file, join(above, 'also-mine'))
    await symlink(file, join(above, 'pointer'))
    await store.put(KEY, fileBody(file, 5))
    await store.put('objects/cd/cd', fileBody(join(above, 'pointer'), 5))
    await writeFile(file, 'HELLO')
    expect((await collect(await store.get(KEY))).toString()).toBe('hello')
    expect((await collect(await store.get('objects/cd/cd'))).toString()).toBe('hello')
  })

  it('can be written after somebody deleted .cache, or a folder of objects', async () => {
    const store = await openFsStore(root)
    await store.put(KEY, textBody('x'))
    await rm(join(root, '.cache'), { recursive: true })
    await store.put('objects/ab/ab13', textBody('y'))
    await rm(join(root, 'objects'), { recursive: true })
    await store.put('objects/ab/ab14', textBody('z'))
    expect(await keysOf(store)).toEqual(['objects/ab/ab14'])
  })
})

describe('leftovers of dead writers', () => {
  it('are removed at opening when they are old enough, and no others', async () => {
    const folder = join(root, '.cache', 'tmp')
    await mkdir(folder, { recursive: true })
    const machine = sha256Hex(hostname()).slice(0, 8)
    const dead = spawnSync(process.execPath, ['-e', '']).pid
    const minutesOld: Record<string, number> = {
      [`put-${machine}-${dead}-01`]: 2,
      [`put-${machine}-${dead}-02`]: 0,
      [`put-${machine}-${process.pid}-03`]: 2,
      [`put-${machine}-${process.pid}-04`]: 25 * 60,
      [`put-00000000-${dead}-05`]: 2,
      [`put-00000000-${dead}-06`]: 25 * 60,
      'my-notes.txt': 25 * 60,
    }
    const now = Date.now()
    for (const [name, minutes] of Object.entries(minutesOld)) {
      await writeFile(join(folder, name), 'x')
      await utimes(join(folder, name), now / 1000, now / 1000 - minutes * 60)
    }
    await openFsStore(root, { now })
    expect((await temps()).sort()).toEqual(
      [
        'my-notes.txt',
        `put-00000000-${dead}-05`,
        `put-${machine}-${dead}-02`,
        `put-${machine}-${process.pid}-03`,
      ].sort(),
    )
  })
})

describe('what is found', () => {
  it('does not include what belongs to the disk and not to the vault', async () => {
    const store = await openFsStore(root)
    await store.put('README.txt', textBody('x'))
    for (const folder of ['.cache', 'locks', 'lost+found', '.Trash-1000']) {
      await mkdir(join(root, folder), { recursive: true })
      await writeFile(join(root, folder, 'x'), 'x')
    }
    expect(await keysOf(store)).toEqual(['README.txt'])
  })

  it('includes objects that were moved to another disk behind a link', async () => {
    const store = await openFsStore(root)
    await store.put(KEY, textBody('x'))
    await rename(join(root, 'objects'), join(above, 'bigger-disk'))
    await symlink(join(above, 'bigger-disk'), join(root, 'objects'))
    await symlink('nowhere', join(root, 'dangling'))
    await symlink('.', join(root, 'circle'))
    const keys = await keysOf(store)
    expect(keys).toContain(KEY)
    expect(keys.length).toBeLessThan(100)
    expect(await store.stat(KEY)).toMatchObject({ size: 1 })
  })

  it('is never absence when the whole disk went away', async () => {
    const store = await openFsStore(root)
    await store.put(KEY, textBody('x'))
    await rename(root, `${root}.unplugged`)
    const away = { code: 'STORE_UNAVAILABLE', permanent: false }
    await expect(store.stat(KEY)).rejects.toMatchObject(away)
    await expect(store.get(KEY)).rejects.toMatchObject(away)
    await expect(keysOf(store)).rejects.toMatchObject(away)
    await expect(store.put(KEY, textBody('y'))).rejects.toMatchObject(away)
    await expect(store.delete(KEY)).rejects.toMatchObject(away)
    // The empty folder under the mount point must not become the vault.
    await mkdir(root)
    await expect(store.stat(KEY)).rejects.toMatchObject(away)
    await expect(store.put(KEY, textBody('y'))).rejects.toMatchObject(away)
    expect(await readdir(root)).toEqual([])
  })

  it('is nothing where there is no folder yet, and nothing is made by looking', async () => {
    const store = await openFsStore(root)
    expect(await store.stat(KEY)).toBeNull()
    expect(await keysOf(store)).toEqual([])
    await expect(stat(root)).rejects.toMatchObject({ code: 'ENOENT' })
    await openFsStore(root, { create: true })
    expect(await readdir(root)).toEqual([])
  })

  it('is an error where a file lies in place of the vault', async () => {
    await writeFile(root, 'x')
    const store = await openFsStore(root)
    await expect(store.put(KEY, textBody('x'))).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })
})

const PUT_SAME = `
import { openFsStore } from './src/vault/stores/fs.js'
const [, , root] = process.argv
const store = await openFsStore(root)
for (let round = 0; round < 40; round++) {
  const memory = Buffer.alloc(50_000, round % 4)
  await store.put('objects/ab/same', { size: memory.length, memory, open: async function* () { yield memory } })
  await store.put('objects/ab/own-' + process.pid + '-' + round, { size: 3, open: async function* () { yield Buffer.from('own') } })
}
console.log('done')
`

const PUT_FOREVER = `
import { createHash } from 'node:crypto'
import { openFsStore } from './src/vault/stores/fs.js'
const [, , root] = process.argv
const store = await openFsStore(root)
console.log('writing')
const write = async (lane) => {
  for (let round = 0; ; round++) {
    const bytes = Buffer.alloc(200_000 + round, process.pid + ':' + lane + ':' + round)
    const digest = createHash('sha256').update(bytes).digest('hex')
    const open = async function* () { for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000) }
    await store.put('objects/' + digest.slice(0, 2) + '/' + digest, { size: bytes.length, open, ...(lane % 2 && { memory: bytes }) })
  }
}
await Promise.all([0, 1, 2, 3].map(write))
`

const TRY_ALL = `
import { openFsStore } from './src/vault/stores/fs.js'
const [, , root, key] = process.argv
const body = { size: 1, memory: Buffer.from('x'), open: async function* () { yield Buffer.from('x') } }
const told = async (what, work) => console.log(what + ' ' + await work().then((value) => JSON.stringify(value ?? 'ok'), (error) => error.code + ' ' + error.permanent))
const store = await openFsStore(root)
await told('put', () => store.put(key, body))
await told('get', () => store.get(key))
await told('stat', () => store.stat(key))
await told('list', async () => { for await (const _ of store.list('objects/')); })
await told('delete', () => store.delete(key))
`

describe('real processes', () => {
  let compiled: Compiled
  beforeAll(async () => {
    compiled = await compile('src/vault/stores/fs.ts')
  })
  afterAll(() => compiled.dispose())

  it('four of them can put the same key at once', async () => {
    const writers = await Promise.all([1, 2, 3, 4].map(() => compiled.start(PUT_SAME, [root])))
    const ends = await Promise.all(writers.map((writer) => writer.ended()))
    expect(ends.map(({ lines, stderr }) => [...lines, stderr])).toEqual(ends.map(() => ['done', '']))
    const store = await openFsStore(root)
    const bytes = await collect(await store.get('objects/ab/same'))
    expect(bytes.equals(Buffer.alloc(50_000, bytes[0]))).toBe(true)
    expect(await keysOf(store)).toHaveLength(161)
    expect(await temps()).toEqual([])
  })

  it('killed in the middle of writing leave whole objects only', async () => {
    for (const delay of [60, 150, 300]) {
      const writer = await compiled.start(PUT_FOREVER, [root])
      expect(await writer.line()).toBe('writing')
      await new Promise((resolve) => setTimeout(resolve, delay))
      writer.kill()
      await writer.ended()
    }
    const store = await openFsStore(root)
    const keys = await keysOf(store)
    expect(keys.length).toBeGreaterThan(3)
    for (const key of keys) expect(sha256Hex(await collect(await store.get(key)))).toBe(key.split('/').at(-1))
    await openFsStore(root, { now: Date.now() + 2 * 60_000 })
    expect(await temps()).toEqual([])
  })

  it('without permission are refused, for good, and see no absence', async () => {
    const store = await openFsStore(root)
    await store.put(KEY, textBody('x'))
    await chmod(above, 0o755)
    await chmod(join(root, 'objects/ab'), 0)
    try {
      const child = await compiled.start(TRY_ALL, [root, KEY], isRoot ? { uid: NOBODY } : {})
      const { lines } = await child.ended()
      expect(lines).toEqual(['put', 'get', 'stat', 'list', 'delete'].map((what) => `${what} STORE_REFUSED true`))
    } finally {
      await chmod(join(root, 'objects/ab'), 0o755)
    }
  })

  it('may read a vault that they may not write', async () => {
    const store = await openFsStore(root)
    await store.put(KEY, textBody('x'))
    await chmod(above, 0o755)
    if (!isRoot) await chmod(join(root, 'objects/ab'), 0o555)
    const child = await compiled.start(TRY_ALL, [root, KEY], isRoot ? { uid: NOBODY } : {})
    const { lines } = await child.ended()
    if (!isRoot) await chmod(join(root, 'objects/ab'), 0o755)
    expect(lines[0]).toMatch(isRoot ? 'put STORE_REFUSED true' : /^put /)
    expect(lines.slice(1, 4)).toEqual(['get {}', expect.stringMatching(/^stat {"size":1,/), 'list "ok"'])
    expect(lines[4]).toBe('delete STORE_REFUSED true')
  })
})

/** A small disk of its own, where this user may mount one. */
const mountSmallDisk = async (folder: string): Promise<boolean> => {
  await mkdir(folder, { recursive: true })
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status === 0
}

describe('a disk that is full', () => {
  it('refuses, keeps no half object and gives all space back', async (context) => {
    if (!(await mountSmallDisk(root))) return context.skip('only root can mount a small disk')
    try {
      const store = await openFsStore(root)
      await store.put(KEY, textBody('small'))
      const bytes = Buffer.alloc(3_000_000, 1)
      const stream: Body = {
        size: bytes.length,
        async *open() {
          yield bytes.subarray(0, 1_200_000)
          yield bytes.subarray(1_200_000)
        },
      }
      for (const body of [memoryBody(bytes), stream]) {
        await expect(store.put('objects/cd/cd', body)).rejects.toMatchObject({ code: 'STORE_FULL', permanent: true })
      }
      expect(await keysOf(store)).toEqual([KEY])
      expect(await temps()).toEqual([])
      await store.put('objects/ef/ef', memoryBody(bytes.subarray(0, 700_000)))
      expect(await store.stat('objects/ef/ef')).toMatchObject({ size: 700_000 })
    } finally {
      spawnSync('umount', ['-l', root])
    }
  })

  it('elsewhere than the vault: a file to be moved from there is copied, and .cache may lie there', async (context) => {
    const other = join(above, 'other')
    if (!(await mountSmallDisk(other))) return context.skip('only root can mount a small disk')
    try {
      await mkdir(root)
      await mkdir(join(other, 'cache'))
      await symlink(join(other, 'cache'), join(root, '.cache'))
      const file = join(other, 'part')
      await writeFile(file, 'hello')
      const store = await openFsStore(root)
      await store.put(KEY, fileBody(file, 5))
      await store.put('objects/cd/cd', memoryBody(Buffer.alloc(2_000_000)))
      expect(await keysOf(store)).toEqual([KEY, 'objects/cd/cd'])
      expect(await readdir(join(root, '.tmp'))).toEqual([])
    } finally {
      spawnSync('umount', ['-l', other])
    }
  })
})

describe('a read-only disk', () => {
  it('is STORE_REFUSED for writes and read without complaint', async (context) => {
    if (!(await mountSmallDisk(root))) return context.skip('only root can mount a disk')
    try {
      await (await openFsStore(root)).put(KEY, textBody('x'))
      spawnSync('mount', ['-o', 'remount,ro', root])
      const store = await openFsStore(root)
      expect(await store.stat(KEY)).toMatchObject({ size: 1 })
      expect((await collect(await store.get(KEY))).toString()).toBe('x')
      await expect(store.put('objects/cd/cd', textBody('x'))).rejects.toMatchObject({ code: 'STORE_REFUSED' })
      await expect(store.delete(KEY)).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    } finally {
      spawnSync('umount', ['-l', root])
    }
  })
})
