import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHashPool, type HashPool } from './hash-pool.ts'

let folder: string
let pool: HashPool
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-pool-'))
  pool = createHashPool(2)
})
afterEach(async () => {
  await pool.close()
  await rm(folder, { recursive: true })
})

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('files of every length are hashed in the order of the batch, many batches at a time', async () => {
  const lengths = [0, 1, 4095, 1 << 20, (1 << 20) + 1, 3_000_000]
  const files = await Promise.all(
    lengths.map(async (length) => {
      const bytes = randomBytes(length)
      const path = join(folder, String(length))
      await writeFile(path, bytes)
      return { path, sha256: sha256(bytes), size: length }
    }),
  )
  const batches = Array.from({ length: 10 }, (_, n) => [...files.slice(n % 6), ...files.slice(0, n % 6)])
  const answers = await Promise.all(batches.map((batch) => pool.hash(batch.map(({ path }) => path))))
  expect(answers).toEqual(batches.map((batch) => batch.map(({ sha256, size }) => ({ sha256, size }))))
  expect(pool.bytes).toBe(10 * lengths.reduce((sum, length) => sum + length, 0))
})

test('what cannot be read answers with its errno and costs the others nothing', async () => {
  await writeFile(join(folder, 'there'), 'x')
  const answers = await pool.hash([join(folder, 'absent'), folder, join(folder, 'there')])
  expect(answers).toMatchObject([{ code: 'ENOENT' }, { code: 'EISDIR' }, { size: 1 }])
})

test('a halt ends a file that would take long', async () => {
  const huge = join(folder, 'huge')
  await writeFile(huge, '')
  await truncate(huge, 200 * 2 ** 30)
  const answer = pool.hash([huge, huge])
  while (pool.bytes === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  pool.halt()
  expect(await answer).toMatchObject([{ code: 'HALTED' }, { code: 'HALTED' }])
})
