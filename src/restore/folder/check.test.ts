import { createHash } from 'node:crypto'
import { link, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFolderChecks, type FolderChecks } from './check.ts'
import { createFolderCommit, type FolderCommit } from './commit.ts'

let folder = ''
let checks: FolderChecks
let commit: FolderCommit
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-check-'))
  checks = createFolderChecks()
  commit = createFolderCommit(folder)
})
afterEach(async () => {
  await Promise.all([checks.close(), commit.close()])
  await rm(folder, { recursive: true })
})

const at = (name: string): string => join(folder, name)
const promised = (name: string, bytes: string, size = bytes.length) => ({
  temp: at(name),
  digest: createHash('sha256').update(bytes).digest('hex'),
  size,
  mtime: 1_600_000_000_000,
})
const naming = (temp: string | null, path: string, mustBeFree = true) => ({
  temp: temp === null ? null : at(temp),
  path: at(path),
  folders: [folder],
  mustBeFree,
})

test('a file that does not read back as it should is refused, whoever wrote it', async () => {
  await writeFile(at('part'), 'a chair')
  await checks.check(promised('part', 'a chair'))
  expect((await stat(at('part'))).mtimeMs).toBe(1_600_000_000_000)
  await expect(checks.check(promised('part', 'a Chair'))).rejects.toMatchObject({ code: 'NOT_AS_PROMISED' })
  await expect(checks.check(promised('part', 'a chair', 6))).rejects.toMatchObject({ code: 'NOT_AS_PROMISED' })
  await expect(checks.check(promised('none', 'a chair'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a copy is a file of its own, writable, and refused when its source is wrong or its place is taken', async () => {
  await writeFile(at('object'), 'a chair', { mode: 0o444 })
  await checks.copy(at('object'), promised('part', 'a chair'))
  const [source, copy] = [await stat(at('object')), await stat(at('part'))]
  expect(copy.ino).not.toBe(source.ino)
  expect(copy.mode & 0o600).toBe(0o600)
  await expect(checks.copy(at('object'), promised('other', 'a table'))).rejects.toMatchObject({
    code: 'NOT_AS_PROMISED',
  })
  await expect(checks.copy(at('object'), promised('part', 'a chair'))).rejects.toMatchObject({ code: 'EEXIST' })
})

test('measuring does not follow links', async () => {
  await writeFile(at('file'), 'a chair')
  await symlink(at('file'), at('link'))
  expect(await checks.measure(at('file'))).toMatchObject({ size: 7 })
  await expect(checks.measure(at('link'))).rejects.toMatchObject({ code: 'ELOOP' })
})

test.each([1, 40])('of %i names given at once, those that are taken stay as they are', async (count) => {
  await writeFile(at('taken'), 'mine')
  await link(at('taken'), at('second name of mine'))
  await Promise.all(Array.from({ length: count }, (_, n) => writeFile(at(`part ${n}`), `${n}`)))
  await writeFile(at('late'), 'late')
  const named = Array.from({ length: count }, (_, n) => commit.name(naming(`part ${n}`, `file ${n}`)))
  const refused = commit.name(naming('late', 'taken'))
  await expect(refused).rejects.toMatchObject({ code: 'EEXIST' })
  await Promise.all(named)
  expect(await readFile(at('taken'), 'utf8')).toBe('mine')
  expect((await readdir(folder)).filter((name) => name.startsWith('part'))).toEqual([])
  for (let n = 0; n < count; n += 1) expect(await readFile(at(`file ${n}`), 'utf8')).toBe(`${n}`)
  await commit.name(naming('late', 'taken', false))
  expect(await readFile(at('taken'), 'utf8')).toBe('late')
  expect(await readFile(at('second name of mine'), 'utf8')).toBe('mine')
  await commit.name(naming(null, 'taken'))
})
