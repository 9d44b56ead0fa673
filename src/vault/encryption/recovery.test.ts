import { spawnSync } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sampleEntry, sampleSnapshot } from '../../../test/samples/manifest.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { encodeEntry } from '../../model/entry.ts'
import { memoryBody, textBody } from '../body.ts'
import { createVault } from '../create.ts'
import { openVault } from '../open.ts'
import { ENCRYPTED_README_TEXT, README_TEXT } from '../readme.ts'
import { openFsStore } from '../stores/fs.ts'
import type { Vault } from '../vault.ts'
import { generateIdentity, recipientOf } from './age/x25519.ts'
import { encryptedStore } from './encrypted-store.ts'
import { createKeys } from './keys.ts'

const missing = ['age', 'jq', 'gzip', 'sha256sum'].filter((tool) => spawnSync(tool, ['--version']).status !== 0)
if (missing.length > 0) console.warn(`recovery of encrypted vaults is not tested: ${missing.join(', ')} absent`)

/** Lines indented by four spaces, a block each, as somebody would paste them. */
const blocksOf = (text: string): string[] => {
  const blocks: string[] = []
  let isInside = false
  for (const line of text.split('\n')) {
    const isCommand: boolean = isInside ? line.startsWith('    ') : /^ {4}\S/.test(line)
    if (isCommand) blocks.push(`${isInside ? `${blocks.pop()}\n` : ''}${line.slice(4)}`)
    isInside = isCommand
  }
  return blocks
}

/** The blocks of a Markdown document that are marked as shell. */
const shellOf = (text: string): string[] =>
  [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')

const PICTURES = ['a small picture', 'x'.repeat(200_000), '']

describe.skipIf(missing.length > 0)('with age and the words in the vault alone', () => {
  const identity = generateIdentity()
  let folder: string
  let copy: string

  const keep = async (vault: Vault, index: number, text: string): Promise<string> => {
    const object = sha256Hex(text)
    await vault.putObject(object, memoryBody(Buffer.from(text)))
    const entry = sampleEntry({
      assetId: `${index}`.repeat(32),
      object,
      size: text.length,
      path: `folder/${index}.jpg`,
    })
    return encodeEntry(entry)
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloudkeep-recovery-'))
    const place = await openFsStore(join(folder, 'vault'))
    const keys = await createKeys({
      vaultId: 'v1',
      owners: [recipientOf(identity), recipientOf(generateIdentity())],
      passphrases: ['some words nobody has'],
      workFactor: 10,
    })
    await createVault(place, { now: new Date(0), id: 'v1', tool: 'cloudkeep test', keys })
    const vault = await openVault(encryptedStore(place, { writer: keys.writer, identities: [] }))
    const lines = await Promise.all(PICTURES.map((text, index) => keep(vault, index, text)))
    const put = await vault.putLines(lines)
    const segment = { prefix: '', object: put.object, size: put.size, entries: put.lines, contentBytes: 0 }
    await vault.writeSnapshot(
      sampleSnapshot({ segments: [segment], assets: lines.length, folders: null, configuration: null }),
    )
    await vault.store.put('proofs/2026-11-22T07-00-00.000Z-p1.json', textBody('{"format":1}'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  beforeEach(async () => {
    copy = await mkdtemp(join(folder, 'copy-'))
    await cp(join(folder, 'vault'), copy, { recursive: true })
    await writeFile(join(copy, 'identity.txt'), `# mine\n${identity}\n`)
  })

  const run = (commands: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync('sh', ['-c', commands.join('\n')], { cwd: copy, encoding: 'utf8' })
  const contentsOf = async (part: string): Promise<Map<string, string>> => {
    const files = new Map<string, string>()
    for (const entry of await readdir(join(copy, part), { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile()) files.set(relative(join(copy, part), path), await readFile(path, 'utf8'))
    }
    return files
  }
  const restored = new Map(PICTURES.map((text, index) => [join('folder', `${index}.jpg`), text]))

  it('the README that lies there is the one for encrypted vaults, and has the steps of the other one', async () => {
    const text = await readFile(join(copy, 'README.txt'), 'utf8')
    expect(text).toBe(ENCRYPTED_README_TEXT)
    expect(text.split('\n')[0]).toBe(README_TEXT.split('\n')[0])
    expect(blocksOf(text).slice(-blocksOf(README_TEXT).length)).toEqual(blocksOf(README_TEXT))
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(124)
  })

  it('every command of the README runs, in its order, and brings everything back', async () => {
    const { status, stdout, stderr } = run(['set -e', ...blocksOf(await readFile(join(copy, 'README.txt'), 'utf8'))])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout.split('\n')[0]).toBe('1')
    expect(await contentsOf('plain/restored')).toEqual(restored)
  })

  it('what it makes is an ordinary vault', async () => {
    run(blocksOf(ENCRYPTED_README_TEXT).slice(0, 3))
    const vault = await openVault(await openFsStore(join(copy, 'plain')))
    expect(vault.identity).toMatchObject({ id: 'v1' })
    const [key = ''] = await vault.snapshotKeys('acme')
    const { snapshot } = await vault.readSnapshot(key)
    expect(snapshot.assets).toBe(PICTURES.length)
    expect(await vault.recordKeys({ kind: 'proofs' })).toHaveLength(1)
  })

  it('a damaged file is named, and the others come back', async () => {
    const [victim = ''] = [...(await contentsOf('objects')).keys()].filter((name) => name.endsWith('.age'))
    const path = join(copy, 'objects', victim)
    const bytes = await readFile(path)
    await rm(path)
    await writeFile(path, bytes.subarray(0, -1))
    const { stdout } = run(blocksOf(ENCRYPTED_README_TEXT).slice(0, 3))
    expect(stdout).toContain(`damaged: objects/${victim}`)
    expect((await contentsOf('plain/objects')).size).toBe(PICTURES.length)
  })

  it('every command of docs/encryption.md runs, in its order, and brings everything back', async () => {
    const text = await readFile(new URL('../../../docs/encryption.md', import.meta.url), 'utf8')
    const blocks = shellOf(text.slice(text.indexOf('## Recovery without Cloudkeep')))
    expect(blocks.length).toBeGreaterThan(3)
    const { status, stderr } = run(['set -e', ...blocks])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(await contentsOf('out')).toEqual(restored)
  })
})
