import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAge, formatBytes, formatClock, formatDuration, pad, safe, truncate, widthOf } from './format.ts'

describe('amounts', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KiB'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [150 * 1024 ** 2, '150 MiB'],
    [5.25 * 1024 ** 3, '5.3 GiB'],
    [1024 ** 4 * 2, '2.0 TiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [42_000, '42 s'],
    [59_700, '1 min'],
    [192_000, '3 min 12 s'],
    [3_600_000, '1 h'],
    [18_180_000, '5 h 3 min'],
    [187_200_000, '2 d 4 h'],
  ])('%d ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

  it('counts down', () => {
    expect([formatClock(0), formatClock(61_000), formatClock(3_723_000)]).toEqual(['00:00', '01:01', '1:02:03'])
  })

  it('tells ages', () => {
    const now = Date.parse('2026-10-03T12:00:00Z')
    const ages = [
      '2026-10-03T11:59:40Z',
      '2026-10-03T11:55:00Z',
      '2026-10-02T11:00:00Z',
      '2026-09-03T12:00:00Z',
      '2026-10-03T12:05:00Z',
    ]
    expect(ages.map((age) => formatAge(age, now))).toEqual([
      'just now',
      '5 min ago',
      '25 h ago',
      '30 days ago',
      'in 5 min',
    ])
  })
})

describe('names on a terminal', () => {
  it.each([
    ['\u001b]0;owned\u0007', '\\e]0;owned\\x07'],
    ['\u001b[2J\u001b[H', '\\e[2J\\e[H'],
    ['a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['\u009b31m', '\\x9b31m'],
    ['photo\u202egpj.exe', 'photo\\u202egpj.exe'],
    ['naïve 写真 👩‍👩‍👧 ok', 'naïve 写真 👩‍👩‍👧 ok'],
  ])('%j is shown as %s', (name, shown) => expect(safe(name)).toBe(shown))

  it('hold no character that can drive a terminal, whatever the name is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        // The forbidden set spelled again, independently of the one under test.
        for (const char of safe(name)) {
          const code = char.codePointAt(0) ?? 0
          expect(
            code < 32 ||
              (code >= 127 && code < 160) ||
              (code >= 0x202a && code <= 0x202e) ||
              (code >= 0x2066 && code <= 0x2069),
          ).toBe(false)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('width', () => {
  it.each([
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['写真', 4],
    ['한글', 4],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['\u001b[31mred\u001b[39m', 3],
    ['ﾊﾝｶｸ', 4],
  ])('%j takes %d columns', (text, width) => expect(widthOf(text)).toBe(width))

  it('is never exceeded by a cut text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.nat(30),
        fc.constantFrom('end' as const, 'middle' as const),
        (text, columns, where) => {
          const shown = safe(text)
          expect(widthOf(truncate(shown, columns, where))).toBeLessThanOrEqual(Math.max(columns, 0))
        },
      ),
    )
  })

  it('cuts a path in its middle', () => {
    expect(truncate('products/2026/summer/chair-in-the-garden.jpg', 24, 'middle')).toMatch(/^products.*….*garden\.jpg$/)
    expect(pad('写', 4, 'right')).toBe('  写')
  })
})
