import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileName } from './commands/get.ts'
import { writeVerified } from './verified-write.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloudkeep-get-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bytes = Buffer.from('the bytes of an asset')
const digest = createHash('sha256').update(bytes).digest('hex')
const signal = new AbortController().signal
const body = (content: Uint8Array, size = bytes.length) => ({
  digest,
  size,
  bytes: (async function* () {
    yield content.subarray(0, 5)
    yield content.subarray(5)
  })(),
})
const options = { force: false, mtime: 1_600_000_000_000, signal }

describe('getting bytes back', () => {
  it('writes a file that is whole, right, and of the asset’s time', async () => {
    await writeVerified(join(folder, 'a.jpg'), body(bytes), options)
    expect(readFileSync(join(folder, 'a.jpg'))).toEqual(bytes)
    expect(statSync(join(folder, 'a.jpg')).mtimeMs).toBe(1_600_000_000_000)
    expect(readdirSync(folder)).toEqual(['a.jpg'])
  })

  it.each([
    ['another byte', Buffer.from('The bytes of an asset')],
    ['a short body', bytes.subarray(0, 10)],
    ['a long body', Buffer.concat([bytes, bytes])],
  ])('leaves nothing behind after %s', async (_, wrong) => {
    await expect(writeVerified(join(folder, 'a.jpg'), body(wrong), options)).rejects.toMatchObject({
      code: 'OBJECT_CORRUPT',
    })
    expect(readdirSync(folder)).toEqual([])
  })

  it('does not replace a file unless told to', async () => {
    const target = join(folder, 'a.jpg')
    writeFileSync(target, 'mine')
    await expect(writeVerified(target, body(bytes), options)).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
    expect(readFileSync(target, 'utf8')).toBe('mine')
    await writeVerified(target, body(bytes), { ...options, force: true })
    expect(readFileSync(target)).toEqual(bytes)
    expect(readdirSync(folder)).toEqual(['a.jpg'])
  })

  it('keeps the old file when a forced write turns out to be damaged', async () => {
    const target = join(folder, 'a.jpg')
    writeFileSync(target, 'mine')
    const wrong = body(Buffer.from('The bytes of an asset'))
    await expect(writeVerified(target, wrong, { ...options, force: true })).rejects.toMatchObject({
      code: 'OBJECT_CORRUPT',
    })
    expect(readFileSync(target, 'utf8')).toBe('mine')
  })

  it('does not follow a link planted under the name', async () => {
    const elsewhere = join(folder, 'elsewhere')
    writeFileSync(elsewhere, 'mine')
    symlinkSync(elsewhere, join(folder, 'a.jpg'))
    await expect(writeVerified(join(folder, 'a.jpg'), body(bytes), options)).rejects.toMatchObject({
      code: 'TARGET_EXISTS',
    })
    symlinkSync(join(folder, 'nowhere'), join(folder, 'b.jpg'))
    await expect(writeVerified(join(folder, 'b.jpg'), body(bytes), options)).rejects.toMatchObject({
      code: 'TARGET_EXISTS',
    })
    await writeVerified(join(folder, 'a.jpg'), body(bytes), { ...options, force: true })
    expect(readFileSync(elsewhere, 'utf8')).toBe('mine')
  })

  it('lets one of two writers win, never a mixture', async () => {
    const target = join(folder, 'a.jpg')
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => writeVerified(target, body(bytes), options)))
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
    expect(readFileSync(target)).toEqual(bytes)
    expect(readdirSync(folder)).toEqual(['a.jpg'])
  })

  it('says which folder is missing', async () => {
    await expect(writeVerified(join(folder, 'no/a.jpg'), body(bytes), options)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      message: expect.stringContaining(join(folder, 'no')),
    })
  })
})

describe('the name of a file that nobody named', () => {
  const assetId = 'ab'.repeat(16)
  it.each([
    ['shop/Chair.jpg', 'Chair.jpg'],
    [null, assetId],
    ['shop/..', assetId],
    ['..', assetId],
    ['x/..\\..\\evil.exe', assetId],
    ['x/C:evil', assetId],
    ['x/a\u001b[2Jb', assetId],
    ['x/', assetId],
  ])('for %j is %s', (path, name) => expect(fileName({ path, assetId })).toBe(name))
})
