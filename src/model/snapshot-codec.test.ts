import { describe, expect, it } from 'vitest'
import { sampleSnapshot } from '../../test/samples/manifest.ts'
import type { Snapshot } from './snapshot.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts'

const digest = 'ab'.repeat(32)
const whole: Snapshot = sampleSnapshot({
  parent: 'a1',
  complete: false,
  partialReasons: ['failures', 'guard'],
  prefixLength: 1,
  segments: [
    { prefix: '0', object: digest, size: 10, entries: 2, contentBytes: 30 },
    { prefix: 'f', object: digest, size: 11, entries: 1, contentBytes: 0 },
  ],
  folders: digest,
  failures: digest,
  excludedBy: { '*.tmp': 3, __proto__x: 1 },
  reconciledAt: '2026-11-22T06:31:02.123Z',
})

const changed = (changes: Record<string, unknown>): string => JSON.stringify({ ...whole, ...changes })

describe('a head', () => {
  it('comes back as it was written, empty or full', () => {
    expect(decodeSnapshot(encodeSnapshot(whole))).toEqual(whole)
    expect(decodeSnapshot(encodeSnapshot(sampleSnapshot()))).toEqual(sampleSnapshot())
  })

  it('is plain JSON with one segment a line', () => {
    const text = encodeSnapshot(whole)
    expect(JSON.parse(text)).toMatchObject({ ...whole })
    expect(text.split('\n').filter((line) => line.includes('"prefix"'))).toHaveLength(2)
  })

  it('is refused with any bit flipped and cut anywhere', () => {
    const bytes = Buffer.from(encodeSnapshot(whole))
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      expect(() => decodeSnapshot(flipped.toString('utf8'))).toThrow()
      expect(() => decodeSnapshot(bytes.toString('utf8', 0, at))).toThrow()
    }
  })

  it('of an earlier version, without a checksum, is read all the same', () => {
    expect(decodeSnapshot(JSON.stringify(whole, null, 1))).toEqual(whole)
  })

  it('ignores fields that it does not know', () => {
    expect(decodeSnapshot(changed({ later: [1] }))).toEqual(whole)
  })

  it('of a newer format says so', () => {
    expect(() => decodeSnapshot(changed({ format: 2 }))).toThrow('its format is 2, and this Cloudkeep reads format 1')
  })

  it.each([
    ['format', '1'],
    ['id', 'a/b'],
    ['cloud', '../x'],
    ['cloud', 'a/b'],
    ['cloud', ''],
    ['takenAt', 5],
    ['complete', 'yes'],
    ['partialReasons', {}],
    ['folderMode', 'flat'],
    ['totals', null],
    ['assets', -1],
    ['segments', 'x'],
    ['folders', 'x'],
    ['excludedBy', []],
  ])('is refused with %s = %j, by name', (name, value) => {
    expect(() => decodeSnapshot(changed({ [name]: value }))).toThrow(
      expect.objectContaining({ code: 'VAULT_INVALID', message: expect.stringContaining(`"${name}"`) }),
    )
  })

  it('is refused with a bad part, by name', () => {
    const [first] = whole.segments
    expect(() => decodeSnapshot(changed({ partialReasons: ['bad luck'] }))).toThrow('"partialReasons[0]" is "bad luck"')
    expect(() => decodeSnapshot(changed({ segments: [{ ...first, object: 'x' }] }))).toThrow('"object" is "x"')
    expect(() => decodeSnapshot(changed({ segments: [first, first] }))).toThrow('names a prefix twice')
    expect(() => decodeSnapshot(changed({ segments: [{ ...first, prefix: '00' }] }))).toThrow('at most 1 characters')
    expect(() => decodeSnapshot(changed({ excludedBy: { a: -1 } }))).toThrow('"a" is -1')
    expect(() => decodeSnapshot('{')).toThrow('it is not JSON')
    expect(() => decodeSnapshot('[]')).toThrow('"the head" is []')
  })

  it('cannot reach a prototype', () => {
    const snapshot = decodeSnapshot(
      changed({ excludedBy: {} }).replace('"excludedBy":{}', '"excludedBy":{"__proto__":5}'),
    )
    expect(Object.getPrototypeOf(snapshot.excludedBy)).toBe(Object.prototype)
    expect(Object.keys(snapshot.excludedBy)).toEqual(['__proto__'])
  })
})
