import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSafePath } from './entry-codec.ts'
import type { LibraryFacts } from './library-path.ts'
import { libraryFolder, libraryPath, withSuffix } from './library-path.ts'

const assetId = '5f0c0ffee0ddba11cafe0000deadbeef'
const image = (changes: Partial<LibraryFacts> = {}): LibraryFacts => ({
  assetId,
  publicId: 'products/shoe_7',
  resourceType: 'image',
  format: 'jpg',
  folder: 'catalog/shoes',
  displayName: 'Shoe 7',
  ...changes,
})
const named = (displayName: string, changes: Partial<LibraryFacts> = {}): string =>
  libraryPath(image({ folder: '', displayName, ...changes }), 'dynamic')

describe('with dynamic folders', () => {
  it('an asset lies in its folder under its display name', () => {
    expect(libraryPath(image(), 'dynamic')).toBe('catalog/shoes/Shoe 7.jpg')
    expect(libraryPath(image({ folder: '' }), 'dynamic')).toBe('Shoe 7.jpg')
  })

  it('an extension that the display name has is not doubled', () => {
    expect(named('a.jpg')).toBe('a.jpg')
    expect(named('a.JPG')).toBe('a.JPG')
    expect(named('a.jpeg')).toBe('a.jpeg')
    expect(named('a.png')).toBe('a.png.jpg')
    expect(named('jpg')).toBe('jpg.jpg')
    expect(named('.jpg')).toBe('.jpg.jpg')
    expect(named('v1.2')).toBe('v1.2.jpg')
  })

  it('a raw asset has the extension of its public_id', () => {
    const raw = image({ resourceType: 'raw', format: null, publicId: 'x/report.PDF', folder: '' })
    expect(libraryPath({ ...raw, displayName: 'Report' }, 'dynamic')).toBe('Report.PDF')
    expect(libraryPath({ ...raw, displayName: 'Report.pdf' }, 'dynamic')).toBe('Report.pdf')
    expect(libraryPath({ ...raw, publicId: 'x/LICENSE', displayName: 'LICENSE' }, 'dynamic')).toBe('LICENSE')
  })

  it('an asset without a display name has the last part of its public_id', () => {
    expect(libraryPath(image({ displayName: null }), 'dynamic')).toBe('catalog/shoes/shoe_7.jpg')
    expect(libraryPath(image({ displayName: null, folder: null }), 'dynamic')).toBe('products/shoe_7.jpg')
    expect(named('')).toBe(assetId)
  })

  it('a slash in a display name makes no folder', () => {
    expect(named('a/b')).toBe('a%2Fb.jpg')
    expect(named('../../etc/passwd')).toBe('..%2F..%2Fetc%2Fpasswd.jpg')
  })
})

describe('with fixed folders', () => {
  const fixed = (publicId: string, changes: Partial<LibraryFacts> = {}): string =>
    libraryPath(image({ publicId, ...changes }), 'fixed')

  it('an asset lies under its public_id', () => {
    expect(fixed('products/shoe_7')).toBe('products/shoe_7.jpg')
    expect(fixed('a.jpg')).toBe('a.jpg.jpg')
    expect(fixed('a', { format: null })).toBe('a')
    expect(fixed('docs/a.TXT', { resourceType: 'raw', format: null })).toBe('docs/a.TXT')
  })

  it('odd slashes make no odd folders', () => {
    expect(fixed('/a//b/')).toBe('a/b.jpg')
    expect(fixed('///')).toBe(assetId)
    expect(fixed('')).toBe(assetId)
    expect(fixed('../../x')).toBe('%2E%2E/%2E%2E/x.jpg')
    expect(fixed('https://example.com/a?b=c')).toBe('https%3A/example.com/a%3Fb=c.jpg')
    expect(fixed('C:/Windows/x')).toBe('C%3A/Windows/x.jpg')
  })
})

describe('a name', () => {
  it.each([
    ['a<b>c:d"e|f?g*h\\i', 'a%3Cb%3Ec%3Ad%22e%7Cf%3Fg%2Ah%5Ci.jpg'],
    ['tab\there', 'tab%09here.jpg'],
    ['nul\0', 'nul%00.jpg'],
    ['evil\u202egpj.exe', 'evil%E2%80%AEgpj.exe.jpg'],
    ['half\ud83d', 'half%ED%A0%BD.jpg'],
    ['whole\u{1f600}', 'whole\u{1f600}.jpg'],
    ['100% + 50 & more', '100% + 50 & more.jpg'],
    ['e\u0301', '\u00e9.jpg'],
    ['con', '_con.jpg'],
    ['AUX.tar', '_AUX.tar.jpg'],
    ['com1', '_com1.jpg'],
    ['lpt\u00b9', '_lpt\u00b9.jpg'],
    ['conin$', '_conin$.jpg'],
    ['con ', '_con .jpg'],
    ['console', 'console.jpg'],
    ['-rf', '-rf.jpg'],
    ["it's", "it's.jpg"],
  ])('%j is %j', (displayName, path) => {
    expect(named(displayName)).toBe(path)
  })

  it('without an extension keeps no dot or space at its end', () => {
    const bare = (displayName: string): string => named(displayName, { format: null })
    expect(bare('a.')).toBe('a%2E')
    expect(bare('a. .')).toBe('a%2E%20%2E')
    expect(bare('..')).toBe('%2E%2E')
    expect(bare('.')).toBe('%2E')
    expect(bare(' ')).toBe('%20')
    expect(bare('nul')).toBe('_nul')
  })

  it('that is too long is cut at a character, marked, and keeps its extension', () => {
    const path = named('漢'.repeat(200))
    expect(path).toBe(`${'漢'.repeat(75)}~5f0c0ffe.jpg`)
    expect(named('x'.repeat(236))).toBe(`${'x'.repeat(236)}.jpg`)
    expect(named('x'.repeat(237))).toBe(`${'x'.repeat(227)}~5f0c0ffe.jpg`)
  })

  it('of a folder that is too long is marked by the folder, not by the asset', () => {
    const folder = 'y'.repeat(300)
    const one = libraryPath(image({ folder }), 'dynamic')
    const two = libraryPath(image({ folder, assetId: 'ffff' }), 'dynamic')
    expect(one).toBe(two)
    expect(one).not.toBe(libraryPath(image({ folder: `${folder}z` }), 'dynamic'))
  })
})

describe('a suffix', () => {
  it('stands before the extension', () => {
    expect(withSuffix('a/name.jpg', assetId)).toBe('a/name~5f0c0ffe.jpg')
    expect(withSuffix('name', assetId)).toBe('name~5f0c0ffe')
    expect(withSuffix('a.b/name', assetId)).toBe('a.b/name~5f0c0ffe')
    expect(withSuffix('.htaccess', assetId)).toBe('.htaccess~5f0c0ffe')
  })
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '.',
      '/',
      ' ',
      '\\',
      '..',
      'a',
      'é',
      'e\u0301',
      '\ud800',
      '\udc00',
      'con',
      'aux',
      '\u202e',
      '?',
      '\u0307',
      '~',
      '%',
      '\0',
      'COM1',
      '漢',
    ),
  }),
  fc.string({ unit: 'binary', minLength: 200, maxLength: 600 }),
)
const facts = fc.record({
  assetId: fc.stringMatching(/^[0-9a-f]{32}$/),
  publicId: hostile,
  resourceType: fc.constantFrom('image', 'video', 'raw'),
  format: fc.option(fc.oneof(fc.constantFrom('jpg', 'mp4'), hostile), { nil: null }),
  folder: fc.option(hostile, { nil: null }),
  displayName: fc.option(hostile, { nil: null }),
})
const mode = fc.constantFrom('fixed', 'dynamic')
const devices = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])$/i

const expectSafe = (path: string): void => {
  expect(isSafePath(path)).toBe(true)
  expect(join('/vault/library', path)).toBe(resolve('/vault/library', path))
  expect(resolve('/vault/library', path).startsWith('/vault/library/')).toBe(true)
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(1000)
  for (const segment of path.split('/')) {
    expect(Buffer.byteLength(segment)).toBeLessThanOrEqual(255)
    expect(Buffer.from(segment).toString()).toBe(segment)
    expect(segment).not.toMatch(/[<>:"|?*\\\u0000-\u001f]|[. ]$/)
    expect((segment.split('.')[0] ?? '').trimEnd()).not.toMatch(devices)
    expect(segment.normalize('NFC')).toBe(segment)
  }
}

describe('whatever an account calls its assets', () => {
  it('a path is safe, and so is it with a suffix', () => {
    fc.assert(
      fc.property(facts, mode, (asset, folders) => {
        const path = libraryPath(asset, folders)
        expectSafe(path)
        expectSafe(withSuffix(path, asset.assetId))
      }),
      { numRuns: 2000 },
    )
  })

  it('the same facts give the same path, and a safe folder is left as it is', () => {
    fc.assert(
      fc.property(facts, mode, hostile, (asset, folders, folder) => {
        expect(libraryPath({ ...asset }, folders)).toBe(libraryPath(asset, folders))
        expect(libraryFolder(libraryFolder(folder))).toBe(libraryFolder(folder))
      }),
      { numRuns: 1000 },
    )
  })

  it('a path that was made safe is left as it is', () => {
    fc.assert(
      fc.property(facts, mode, (asset, folders) => {
        const path = libraryPath(asset, folders)
        const again = { ...asset, publicId: path, resourceType: 'raw', format: null } as const
        expect(libraryPath(again, 'fixed')).toBe(path)
      }),
      { numRuns: 1000 },
    )
  })

  it('very many deep folders stay short and distinct', () => {
    const deep = Array.from({ length: 300 }, (_, index) => `folder${index}`).join('/')
    expectSafe(libraryPath(image({ folder: deep }), 'dynamic'))
    expect(libraryFolder(deep)).not.toBe(libraryFolder(`${deep}/x`))
  })
})
