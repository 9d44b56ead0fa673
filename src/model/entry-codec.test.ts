import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sampleEntry } from '../../test/samples/manifest.ts'
import { encodeEntry } from './entry.ts'
import { decodeEntry, isSafePath } from './entry-codec.ts'
import { isAppError } from './errors.ts'

const digest = 'ab'.repeat(32)
const whole = sampleEntry({
  object: digest,
  size: 3,
  md5: 'cd'.repeat(16),
  proof: 'md5',
  path: 'catalog/shoes/Shoe 7.jpg',
})

const changed = (changes: Record<string, unknown>): string => JSON.stringify({ ...whole, ...changes })

describe('an entry', () => {
  it('comes back as it was written', () => {
    expect(decodeEntry(encodeEntry(whole))).toEqual(whole)
  })

  it('comes back with any names, quotes, line ends and lone surrogates in it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.string({ unit: 'binary' })),
        fc.jsonValue(),
        (name, tags, value) => {
          const context = JSON.parse(JSON.stringify({ value }))
          const entry = { ...whole, publicId: name, facts: { ...whole.facts, publicId: name, tags, context } }
          const line = encodeEntry(entry)
          expect(line).not.toContain('\n')
          expect(decodeEntry(line)).toEqual(entry)
        },
      ),
    )
    expect(decodeEntry(encodeEntry({ ...whole, publicId: 'a\ud800b' })).publicId).toBe('a\ud800b')
  })

  it('ignores fields that it does not know', () => {
    expect(decodeEntry(changed({ later: { a: 1 } }))).toEqual(whole)
  })

  it('takes a missing field that may be null as null', () => {
    const { path: _, ...rest } = whole
    expect(decodeEntry(JSON.stringify(rest)).path).toBeNull()
  })

  it.each([
    ['assetId', '../x'],
    ['assetId', ''],
    ['assetId', 7],
    ['version', 'xyz'],
    ['publicId', null],
    ['resourceType', 'audio'],
    ['resourceType', 'constructor'],
    ['cldVersion', -1],
    ['cldVersion', 1.5],
    ['cldVersion', '3'],
    ['object', digest.toUpperCase()],
    ['object', `${digest}0`],
    ['object', '../../etc/passwd'],
    ['size', -3],
    ['size', 2 ** 60],
    ['md5', 'x'],
    ['proof', 'faith'],
    ['path', '../escape'],
    ['path', '/etc/passwd'],
    ['path', 'a/../../b'],
    ['path', 'a//b'],
    ['path', 'a\\b'],
    ['path', 'C:evil'],
    ['path', 'a\u0000b'],
    ['path', ''],
    ['capturedAt', 'yesterday'],
    ['facts', []],
    ['facts', null],
    ['raw', 'x'],
  ])('is refused with %s = %j, by name', (name, value) => {
    expect(() => decodeEntry(changed({ [name]: value }))).toThrow(
      expect.objectContaining({ code: 'VAULT_INVALID', message: expect.stringContaining(`"${name}"`) }),
    )
  })

  it('is refused with a bad fact, by name', () => {
    expect(() => decodeEntry(changed({ facts: { ...whole.facts, tags: [1] } }))).toThrow('"tags[]" is 1')
    expect(() => decodeEntry(changed({ facts: { ...whole.facts, width: 'wide' } }))).toThrow('"width" is "wide"')
  })

  it('is refused when it names an object without a size', () => {
    expect(() => decodeEntry(changed({ size: null }))).toThrow('"object" is named without its "size"')
  })

  it('cannot reach a prototype', () => {
    const line = changed({ raw: {} }).replace(
      '"raw":{}',
      '"raw":{"list":{"__proto__":{"polluted":1}}},"__proto__":{"polluted":1}',
    )
    const entry = decodeEntry(line)
    expect(Object.getPrototypeOf(entry)).toBe(Object.prototype)
    expect('polluted' in {}).toBe(false)
    expect(encodeEntry(entry)).toContain('"__proto__"')
  })

  it('is refused with an AppError whatever is in the line', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        try {
          decodeEntry(line)
          expect.unreachable()
        } catch (error) {
          expect(isAppError(error, 'VAULT_INVALID')).toBe(true)
        }
      }),
    )
  })
})

describe('a safe path', () => {
  it('allows names of all kinds below a folder', () => {
    for (const path of ['a', 'a/b.jpg', '...', 'a b/ü~1.jpg', 'it\'s "here".png']) expect(isSafePath(path)).toBe(true)
  })
})
