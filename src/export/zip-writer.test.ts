import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { fromBuffer, readZip } from '../../test/zip-reader.ts'
import { createZipWriter } from './zip-writer.ts'

const has = (program: string): boolean => spawnSync(program, ['--help']).error === undefined

const NAMES = ['plain.txt', 'ordner/Grüße 日本 🎉.txt', "it's % & more.txt", `${'deep/'.repeat(40)}end`, 'empty']
const TIME = Date.UTC(2024, 1, 29, 13, 37, 43)

const made = async (): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  const zip = createZipWriter(async (bytes) => void pieces.push(Buffer.from(bytes)))
  for (const name of NAMES) {
    const bytes = name === 'empty' ? Buffer.alloc(0) : Buffer.from(`bytes of ${name} `.repeat(1000))
    const half = bytes.length >> 1
    const announced = { crc: crc32(bytes), size: bytes.length }
    await zip.stored(name, TIME, announced, [bytes.subarray(0, half), bytes.subarray(half)])
    await zip.deflated(`packed/${name}`, TIME, [bytes.subarray(0, half), bytes.subarray(half)])
  }
  await zip.end()
  return Buffer.concat(pieces)
}

it('a strict reader finds every entry with its bytes and its time', async () => {
  const file = await made()
  const entries = readZip(fromBuffer(file), file.length)
  expect(entries.map(({ name }) => name)).toEqual(NAMES.flatMap((name) => [name, `packed/${name}`]))
  for (const entry of entries) {
    expect(entry.mtime).toBe(TIME)
    const name = entry.name.replace('packed/', '')
    expect(entry.bytes().toString()).toBe(name === 'empty' ? '' : `bytes of ${name} `.repeat(1000))
  }
})

it('an empty zip file is one', async () => {
  const pieces: Uint8Array[] = []
  await createZipWriter(async (bytes) => void pieces.push(bytes)).end()
  const file = Buffer.concat(pieces)
  expect(readZip(fromBuffer(file), file.length)).toEqual([])
})

it.skipIf(!has('unzip'))('unzip tests it and finds no fault', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-zip-'))
  try {
    await writeFile(join(folder, 'made.zip'), await made())
    const { status, stdout, stderr } = spawnSync('unzip', ['-t', 'made.zip'], { cwd: folder, encoding: 'utf8' })
    expect(`${status} ${stderr}`).toBe('0 ')
    expect(stdout).toContain('No errors detected')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

it('bytes that are not what was announced are noticed', async () => {
  const zip = createZipWriter(async () => undefined)
  const announced = { crc: crc32('right'), size: 5 }
  await expect(zip.stored('a', TIME, announced, [Buffer.from('wrong')])).rejects.toMatchObject({
    code: 'OBJECT_CORRUPT',
  })
  await expect(zip.stored('b', TIME, announced, [Buffer.from('righ')])).rejects.toMatchObject({
    code: 'OBJECT_CORRUPT',
  })
})

it('an error of the source or of the sink is the error', async () => {
  async function* broken(): AsyncIterable<Uint8Array> {
    yield Buffer.from('some')
    throw new Error('no more')
  }
  const zip = createZipWriter(async () => undefined)
  await expect(zip.deflated('a', TIME, broken())).rejects.toThrow('no more')
  const full = createZipWriter(async () => {
    throw new Error('full')
  })
  await expect(
    full.deflated('a', TIME, [
      crypto.getRandomValues(new Uint8Array(60_000)),
      ...Array.from({ length: 20 }, () => crypto.getRandomValues(new Uint8Array(60_000))),
    ]),
  ).rejects.toThrow('full')
})

it('metadata are packed, and media are not', async () => {
  const text = Buffer.alloc(100_000, 'the same again ')
  const pieces: Uint8Array[] = []
  const zip = createZipWriter(async (bytes) => void pieces.push(bytes))
  await zip.deflated('packed', TIME, [text])
  const packed = pieces.reduce((sum, piece) => sum + piece.length, 0)
  expect(packed).toBeLessThan(2000)
  await zip.stored('stored', TIME, { crc: crc32(text), size: text.length }, [text])
  await zip.end()
  expect(Buffer.concat(pieces).includes(text)).toBe(true)
})

it('times before and after what the format can say break nothing', async () => {
  const pieces: Uint8Array[] = []
  const zip = createZipWriter(async (bytes) => void pieces.push(bytes))
  const times = [0, -1000, Date.UTC(2037, 0, 1), Date.UTC(2150, 0, 1)]
  for (const time of times) await zip.stored(`${time}`, time, { crc: crc32('x'), size: 1 }, [Buffer.from('x')])
  await zip.end()
  const file = Buffer.concat(pieces)
  const entries = readZip(fromBuffer(file), file.length)
  expect(entries.map(({ mtime }) => mtime)).toEqual([0, -1000, Date.UTC(2037, 0, 1), null])
  for (const entry of entries) expect(entry.bytes().toString()).toBe('x')
})

it('little is read ahead of a sink that is slow, however much there is', async () => {
  let taken = 0
  let given = 0
  async function* source(): AsyncIterable<Uint8Array> {
    for (let n = 0; n < 1000; n += 1) {
      given += 1
      yield Buffer.alloc(65_536)
    }
  }
  let ahead = 0
  const zip = createZipWriter(async (bytes) => {
    await new Promise((resolve) => setImmediate(resolve))
    taken += bytes.length
    ahead = Math.max(ahead, given * 65_536 - taken)
  })
  const nothing = Buffer.alloc(1000 * 65_536)
  await zip.stored('a', TIME, { crc: crc32(nothing), size: nothing.length }, source())
  expect(taken).toBeGreaterThan(nothing.length)
  // What the streams of the library hold between them.
  expect(ahead).toBeLessThan(64 * 65_536)
})

it('gives up by name before it runs out of memory', async () => {
  const zip = createZipWriter(async () => undefined, 2)
  for (const name of ['a', 'b']) await zip.stored(name, TIME, { crc: crc32('x'), size: 1 }, [Buffer.from('x')])
  await expect(zip.stored('c', TIME, { crc: crc32('x'), size: 1 }, [Buffer.from('x')])).rejects.toMatchObject({
    code: 'STORE_REFUSED',
    message: 'a zip file of more than 2 files needs more memory than this process may have',
  })
})
