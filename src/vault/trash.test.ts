import { createHash } from 'node:crypto'
import { link, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collect } from '../../test/contracts/store.ts'
import { memoryBody } from './body.ts'
import { createVault } from './create.ts'
import type { Store } from './store.ts'
import { openFsStore } from './stores/fs.ts'
import { createMemoryStore } from './stores/memory.ts'
import { openSweeper } from './sweeper.ts'
import { listTrash, moveKey, reclaimObject, trashKey } from './trash.ts'
import { objectKey, type Vault } from './vault.ts'

let root: string
let store: Store
let vault: Vault
const birth = { now: new Date('2026-11-22T06:00:00Z'), id: 'v', tool: 'cloudkeep test' }
const bytes = Buffer.from('hello')
const digest = createHash('sha256').update(bytes).digest('hex')
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cloudkeep-trash-'))
  store = await openFsStore(root)
  vault = await createVault(store, birth)
})
afterEach(() => rm(root, { recursive: true, force: true }))

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 25))
const trashed = async (): Promise<string[]> => {
  const found: string[] = []
  for await (const each of listTrash(store)) found.push(each.digest)
  return found
}
const read = async (key: string): Promise<string> => (await collect(await store.get(key))).toString()

test('an object in the trash is out of sight, whole, and comes back', async () => {
  await vault.putObject(digest, memoryBody(bytes))
  await openSweeper(store).trashObject(digest)
  expect(await vault.statObject(digest)).toBeNull()
  expect(await trashed()).toEqual([digest])
  expect(await read(trashKey(digest))).toBe('hello')
  expect(await reclaimObject(store, digest)).toBe(true)
  expect(await trashed()).toEqual([])
  expect(await read(objectKey(digest))).toBe('hello')
})

test('an object that is in neither place cannot be had back', async () => {
  expect(await reclaimObject(store, digest)).toBe(false)
})

test('an object that is put again while it is in the trash lies in its place, and the trash may go', async () => {
  await vault.putObject(digest, memoryBody(bytes))
  await openSweeper(store).trashObject(digest)
  expect(await vault.putObject(digest, memoryBody(bytes))).toEqual({ written: true })
  await openSweeper(store).removeTrash(digest)
  expect(await read(objectKey(digest))).toBe('hello')
})

test('putting an object that is there makes it young and leaves the time of its library file', async () => {
  await vault.putObject(digest, memoryBody(bytes))
  const before = await store.stat(objectKey(digest))
  const { mtimeMs } = await stat(join(root, objectKey(digest)))
  await tick()
  expect(await vault.putObject(digest, memoryBody(bytes))).toEqual({ written: false })
  expect((await store.stat(objectKey(digest)))?.changedAt).toBeGreaterThan(before?.changedAt ?? 0)
  expect(Math.abs((await stat(join(root, objectKey(digest)))).mtimeMs - mtimeMs)).toBeLessThan(1)
})

test('an object that cannot be made young is written again', async () => {
  const stubborn: Store = { ...store, touch: async () => false }
  const other = await createVault(stubborn, birth)
  await other.putObject(digest, memoryBody(bytes))
  const { ino } = await stat(join(root, objectKey(digest)))
  await link(join(root, objectKey(digest)), join(root, 'other-name')) // or the inode might be given out again
  expect(await other.putObject(digest, memoryBody(bytes))).toEqual({ written: true })
  expect((await stat(join(root, objectKey(digest)))).ino).not.toBe(ino)
})

test('a store that cannot move copies and deletes, and says what is absent', async () => {
  const { move: _, ...plain } = createMemoryStore()
  await plain.put('a', memoryBody(bytes))
  await moveKey(plain, 'a', 'b')
  expect(await plain.stat('a')).toBeNull()
  expect((await collect(await plain.get('b'))).toString()).toBe('hello')
  await expect(moveKey(plain, 'a', 'c')).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
})

test('strays in the trash are not objects', async () => {
  await store.put('trash/note.txt', memoryBody(bytes))
  expect(await trashed()).toEqual([])
})
