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

it('more entries than 65,535 have their number in the ZIP64 record', async () => {
  const pieces: Uint8Array[] = []
  const zip = createZipWriter(async (bytes) => void pieces.push(Buffer.from(bytes)))
  const bytes = Buffer.from('x')
  for (let n = 0; n < 70_000; n += 1) await zip.stored(`f${n}`, TIME, { crc: crc32(bytes), size: 1 }, [bytes])
  await zip.end()
  const file = Buffer.concat(pieces)
  const entries = readZip(fromBuffer(file), file.length)
  expect(entries).toHaveLength(70_000)
  expect(entries.at(-1)?.bytes().toString()).toBe('x')
})
