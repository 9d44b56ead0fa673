import { spawnSync } from 'node:child_process'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { createZipWriter } from '../../src/export/zip-writer.ts'
import { fromBuffer, readZip } from '../zip-reader.ts'

const GIGABYTE = 1024 ** 3
const HUGE = 4.1 * GIGABYTE - ((4.1 * GIGABYTE) % 1)
const NOTHING = Buffer.alloc(8 * 1024 * 1024)
const TIME = Date.UTC(2024, 1, 29, 13, 37, 42)

function* nothing(size: number): Iterable<Uint8Array> {
  for (let left = size; left > 0; left -= NOTHING.length) yield NOTHING.subarray(0, Math.min(left, NOTHING.length))
}
const crcOfNothing = (size: number): number => {
  let crc = 0
  for (const piece of nothing(size)) crc = crc32(piece, crc)
  return crc
}

/** A file in which runs of zeros take no space. */
const sparse = (path: string) => {
  const fd = openSync(path, 'w+')
  let at = 0
  return {
    fd,
    write: async (bytes: Uint8Array): Promise<void> => {
      const isNothing = bytes.length >= 65_536 && NOTHING.subarray(0, bytes.length).equals(bytes)
      if (!isNothing) writeSync(fd, bytes, 0, bytes.length, at)
      at += bytes.length
      ftruncateSync(fd, at)
    },
  }
}

test('entries beyond 4 GB, and entries that begin beyond 4 GB, are read by strangers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudkeep-zip64-'))
  const path = join(folder, 'huge.zip')
  const { fd, write } = sparse(path)
  try {
    const before = process.memoryUsage().rss
    const zip = createZipWriter(write)
    await zip.stored('small.txt', TIME, { crc: crc32('small'), size: 5 }, [Buffer.from('small')])
    await zip.stored('huge.mov', TIME, { crc: crcOfNothing(HUGE), size: HUGE }, nothing(HUGE))
    await zip.stored('after.txt', TIME, { crc: crc32('after'), size: 5 }, [Buffer.from('after')])
    await zip.deflated('packed.txt', TIME, [Buffer.from('packed')])
    await zip.end()
    const grown = (process.memoryUsage().rss - before) / 1024 ** 2
    const length = fstatSync(fd).size
    expect(length).toBeGreaterThan(HUGE)
    // Sparse: nothing like 4.5 GB was written.
    expect(fstatSync(fd).blocks * 512).toBeLessThan(GIGABYTE / 4)
    expect(grown).toBeLessThan(200)

    const entries = readZip((offset, count) => {
      const buffer = Buffer.alloc(count)
      readSync(fd, buffer, 0, count, offset)
      return buffer
    }, length)
    expect(entries.map(({ name, size }) => [name, size])).toEqual([
      ['small.txt', 5],
      ['huge.mov', HUGE],
      ['after.txt', 5],
      ['packed.txt', 6],
    ])
    for (const [name, text] of [
      ['after.txt', 'after'],
      ['packed.txt', 'packed'],
    ]) {
      expect(
        entries
          .find((entry) => entry.name === name)
          ?.bytes()
          .toString(),
      ).toBe(text)
    }
    // Info-ZIP takes half a minute for the checksum of the large one; Python reads that.
    stranger('unzip', ['-t', path, 'small.txt', 'after.txt', 'packed.txt'], 'No errors detected')
    const code =
      'import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(z.testzip(), z.getinfo("huge.mov").file_size)'
    stranger('python3', ['-c', code, path], `None ${HUGE}`)
  } finally {
    closeSync(fd)
    rmSync(folder, { recursive: true, force: true })
  }
})

test('more entries than 65,535 have their number in the ZIP64 record', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudkeep-zip64-'))
  const path = join(folder, 'many.zip')
  const pieces: Uint8Array[] = []
  const zip = createZipWriter(async (bytes) => void pieces.push(bytes))
  try {
    for (let n = 0; n < 65_600; n += 1) await zip.stored(`f${n}`, TIME, { crc: 0, size: 0 }, [])
    await zip.stored('last', TIME, { crc: crc32('x'), size: 1 }, [Buffer.from('x')])
    await zip.end()
    const file = Buffer.concat(pieces)
    const entries = readZip(fromBuffer(file), file.length)
    expect(entries).toHaveLength(65_601)
    expect(entries.at(-1)?.bytes().toString()).toBe('x')
    writeFileSync(path, file)
    stranger('unzip', ['-tq', path], 'No errors detected')
    const code = 'import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(len(z.namelist()), z.read("last"))'
    stranger('python3', ['-c', code, path], "65601 b'x'")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

/** A program that is not here cannot judge; that is said in one line. */
function stranger(program: string, args: readonly string[], wanted: string): void {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (error !== undefined) console.log(`${program} is not here and was not asked`)
  else expect(`${status} ${stderr}${stdout}`).toContain(wanted)
}
