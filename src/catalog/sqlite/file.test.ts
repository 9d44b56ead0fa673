import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Child, Compiled } from '../../../test/child.ts'
import { compile } from '../../../test/child.ts'
import { assetIdOf, CLOUD, each, lineOf, put, storedSnapshot } from '../../../test/samples/history.ts'
import { isAppError } from '../../model/errors.ts'
import { initial } from '../migrations/0001-initial.ts'
import { FLAVOUR, openSqliteCatalog } from './catalog.ts'
import { openDatabase } from './driver.ts'

let folder: string
let file: string
let compiled: Compiled
let children: Child[] = []

beforeAll(async () => {
  compiled = await compile('src/catalog/sqlite/catalog.ts')
})
afterAll(() => compiled.dispose())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-catalog-'))
  file = join(folder, 'deep', 'catalog.sqlite')
})
afterEach(async () => {
  for (const child of children) child.kill()
  await Promise.all(children.map((child) => child.ended()))
  children = []
  await rm(folder, { recursive: true, force: true })
})

const start = async (script: string, ...args: string[]): Promise<Child> => {
  const child = await compiled.start(`import { openSqliteCatalog } from './src/catalog/sqlite/catalog.js'\n${script}`, [
    file,
    ...args,
  ])
  children.push(child)
  return child
}

/** Makes a catalog of some assets, in another process: nothing of it stays open in this one. */
async function fill(assets: number): Promise<void> {
  const entries = Array.from({ length: assets }, (_, n) => put({ assetId: assetIdOf(n) })).flat()
  await writeFile(join(folder, 'entries.json'), JSON.stringify([storedSnapshot(1), entries]))
  const child = await start(
    `import { readFileSync } from 'node:fs'
    const [stored, entries] = JSON.parse(readFileSync(process.argv[3], 'utf8'))
    const catalog = await openSqliteCatalog(process.argv[2])
    await catalog.write((tx) => tx.addSnapshot(stored, (async function* () { yield* entries })()))
    await catalog.close()
    console.log(catalog.wasCreated)`,
    join(folder, 'entries.json'),
  )
  expect(await child.line()).toBe('true')
  await child.ended()
}

/** What another program does to the file, in another process. */
async function tamper(sql: string): Promise<void> {
  const child = await start(
    `import { openDatabase } from './src/catalog/sqlite/driver.js'
    const database = await openDatabase(process.argv[2], { timeout: 0 })
    database.exec(process.argv[3])
    database.close()`,
    sql,
  )
  expect((await child.ended()).stderr).toBe('')
}

async function reopen(): Promise<{ wasCreated: boolean; clouds: readonly string[] }> {
  const catalog = await openSqliteCatalog(file)
  const clouds = await catalog.read((tx) => tx.clouds())
  await catalog.close()
  return { wasCreated: catalog.wasCreated, clouds }
}

test('a catalog is made with its folder, and found again', async () => {
  await fill(1)
  expect(await reopen()).toEqual({ wasCreated: false, clouds: [CLOUD] })
  const log = await stat(`${file}-wal`).catch(() => ({ size: 0 }))
  expect(log.size).toBe(0)
})

test('a catalog of a newer schema is put aside whole and a new one is made', async () => {
  await fill(1)
  await tamper('pragma user_version = 999')
  expect(await reopen()).toEqual({ wasCreated: true, clouds: [] })
  expect(await reopen()).toEqual({ wasCreated: false, clouds: [] })
  const aside = await openDatabase(`${file}.unusable`, { timeout: 0 })
  expect(aside.prepare('select cloud from accounts').all()).toHaveLength(1)
  aside.close()
})

test('a catalog of schema 1 is brought up to date and keeps what it held', async () => {
  await mkdir(join(folder, 'deep'))
  const old = await openDatabase(file, { timeout: 0 })
  old.exec('pragma auto_vacuum = incremental')
  for (const text of initial.up(FLAVOUR)) old.exec(text)
  old.exec(`insert into accounts (cloud) values ('${CLOUD}')`)
  old.exec('pragma application_id = 0x636c6b70')
  old.exec('pragma user_version = 1')
  old.close()
  const catalog = await openSqliteCatalog(file)
  expect(catalog.wasCreated).toBe(false)
  await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put({ assetId: assetIdOf(1) }))))
  await catalog.write((tx) =>
    tx.addHistory(CLOUD, { key: 'h', origin: 'import' }, each([lineOf({ assetId: assetIdOf(1), bytes: '' })])),
  )
  expect((await catalog.read((tx) => tx.versionsOf(CLOUD, assetIdOf(1)))).map((row) => row.origin)).toEqual([
    'import',
    'snapshot',
  ])
  await catalog.close()
  expect(await reopen()).toEqual({ wasCreated: false, clouds: [CLOUD] })
})

test("a file that is no database, or another program's, is put aside", async () => {
  await fill(1)
  await writeFile(file, 'no database, '.repeat(1000))
  expect(await reopen()).toEqual({ wasCreated: true, clouds: [] })
  expect(await readFile(`${file}.unusable`, 'utf8')).toMatch(/^no database/)
  await rm(file)
  await tamper('create table accounts (name text)')
  expect(await reopen()).toEqual({ wasCreated: true, clouds: [] })
})

test('a file cut short or overwritten inside is noticed at the latest when it is read, and made anew at the next start', async () => {
  await fill(3000)
  const bytes = await readFile(file)
  bytes.fill(0xa5, 64 * 4096)
  await writeFile(file, bytes)
  await rm(`${file}-wal`, { force: true })
  await rm(`${file}-shm`, { force: true })
  const hurt = await openSqliteCatalog(file)
  const reading = hurt.read(async (tx) => {
    for await (const _ of tx.versionsAt(CLOUD, 1, {}));
  })
  const error = await reading.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(isAppError(error, 'VAULT_INVALID') && error.message).toContain(file)
  await hurt.close()
  expect(await reopen()).toEqual({ wasCreated: true, clouds: [] })
})

test('a place that cannot be written is refused by name', async () => {
  await writeFile(join(folder, 'deep'), 'a file where a folder should be')
  const error = await openSqliteCatalog(file).catch((thrown: unknown) => thrown)
  expect(isAppError(error, 'STORE_REFUSED') && error.message).toContain(file)
})

test('what was committed survives a kill, what was not is gone', async () => {
  const child = await start(`
    const catalog = await openSqliteCatalog(process.argv[2])
    await catalog.write((tx) => tx.beginRun({ id: 'r', cloud: 'c', command: 'backup', startedAt: 'now' }))
    await catalog.write((tx) => tx.saveSteps('r', [{ assetId: 'a', kind: 'fetch', state: 'queued', why: 'new', listHash: 'h', listRaw: '{}' }]))
    await catalog.write((tx) => tx.markHashed('r', { assetId: 'a', object: 'o', size: 1, md5: 'm', proof: 'md5' }))
    void catalog.write(async (tx) => {
      await tx.markDone('r', ['a'])
      console.log('ready')
      await new Promise(() => setInterval(() => {}, 1000))
    })
  `)
  expect(await child.line()).toBe('ready')
  child.kill()
  await child.ended()
  const catalog = await openSqliteCatalog(file)
  expect(catalog.wasCreated).toBe(false)
  const [step] = await catalog.read((tx) => tx.steps('r', { limit: 1 }))
  expect(step).toMatchObject({ state: 'hashed', object: 'o' })
  await catalog.close()
})

test('rows of a run that was finished just before a kill go with the next write', async () => {
  await fill(1)
  await tamper(`
    insert into runs (run_id, cloud, command, started_at, finished_at, status, api_calls, swept)
      values ('r', 'c', 'backup', 'then', 'now', 'done', 0, 0);
    insert into steps (run, asset_id, kind, state, why, list_hash, listed, searched)
      values (1, 'a', 'keep', 'done', '', '', 1, 0)`)
  const catalog = await openSqliteCatalog(file)
  await catalog.write(async () => undefined)
  expect(await catalog.read((tx) => tx.steps('r', { limit: 1 }))).toEqual([])
  await catalog.close()
})

test('two processes write in turns and neither loses anything', async () => {
  await fill(1)
  const script = `
    const [, , file, name] = process.argv
    const catalog = await openSqliteCatalog(file)
    for (let i = 0; i < 60; i += 1) {
      await catalog.write(async (tx) => {
        await tx.beginRun({ id: name + i, cloud: name, command: 'backup', startedAt: 'now' })
        await new Promise((resolve) => setTimeout(resolve, 2))
      })
    }
    await catalog.close()
    console.log('finished')
  `
  const writers = [await start(script, 'one'), await start(script, 'two')]
  for (const writer of writers) expect(await writer.line()).toBe('finished')
  const catalog = await openSqliteCatalog(file)
  expect(await catalog.read((tx) => tx.runs(null, 500))).toHaveLength(120)
  await catalog.close()
})

test('two processes that make the catalog at the same moment make one', async () => {
  const script = `
    const catalog = await openSqliteCatalog(process.argv[2])
    await catalog.write((tx) => tx.beginRun({ id: process.argv[3], cloud: 'c', command: 'backup', startedAt: 'now' }))
    await catalog.close()
    console.log('finished')
  `
  const makers = await Promise.all(['one', 'two', 'three'].map((name) => start(script, name)))
  for (const maker of makers) expect(await maker.line()).toBe('finished')
  const catalog = await openSqliteCatalog(file)
  expect(await catalog.read((tx) => tx.runs(null, 500))).toHaveLength(3)
  await catalog.close()
})
