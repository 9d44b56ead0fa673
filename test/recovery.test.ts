import { spawnSync } from 'node:child_process'
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sha256Hex } from '../src/lib/hash.ts'
import type { Entry } from '../src/model/entry.ts'
import { encodeEntry } from '../src/model/entry.ts'
import { encodeHistoryLine } from '../src/model/history.ts'
import { libraryPath, withSuffix } from '../src/model/library-path.ts'
import { memoryBody } from '../src/vault/body.ts'
import { createVault } from '../src/vault/create.ts'
import { openVault } from '../src/vault/open.ts'
import { openFsStore } from '../src/vault/stores/fs.ts'
import type { Vault } from '../src/vault/vault.ts'
import { objectKey } from '../src/vault/vault.ts'
import { sampleEntry, sampleSnapshot } from './samples/manifest.ts'

const missing = ['jq', 'gzip', 'sha256sum'].filter((tool) => spawnSync(tool, ['--version']).status !== 0)
if (missing.length > 0) console.warn(`recovery is not tested: ${missing.join(', ')} absent`)

const NAMES = [
  'plain',
  'folder/with space/ leading',
  `it's "quoted" and $HOME and \`date\``,
  'two\nlines\tand a tab',
  'ünïcödé/漢字/emoji 😀',
  "'; touch /tmp/evil; '",
  '-rf',
  '*',
  '../../escape',
  'back\\slash',
  'con',
  'trailing. ',
  '%41 & 100%',
  'x'.repeat(250),
]

/** The commands of the README, a block each, as somebody would paste them. */
const blocksOf = (readme: string): string[] => {
  const blocks: string[] = []
  let inside = false
  for (const line of readme.split('\n')) {
    const isCommand: boolean = inside ? line.startsWith('    ') : /^ {4}\S/.test(line)
    if (isCommand) blocks.push(`${inside ? `${blocks.pop()}\n` : ''}${line.slice(4)}`)
    inside = isCommand
  }
  return blocks
}

const treeOf = async (folder: string): Promise<Map<string, string>> => {
  const files = new Map<string, string>()
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.set(relative(folder, path), await readFile(path, 'utf8'))
  }
  return files
}

const quoted = (name: string): string => `'${name.replaceAll("'", `'\\''`)}'`

describe.skipIf(missing.length > 0)('with the README alone', () => {
  let folder: string
  let vault: Vault
  let blocks: string[]
  let entries: Entry[]
  const contents = new Map<string, string>()
  let copy: string

  const keep = async (index: number, name: string): Promise<Entry> => {
    const assetId = `${'af'[index % 2]}${sha256Hex(name).slice(1, 32)}`
    const bytes = Buffer.from(`the bytes of ${name}`)
    const object = sha256Hex(bytes)
    await vault.putObject(object, memoryBody(bytes))
    const facts = { ...sampleEntry().facts, assetId, publicId: name, displayName: null, folder: null }
    const path = index === 0 ? null : withSuffix(libraryPath(facts, 'fixed'), assetId)
    contents.set(path ?? assetId, bytes.toString())
    return sampleEntry({ assetId, publicId: name, facts, object, size: bytes.length, path })
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloudkeep-recovery-'))
    const root = join(folder, 'vault')
    vault = await createVault(await openFsStore(root), { now: new Date(0), id: 'v1', tool: 'cloudkeep test' })
    entries = []
    for (const [index, name] of NAMES.entries()) entries.push(await keep(index, name))
    entries.push(
      sampleEntry({
        assetId: 'ffffffffffffffffffffffffffffffff',
        type: 'fetch',
        publicId: 'https://example.com/a.jpg',
      }),
    )
    entries.sort((a, b) => (a.assetId < b.assetId ? -1 : 1))
    const segments = []
    for (const prefix of 'af') {
      const lines = entries.filter((entry) => entry.assetId.startsWith(prefix)).map(encodeEntry)
      const put = await vault.putLines(lines)
      segments.push({ prefix, object: put.object, size: put.size, entries: put.lines, contentBytes: 0 })
    }
    const folders = await vault.putLines(['{"path":"a"}'])
    const configuration = await vault.putLines(['{"parts":{}}'])
    await vault.writeSnapshot(
      sampleSnapshot({ id: '01', takenAt: '2026-11-20T00:00:00.000Z', complete: false, partialReasons: ['guard'] }),
    )
    await vault.writeSnapshot(
      sampleSnapshot({
        prefixLength: 1,
        segments,
        assets: entries.length,
        folders: folders.object,
        configuration: configuration.object,
      }),
    )
    blocks = blocksOf(await readFile(join(root, 'README.txt'), 'utf8'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  beforeEach(async () => {
    copy = await mkdtemp(join(folder, 'copy-'))
    await cp(join(folder, 'vault'), copy, { recursive: true })
  })

  const block = (part: string): string => {
    const found = blocks.filter((text) => text.includes(part))
    expect(found).toHaveLength(1)
    return found[0] ?? ''
  }
  const run = (...commands: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync('sh', ['-c', commands.join('\n')], { cwd: copy, encoding: 'utf8' })
  const chosen = (): string[] => [block('SNAPSHOT=$s'), block('entries() {')]

  it('the objects can be checked, and a damaged one is named', async () => {
    expect(run(block('sha256sum'))).toEqual(expect.objectContaining({ status: 0, stdout: '', stderr: '' }))
    const [victim] = entries.filter((entry) => entry.object !== null)
    const path = join(copy, objectKey(victim?.object ?? ''))
    await chmod(path, 0o644)
    await writeFile(path, 'damaged')
    const { status, stdout } = run(block('sha256sum'))
    expect(status).not.toBe(0)
    expect(stdout).toBe(`${objectKey(victim?.object ?? '')}: FAILED\n`)
  })

  it('the snapshots can be listed', () => {
    const { stdout, stderr } = run(block('input_filename'))
    expect(stderr).toBe('')
    expect(stdout).toBe(
      'accounts/acme/snapshots/2026-11-20T00-00-00.000Z-01.json\t2026-11-20T00:00:00.000Z\t0\t0\tpartial\n' +
        `accounts/acme/snapshots/2026-11-22T06-31-02.123Z-a1b2c3d4e5f60718.json\t2026-11-22T06:31:02.123Z\t${entries.length}\t0\tcomplete\n`,
    )
  })

  it('the assets of a snapshot can be listed, one a line whatever they are called', () => {
    const { stdout, stderr } = run(...chosen(), block('.path // "-"'))
    expect(stderr).toBe('')
    const lines = stdout.trimEnd().split('\n').slice(1)
    expect(lines).toHaveLength(entries.length)
    expect(lines.map((line) => line.split('\t')[0])).toEqual(entries.map((entry) => entry.assetId))
    expect(stdout).toContain('two\\nlines\\tand a tab')
  })

  it.each(NAMES)('the one asset %j can be restored', async (name) => {
    const one = block('ASSET=').replace("'write the name here'", quoted(name))
    const { stderr } = run(...chosen(), block('restore() {'), one)
    expect(stderr).toBe('')
    expect([...(await treeOf(join(copy, 'restored'))).values()]).toEqual([`the bytes of ${name}`])
  })

  it('the whole snapshot can be restored, twice over, and everything has its name and its bytes', async () => {
    const steps = [...chosen(), block('restore() {'), 'entries | restore']
    expect(blocks).toContain('entries | restore')
    for (const _ of [1, 2]) expect(run(...steps).stderr).toBe('')
    expect(await treeOf(join(copy, 'restored'))).toEqual(contents)
    expect(contents.size).toBe(NAMES.length)
  })

  it('no path in a vault makes the commands write anywhere else', async () => {
    const evil = ['../evil', '/evil', 'a/../../evil', '.', '', 'a\nobjects/evil'].map((path, index) =>
      JSON.stringify({ ...entries.find((entry) => entry.object !== null), assetId: `safe${index}`, path }),
    )
    await writeFile(join(copy, 'evil.jsonl'), evil.join('\n'))
    expect(run(block('restore() {'), 'restore < evil.jsonl').stderr).toBe('')
    expect((await readdir(join(copy, 'restored'))).sort()).toEqual([
      'safe0',
      'safe1',
      'safe2',
      'safe3',
      'safe4',
      'safe5',
    ])
  })

  it('versions that no snapshot lists can be listed and restored, each under a name of its own', async () => {
    const here = await openVault(await openFsStore(copy))
    const lines: string[] = []
    const wanted = new Map<string, string>()
    for (const [index, version] of ['1111111111111111', '2222222222222222', '3333333333333333'].entries()) {
      const bytes = Buffer.from(`older ${index}`)
      const object = sha256Hex(bytes)
      await here.putObject(object, memoryBody(bytes))
      const { facts } = sampleEntry()
      const entry = sampleEntry({
        version,
        object,
        size: bytes.length,
        path: index === 0 ? null : 'one/and the same.jpg',
        facts: { ...facts, format: index === 2 ? '../../evil' : 'jpg' },
      })
      const since = '2025-01-01T00:00:00.000Z'
      const history = { since, until: null, reason: "Cloudinary's backup", keepUntil: null, versionId: null }
      lines.push(encodeHistoryLine({ entry, ...history }))
      wanted.set(index === 2 ? entry.assetId : `${entry.assetId}-${version}.jpg`, bytes.toString())
    }
    const { object } = await here.putLines(lines)
    const at = '2026-11-22T07:00:00.000Z'
    await here.writeRecord({ kind: 'history', cloud: 'acme' }, { id: 'h1', at, value: { format: 1, lines: object } })
    const listed = run(block('older() {'), block('.history.since'))
    expect(listed.stderr).toBe('')
    expect(listed.stdout.trimEnd().split('\n')).toHaveLength(3)
    expect(listed.stdout).toContain('1111111111111111\t')
    const restored = run(block('restore() {'), block('older() {'), block('older | jq -c'))
    expect(restored.stderr).toBe('')
    expect(await treeOf(join(copy, 'restored'))).toEqual(wanted)
  })

  it('what was removed on purpose is told, and keeps nothing else from being restored', async () => {
    const here = await openVault(await openFsStore(copy))
    const victim = entries.find((entry) => entry.publicId === 'plain')
    const object = victim?.object ?? ''
    await rm(join(copy, objectKey(object)))
    const version = { assetId: victim?.assetId ?? '', version: 'v', publicId: 'plain', object, objectRemoved: true }
    const at = '2026-11-22T07:00:00.000Z'
    const value = {
      format: 1,
      id: 'p1',
      cloud: 'acme',
      at,
      reason: 'asked for',
      versions: [{ ...version, derived: [] }],
    }
    await here.writeRecord({ kind: 'purges', cloud: 'acme' }, { id: 'p1', at, value })
    expect(run(block('$all.reason'))).toMatchObject({
      status: 0,
      stderr: '',
      stdout: `${at}\tplain\tv\t${object}\tasked for\n`,
    })
    const { stderr } = run(...chosen(), block('restore() {'), 'entries | restore')
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(object)])
    expect((await treeOf(join(copy, 'restored'))).size).toBe(contents.size - 1)
  })

  it('a snapshot that was taken before a restore says so', async () => {
    const here = await openVault(await openFsStore(copy))
    await here.writeSnapshot(
      sampleSnapshot({ id: '03', takenAt: '2026-11-23T00:00:00.000Z', purpose: 'before-restore' }),
    )
    expect(run(block('input_filename')).stdout.split('\n')[2]).toMatch(/\tcomplete, before-restore$/)
  })

  it('every command of the README runs, in its order', async () => {
    const { status, stderr } = run('set -e', ...blocks)
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(await readFile(join(copy, 'folders.jsonl'), 'utf8')).toBe('{"path":"a"}\n')
    expect(await readFile(join(copy, 'configuration.jsonl'), 'utf8')).toBe('{"parts":{}}\n')
    const lines = (await readFile(join(copy, 'assets.jsonl'), 'utf8')).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(entries)
  })
})
