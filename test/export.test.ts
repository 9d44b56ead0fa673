import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { fillNastyNames } from '../sandbox/nasty.ts'
import { COMMANDS } from '../src/cli/commands.ts'
import { runCli } from '../src/cli/runner.ts'
import type { Entry } from '../src/model/entry.ts'
import { bagFaults } from './bag-validator.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, type Rig, readNewest } from './rig.ts'
import { fromBuffer, readZip } from './zip-reader.ts'

let rig: Rig
let entries: Entry[]
let first: string
let cwd: string

beforeAll(async () => {
  rig = await createRig({ settings: { folderMode: 'dynamic', allowPdfZip: true } })
  fillNastyNames(rig.cloud)
  makeAsset(rig.cloud, { publicId: 'summer/one', assetFolder: 'summer', tags: ['sale'], bytes: Buffer.from('one') })
  makeAsset(rig.cloud, { publicId: 'summer/deep/two', assetFolder: 'summer/deep', bytes: Buffer.from('two') })
  makeAsset(rig.cloud, { publicId: '=cmd|calc', resourceType: 'raw', bytes: Buffer.from('formula') })
  makeAsset(rig.cloud, { publicId: 'large.bin', resourceType: 'raw', bytes: Buffer.alloc(9_000_000, 'large ') })
  await rig.backup()
  first = (await readNewest(rig.vault, 'testcloud')).snapshot.id
  makeAsset(rig.cloud, { publicId: 'winter', tags: ['sale'], bytes: Buffer.from('winter') })
  await rig.backup()
  entries = (await readNewest(rig.vault, 'testcloud')).entries
})
afterAll(() => rig.close())
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'cloudkeep-export-'))
  return () => rm(cwd, { recursive: true, force: true })
})

const cli = (...argv: string[]): Promise<Done> => commandLine(argv, { variables: rig.env, cwd })
const out = (...names: string[]): string => join(cwd, ...names)
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const filesBelow = async (folder: string): Promise<string[]> => {
  const all = await readdir(folder, { recursive: true, withFileTypes: true })
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}
/** File and digest of every original that the account has. */
const wanted = (): string[][] =>
  entries
    .filter(({ object }) => object !== null)
    .map(({ path, object }) => [`originals/${path}`, object ?? ''])
    .sort()
const originalsIn = async (root: string): Promise<string[][]> => {
  const names = (await filesBelow(root)).filter((name) => name.startsWith('originals/'))
  const found = await Promise.all(names.map(async (name) => [name, sha256(await readFile(join(root, name)))]))
  return found.sort()
}
const linesOf = async (path: string): Promise<Record<string, unknown>[]> =>
  (await readFile(path, 'utf8')).split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))

/** Runs something while one object of the vault has other bytes. */
const whileDamaged = async (publicId: string, work: (object: string) => Promise<void>): Promise<void> => {
  const object = entries.find((entry) => entry.publicId === publicId)?.object ?? ''
  const path = join(rig.vault, 'objects', object.slice(0, 2), object)
  const whole = await readFile(path)
  await chmod(path, 0o644)
  await writeFile(path, Buffer.concat([whole.subarray(0, -1), Buffer.from([0])]))
  try {
    await work(object)
  } finally {
    await writeFile(path, whole)
    await chmod(path, 0o444)
  }
}

test('a tree holds every original with its bytes and time, and metadata that need no cloudkeep', async () => {
  const done = await cli('export', '--to', out('tree'), '--json')
  expect(done.exit, done.err + done.out).toBe(0)
  expect(await originalsIn(out('tree'))).toEqual(wanted())
  expect(done.records.at(-1)).toMatchObject({ ok: true, files: wanted().length, leftOut: 0, format: 'tree' })

  const lines = await linesOf(out('tree', 'metadata', 'assets.ndjson'))
  expect(lines.map(({ file: _, leftOut: __, ...entry }) => entry)).toEqual(entries)
  for (const line of lines.filter(({ file }) => file !== null)) {
    const entry = entries.find(({ assetId }) => assetId === line['assetId'])
    const time = Date.parse(entry?.facts.uploadedAt ?? entry?.facts.createdAt ?? '')
    expect(Math.abs((await stat(out('tree', String(line['file'])))).mtimeMs - time)).toBeLessThan(1000)
  }
  expect(Array.isArray(JSON.parse(await readFile(out('tree', 'metadata', 'folders.json'), 'utf8')))).toBe(true)
  expect(JSON.parse(await readFile(out('tree', 'metadata', 'configuration.json'), 'utf8'))).toHaveProperty('parts')
  expect((await readdir(out('tree'))).sort()).toEqual(['README.txt', 'metadata', 'originals'])
})

test('the table has a row for each asset and no cell that a spreadsheet would run', async () => {
  await cli('export', '--to', out('tree'))
  const rows = parseCsv(await readFile(out('tree', 'metadata', 'assets.csv'), 'utf8'))
  expect(rows).toHaveLength(entries.length + 1)
  const column = (rows[0] ?? []).indexOf('public_id')
  expect(
    rows
      .slice(1)
      .map((row) => row[column]?.replace(/^'/u, ''))
      .sort(),
  ).toEqual(entries.map(({ publicId }) => publicId.replace(/^'/u, '')).sort())
  for (const row of rows) for (const each of row) expect(each).not.toMatch(/^[=+\-@]/u)
})

test('the commands of its README find nothing to complain of, and find a changed file', async () => {
  if (spawnSync('jq', ['--version']).error !== undefined) return console.log('jq is not here; the README was not tried')
  await cli('export', '--to', out('tree'))
  const command = /^ {4}(jq .*)$/mu.exec(await readFile(out('tree', 'README.txt'), 'utf8'))?.[1] ?? ''
  const run = () => spawnSync('sh', ['-c', command], { cwd: out('tree'), encoding: 'utf8' })
  expect(run()).toMatchObject({ status: 0, stdout: '' })
  const [name = ''] = wanted()[0] ?? []
  await writeFile(out('tree', name), 'changed')
  expect(run().status).not.toBe(0)
})

test('a bag is complete and valid by the rules of the RFC', async () => {
  const done = await cli('export', '--format', 'bagit', '--to', out('bag'))
  expect(done.exit, done.err).toBe(0)
  expect(await bagFaults(out('bag'))).toEqual([])
  expect(await originalsIn(out('bag', 'data'))).toEqual(wanted())
  const info = await readFile(out('bag', 'bag-info.txt'), 'utf8')
  expect(info).toMatch(/^External-Identifier: cloudkeep:testcloud\//mu)
  // The validator can fail: one byte, one file more, one file less.
  const [name = ''] = wanted()[0] ?? []
  await writeFile(out('bag', 'data', name), 'changed')
  expect(await bagFaults(out('bag'))).not.toEqual([])
  await cli('export', '--format', 'bagit', '--to', out('bag'))
  expect(await bagFaults(out('bag'))).toEqual([])
  await writeFile(out('bag', 'data', 'stray'), '')
  expect(await bagFaults(out('bag'))).toHaveLength(2)
})

test('a zip holds the same as the tree, and strangers can read it', async () => {
  const done = await cli('export', '--to', out('all.zip'))
  expect(done.exit, done.err).toBe(0)
  const file = await readFile(out('all.zip'))
  const read = readZip(fromBuffer(file), file.length)
  const found = read.filter(({ name }) => name.startsWith('originals/')).map((e) => [e.name, sha256(e.bytes())])
  expect(found.sort()).toEqual(wanted())
  for (const entry of read) entry.bytes()
  expect(await readdir(cwd)).toEqual(['all.zip'])
  if (spawnSync('unzip', ['-v']).error === undefined) {
    expect(spawnSync('unzip', ['-tq', out('all.zip')], { encoding: 'utf8' })).toMatchObject({ status: 0 })
  }
  const code = 'import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(z.testzip(), len(z.namelist()))'
  const python = spawnSync('python3', ['-c', code, out('all.zip')], { encoding: 'utf8' })
  if (python.error === undefined) expect(python.stdout).toBe(`None ${read.length}\n`)
})

test('a zip goes to stdout, and nothing but the zip', async () => {
  const pieces: Buffer[] = []
  const stdout = {
    write: (text: string | Uint8Array, done?: (error?: Error | null) => void) => {
      pieces.push(Buffer.from(text))
      done?.()
      return true
    },
  }
  const exit = await runCli(['export', '--format', 'zip', '--to', '-'], COMMANDS, {
    streams: { stdout, stderr: { write: () => true } },
    wishes: { colour: false, dumb: true, unicode: true },
    signal: new AbortController().signal,
    environment: { variables: rig.env, cwd },
  })
  expect(exit).toBe(0)
  const file = Buffer.concat(pieces)
  expect(readZip(fromBuffer(file), file.length).length).toBeGreaterThan(wanted().length)
  expect((await cli('export', '--to', '-')).exit).toBe(2)
  expect((await cli('export', '--format', 'zip', '--to', '-', '--json')).exit).toBe(2)
})

test.each(['tree', 'zip', 'bagit'])(
  'a damaged object is named and left out of a %s, and the metadata say so',
  async (format) => {
    for (const publicId of ['winter', 'large.bin']) {
      await whileDamaged(publicId, async (object) => {
        const target = out(`${publicId}.${format}`)
        const done = await cli('export', '--format', format, '--to', target, '--json')
        expect(done.exit).toBe(3)
        const told = done.records.filter(({ type }) => type === 'left-out')
        expect(told).toEqual([expect.objectContaining({ code: 'object-corrupt', publicId, object })])
        const text = async (name: string): Promise<string> => {
          if (format === 'tree') return readFile(join(target, name), 'utf8')
          if (format === 'bagit') return readFile(join(target, 'data', name), 'utf8')
          const file = await readFile(target)
          const found = readZip(fromBuffer(file), file.length)
          expect(found.map((entry) => entry.name)).not.toContain(told[0]?.['file'])
          return String(found.find((entry) => entry.name === name)?.bytes())
        }
        expect(await text('metadata/left-out.ndjson')).toContain(object)
        const line = (await text('metadata/assets.ndjson')).split('\n').find((each) => each.includes(`"${object}"`))
        expect(JSON.parse(line ?? '')).toMatchObject({ file: null, leftOut: expect.stringContaining('damaged') })
        if (format === 'bagit') expect(await bagFaults(target)).toEqual([])
      })
    }
  },
)

test('what was damaged is put in by the same export once it is whole again', async () => {
  await whileDamaged('winter', async () => {
    expect((await cli('export', '--format', 'bagit', '--to', out('bag'))).exit).toBe(3)
  })
  const done = await cli('export', '--format', 'bagit', '--to', out('bag'), '--json')
  expect(done.exit).toBe(0)
  expect(done.records.at(-1)).toMatchObject({ files: wanted().length, there: wanted().length - 1 })
  expect(await bagFaults(out('bag'))).toEqual([])
})

test('folder, tag, moment and names choose; the rest of the account stays out', async () => {
  const chosen = async (name: string, ...argv: string[]): Promise<string[]> => {
    const done = await cli('export', '--to', out(name), ...argv, '--json')
    expect(done.exit, done.out).toBe(0)
    expect((await readdir(out(name, 'metadata'))).sort()).toEqual(['assets.csv', 'assets.ndjson', 'export.json'])
    return (await originalsIn(out(name))).map(([path]) => path ?? '')
  }
  expect(await chosen('folder', '--folder', 'summer')).toHaveLength(2)
  expect(await chosen('tag', '--tag', 'sale')).toHaveLength(2)
  expect(await chosen('then', '--tag', 'sale', '--at', first)).toHaveLength(1)
  expect(await chosen('names', 'winter', 'summer/one')).toHaveLength(2)
})

test('a folder with something else in it, or another export, is left alone', async () => {
  await mkdir(out('mine'))
  await writeFile(out('mine', 'holiday.txt'), 'mine')
  for (const format of ['tree', 'bagit']) {
    const done = await cli('export', '--format', format, '--to', out('mine'), '--json')
    expect(done.records.at(-1)).toMatchObject({ ok: false, error: { code: 'TARGET_EXISTS' } })
  }
  expect(await readdir(out('mine'))).toEqual(['holiday.txt'])
  await cli('export', '--to', out('one'), '--tag', 'sale')
  const other = await cli('export', '--to', out('one'), '--json')
  expect(other.records.at(-1)).toMatchObject({ error: { code: 'TARGET_EXISTS' } })
  for (const name of ['a.zip', 'a.zip.part']) {
    await writeFile(out(name), 'mine')
    const done = await cli('export', '--to', out('a.zip'), '--json')
    expect(done.records.at(-1)).toMatchObject({ error: { code: 'TARGET_EXISTS' } })
    expect(await readFile(out(name), 'utf8')).toBe('mine')
    await rm(out(name))
  }
})

test('an interrupted export says so by its name, and the same command completes it', async () => {
  const stop = new AbortController()
  const silent = {
    write: (_: string | Uint8Array, done?: (error?: Error | null) => void) => {
      done?.()
      return true
    },
  }
  // The signal comes when more files are there than can be under way at a time.
  const watch = setInterval(async () => {
    const there = await filesBelow(out('tree')).catch(() => [])
    if (there.length > 40) stop.abort()
  }, 1)
  const exit = await runCli(['export', '--to', out('tree'), '--json'], COMMANDS, {
    streams: { stdout: silent, stderr: silent },
    wishes: { colour: false, dumb: true, unicode: true },
    signal: stop.signal,
    environment: { variables: rig.env, cwd },
  })
  clearInterval(watch)
  expect(exit).toBe(130)
  expect(await readdir(out('tree'))).toContain('EXPORT-UNFINISHED.part')
  // Cut a finished file, as a crash might have left it.
  const [half = ''] = (await filesBelow(out('tree'))).filter((name) => name.startsWith('originals/'))
  await writeFile(out('tree', half), 'half')
  const done = await cli('export', '--to', out('tree'), '--json')
  expect(done.exit).toBe(0)
  expect(Number(done.records.at(-1)?.['there'])).toBeGreaterThan(3)
  expect(await originalsIn(out('tree'))).toEqual(wanted())
  expect(await readdir(out('tree'))).not.toContain('EXPORT-UNFINISHED.part')
})

test('links planted in the folder lead nowhere', async () => {
  await cli('export', '--to', out('tree'), '--folder', 'summer')
  await mkdir(out('outside'))
  await rm(out('tree', 'originals', 'summer', 'deep'), { recursive: true })
  await symlink(out('outside'), out('tree', 'originals', 'summer', 'deep'))
  const through = await cli('export', '--to', out('tree'), '--folder', 'summer', '--json')
  expect(through.records.at(-1)).toMatchObject({ ok: false, error: { code: 'STORE_REFUSED' } })
  expect(await readdir(out('outside'))).toEqual([])
  await rm(out('tree', 'originals', 'summer', 'deep'))
  const [name = ''] = (await filesBelow(out('tree'))).filter((each) => each.includes('one'))
  await writeFile(out('outside', 'victim'), 'precious')
  await rm(out('tree', name))
  await symlink(out('outside', 'victim'), out('tree', name))
  expect((await cli('export', '--to', out('tree'), '--folder', 'summer')).exit).toBe(0)
  expect(await readFile(out('outside', 'victim'), 'utf8')).toBe('precious')
  expect((await lstat(out('tree', name))).isFile()).toBe(true)
})

/** RFC 4180, no more. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  const pattern = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/gu
  let row: string[] = []
  for (const [, cell = '', end] of text.matchAll(pattern)) {
    row.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)
    if (end === ',') continue
    rows.push(row)
    row = []
  }
  return rows
}

test('what was purged is left out on purpose: no error, no file, and nothing of it but its name', async () => {
  const own = await createRig()
  try {
    for (const name of ['kept', 'purged']) {
      makeAsset(own.cloud, { publicId: name, tags: ['private matter'], bytes: Buffer.from(`bytes of ${name}`) })
    }
    await own.backup()
    const { entries: all } = await readNewest(own.vault, 'testcloud')
    const purged = all.find((entry) => entry.publicId === 'purged')
    if (purged === undefined) throw new Error('it was not kept')
    const { assetId, version, publicId, object } = purged
    const at = '2026-11-01T00:00:00.000Z'
    const record = { format: 1, id: 'p1', cloud: 'testcloud', at, reason: 'asked to', tool: 'test' }
    const versions = [{ assetId, version, publicId, object, objectRemoved: true }]
    const context = own.context()
    const vault = await context.vault()
    const value = { ...record, alsoAtCloudinary: false, versions }
    await vault.writeRecord({ kind: 'purges', cloud: 'testcloud' }, { id: 'p1', at, value })
    await rm(join(own.vault, 'objects', String(object).slice(0, 2), String(object)))
    const argv = ['export', '--to', out('tree'), '--json']
    const done = await commandLine(argv, { variables: own.env, cwd })
    expect(done.exit, done.out).toBe(0)
    expect(done.records.at(-1)).toMatchObject({ files: 1, leftOut: 1, damaged: 0 })
    expect((await originalsIn(out('tree'))).map(([path]) => path)).toHaveLength(1)
    const line = (await linesOf(out('tree', 'metadata', 'assets.ndjson'))).find((each) => each['publicId'] === 'purged')
    expect(JSON.stringify(line)).not.toContain('private matter')
    expect(await readFile(out('tree', 'metadata', 'assets.csv'), 'utf8')).toMatch(/private matter/u)
    expect((await readFile(out('tree', 'metadata', 'assets.csv'), 'utf8')).match(/private matter/gu)).toHaveLength(1)
  } finally {
    await own.close()
  }
})

test('a list of assets that cannot be read is named, and is no success', async () => {
  const { snapshot } = await readNewest(rig.vault, 'testcloud')
  const object = snapshot.segments[0]?.object ?? ''
  const path = join(rig.vault, 'objects', object.slice(0, 2), object)
  const good = await readFile(path)
  await chmod(path, 0o600)
  await writeFile(path, 'no list')
  try {
    const done = await cli('export', '--to', out('tree'), '--json')
    expect(done.exit, done.err).toBe(3)
    expect(done.records).toContainEqual(expect.objectContaining({ type: 'left-out', code: 'object-unreadable' }))
    const named = await readFile(out('tree', 'metadata', 'left-out.ndjson'), 'utf8')
    expect(named).toMatch(/a list of \d+ assets in the snapshot of/u)
  } finally {
    await writeFile(path, good)
  }
})
