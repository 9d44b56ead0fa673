import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { createHashTap, sha256Hex, tapped } from './hash.ts'

const bytes = Buffer.from('the quick brown fox')
const expected = {
  size: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  md5: createHash('md5').update(bytes).digest('hex'),
}

it('measures bytes that come in pieces', () => {
  const tap = createHashTap()
  for (const byte of bytes) tap.update(Uint8Array.of(byte))
  expect(tap.size).toBe(bytes.length)
  expect(tap.finish()).toEqual(expected)
})

it('leaves MD5 out when it is not asked for', () => {
  const tap = createHashTap({ md5: false })
  tap.update(bytes)
  expect(tap.finish()).toEqual({ ...expected, md5: null })
})

it('lets bytes through unchanged while it looks on', async () => {
  const tap = createHashTap()
  const pieces: Uint8Array[] = []
  async function* source(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 5)
    yield bytes.subarray(5)
  }
  for await (const piece of tapped(source(), tap)) pieces.push(piece)
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  expect(tap.finish()).toEqual(expected)
})

it('hashes a text as UTF-8', () => {
  expect(sha256Hex('ü')).toBe(sha256Hex(Buffer.from([0xc3, 0xbc])))
})
