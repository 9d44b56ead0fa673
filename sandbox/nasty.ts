/** An account of awkward names: everything that a name can do to a file system, a URL or a database. */
import { ensureFolder } from './folder-records.ts'
import { type AssetOptions, makeAsset } from './make-asset.ts'
import type { Asset, Cloud } from './state.ts'

/** Names for raw files, where nothing but the name says what the file is. */
export const NASTY_NAMES: readonly string[] = [
  // The same to the eye, different bytes: composed and decomposed.
  'caf\u00e9.txt',
  'cafe\u0301.txt',
  '\u212b.txt',
  '\u00c5.txt',
  '\ud55c\uae00.txt',
  '\u1112\u1161\u11ab\u1100\u1173\u11af.txt',
  // Beyond the basic plane, joined, and turned around.
  'emoji \u{1F980}.png',
  'family \u{1F468}\u200d\u{1F469}\u200d\u{1F467}.bin',
  '\u{20000}.txt',
  'invoice\u202efdp.exe.txt',
  'zero\u200bwidth.txt',
  '\ufeffbom.txt',
  // What URLs, shells, globs and SQL mean something by.
  '100%.txt',
  '100%25.txt',
  '%2e%2e%2fescape',
  '%00',
  'a#fragment',
  'a?query=1',
  'a&b=c',
  'plus+plus',
  'plus%2Bplus',
  'space in name',
  "quote's.txt",
  'double"quote.txt',
  'back\\slash',
  '..\\..\\windows.txt',
  '$HOME.txt',
  '`whoami`.txt',
  '$(whoami).txt',
  '; rm -rf .txt',
  "'; DROP TABLE assets; --",
  '*.txt',
  '[a-z].txt',
  '{a,b}.txt',
  '<script>alert(1)</script>',
  'a:b:c',
  'pipe|pipe',
  '~root',
  '-rf',
  '--help',
  '@file',
  '=1+1.csv',
  // Dots, and what looks absolute or climbs.
  '.hidden',
  '..double',
  '...',
  'dir/../up',
  '../../outside',
  './here',
  'a/./b',
  'a//b',
  'ends with dots...',
  'ends with spaces  ',
  ' starts with space',
  '/etc/passwd',
  'C:\\x',
  'C:/x',
  '//server/share/x',
  'file:///etc/passwd',
  // Reserved by Windows.
  'con',
  'aux.txt',
  'NUL',
  'com1.log',
  'lpt9',
  'a/prn/b.txt',
  'CONIN$',
  'stream.txt:hidden',
  // Control characters.
  'line\nbreak.txt',
  'carriage\rreturn',
  'tab\there.txt',
  'bell\u0007.txt',
  'escape\u001b[31mred.txt',
  'delete\u007f.txt',
  'next\u0085line',
  'separator\u2028here',
  // A name that is a folder of another name.
  'tree',
  'tree/leaf',
  'tree/leaf/deeper',
  'tree.txt',
  // Case twins.
  'Case.txt',
  'case.txt',
  'CASE.TXT',
  'stra\u00dfe.txt',
  'STRASSE.txt',
  'i\u0307.txt',
  '\u0130.txt',
  // Extensions.
  'noextension',
  'UPPER.PDF',
  'double.tar.gz',
  'trailingdot.',
  '.onlyextension',
  'photo.jpg.jpg',
  // Words that mean something in delivery URLs or in JavaScript.
  'v12/file.txt',
  'images/file.txt',
  's--abcdefgh--/file.txt',
  'fl_attachment/file.txt',
  '__proto__',
  'constructor',
  'toString',
  'error',
  'null',
  'undefined',
  '0',
  // Names of the vault's own and of file managers.
  'cloudkeep.json',
  'README.txt',
  '.cache',
  'objects/ab/cd',
  '.DS_Store',
  'desktop.ini',
]

/** One path segment of 300 letters, one of 200 CJK letters (600 bytes), and a path that is long as a whole. */
const LONG_NAMES: readonly string[] = [
  'x'.repeat(300),
  `${'\u6f22'.repeat(200)}.txt`,
  `${'\u{1F980}'.repeat(63)}.txt`,
  `${'x'.repeat(251)}.txt`,
  `${'x'.repeat(252)}.txt`,
  Array.from({ length: 40 }, (_, n) => `directory-number-${n}`).join('/'),
]

/** Free text that people see, in dynamic mode; it may hold anything but a slash, and needn't be the only one. */
const DISPLAY_NAMES: readonly string[] = [
  'Twin',
  'Twin',
  'twin',
  'Twin.jpg',
  '..',
  '.',
  '',
  ' ',
  '..\\..\\x',
  '../../x',
  'con',
  'a:b',
  'x'.repeat(255),
  '\u6f22'.repeat(255),
  'emoji \u{1F980}',
  'line\nbreak',
  'ends in dot.',
  'cafe\u0301',
  'caf\u00e9',
]

const NASTY_FOLDERS: readonly string[] = [
  'folder with space ',
  'con/aux',
  'UPPER',
  'upper',
  'caf\u00e9',
  'cafe\u0301',
  '..',
  '100% & more #1?',
  '\u{1F4C1} emoji',
  `${'long-'.repeat(50)}end`,
  'deep/er/and/deep/er/and/deep/er',
]

const START = Date.UTC(2023, 4, 1)

/**
 * Adds one asset for each awkward name, each with bytes of its own that say which it is. In fixed mode folders and
 * display names follow from the ids, so these parts differ by nothing there. Throws nothing: the shelf takes any name.
 */
export const fillNastyNames = (cloud: Cloud): void => {
  let count = 0
  const add = (options: AssetOptions): Asset => {
    const identity = `${options.resourceType ?? 'image'}/${options.type ?? 'upload'}/${options.publicId}`
    const createdAt = START + count * 60_000
    return makeAsset(cloud, {
      createdAt,
      bytes: Buffer.from(`${count++} ${identity} ${options.displayName ?? ''}\n`),
      ...options,
    })
  }
  for (const publicId of [...NASTY_NAMES, ...LONG_NAMES]) add({ publicId, resourceType: 'raw', format: null })
  for (const publicId of [
    'photo',
    'a+b',
    'caf\u00e9',
    'cafe\u0301',
    'x.jpg',
    'dir/photo',
    '100%',
    'con',
    '..',
    'Photo',
  ]) {
    add({ publicId, format: 'jpg' })
  }
  // One id as often as an account can have it.
  for (const resourceType of ['image', 'video', 'raw'] as const) {
    for (const type of ['upload', 'private', 'authenticated']) {
      add({ publicId: 'everywhere', resourceType, type, ...(resourceType === 'raw' ? { format: null } : {}) })
    }
  }
  add({ publicId: 'https://example.com/a b/\u00e9?x=1&y=%20#z', type: 'fetch', format: 'png' })
  // The extension makes two names one: an image in a format, and a raw file that is called so.
  add({ publicId: 'collide', format: 'png' })
  add({ publicId: 'collide', resourceType: 'video', format: 'mp4' })
  add({ publicId: 'collide.png', resourceType: 'raw', format: null })
  add({ publicId: 'collide.mp4', resourceType: 'raw', format: null })
  add({ publicId: 'empty', resourceType: 'raw', format: null, bytes: Buffer.alloc(0) })
  add({ publicId: 'empty.txt', resourceType: 'raw', format: null, bytes: Buffer.alloc(0) })
  addLabels(cloud, add)
}

const addLabels = (cloud: Cloud, add: (options: AssetOptions) => Asset): void => {
  DISPLAY_NAMES.forEach((displayName, n) => {
    add({ publicId: `displayed/${n}`, displayName, assetFolder: 'displayed', format: 'jpg' })
  })
  NASTY_FOLDERS.forEach((assetFolder, n) => {
    const publicId = cloud.settings.folderMode === 'fixed' ? `${assetFolder}/placed-${n}` : `placed-${n}`
    add({ publicId, assetFolder, displayName: 'same name everywhere', format: 'png' })
    ensureFolder(cloud, `${assetFolder}/empty inside`, START)
  })
  add({
    publicId: 'labelled',
    format: 'jpg',
    tags: ['\u{1F980}', 'with space', 'quote"s', "O'Brien", 'back\\slash', '\u202egnp', 'null', '__proto__'],
    context: {
      alt: 'a|b=c\\d "e"\n\u{1F980}',
      'key with space': '',
      constructor: 'x'.repeat(1024),
      caption: '=HYPERLINK("http://x")',
    },
  })
}
