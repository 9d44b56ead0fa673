import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { commandLine } from './command-line.ts'

const vectors = fileURLToPath(new URL('./vectors', import.meta.url))
const names = (await readdir(vectors, { withFileTypes: true })).filter((e) => e.isDirectory()).map((e) => e.name)

test.each(names)('the vault %s, made by an earlier Cloudkeep, opens and gives everything out', async (name) => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-vector-'))
  try {
    const vault = join(folder, 'vault')
    await cp(join(vectors, name), vault, { recursive: true })
    const expected = JSON.parse(await readFile(join(vectors, `${name}.json`), 'utf8')) as Record<string, string>[]
    const key = join(vectors, `${name}.key`)
    const variables = {
      CLOUDKEEP_VAULT: vault,
      CLOUDKEEP_CACHE: join(folder, 'cache'),
      ...(existsSync(key) ? { CLOUDKEEP_IDENTITY_FILE: key } : {}),
    }
    const cli = (...argv: string[]) => commandLine(argv, { variables, cwd: folder })
    const verified = await cli('verify', '--read', 'all')
    expect(verified.exit, verified.err).toBe(0)
    for (const [n, { asset, content }] of expected.entries()) {
      const file = join(folder, `file${n}`)
      const got = await cli('get', '-o', file, '--', asset ?? '')
      expect(got.exit, got.err).toBe(0)
      expect(await readFile(file, 'utf8')).toBe(content)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
