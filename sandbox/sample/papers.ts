/** Documents and raw files. */
import type { Asset } from '../state.ts'
import { encodeCsv, encodePdf, encodeSrt, encodeZip } from './documents.ts'
import { paletteNamed } from './palettes.ts'
import type { Album, Piece } from './placing.ts'
import { ICON_NAMES, icon } from './svg.ts'

const REPORT = [
  'What we sold, where it went, and what came back.',
  '',
  'The lamp is still the quiet favourite. Carafes sell in June and',
  'December, cups all year. Every tenth parcel goes to an island,',
  'which costs us more than it should and is worth it.',
]

const MANUALS: readonly (readonly [title: string, pages: number])[] = [
  ['Field lamp', 3],
  ['Nord carafe', 2],
  ['Tide bowl', 1],
]

export const placePdfs = (album: Album): Asset[] => {
  const band = paletteNamed('dawn').near
  const pages = (title: string, count: number): { title: string; lines: readonly string[] }[] =>
    Array.from({ length: count }, (_, n) => ({ title: n === 0 ? title : `${title}, ${n + 1}`, lines: REPORT }))
  const pdf = (
    piece: Pick<Piece, 'folder' | 'name' | 'displayName' | 'createdAt'>,
    title: string,
    count: number,
  ): Piece => ({
    ...piece,
    format: 'pdf',
    width: 595,
    height: 842,
    pages: count,
    tags: ['document'],
    make: () => encodePdf(pages(title, count), band),
  })
  const reports = [2022, 2023, 2024, 2025].map((year, n) =>
    album.put({
      ...pdf(
        {
          folder: 'documents/reports',
          name: `annual-report-${year}`,
          displayName: 'Annual report',
          createdAt: album.daysAgo(1460 - n * 365, 1400 - n * 365),
        },
        `Northlight ${year}`,
        4,
      ),
      earlier: year === 2025 ? [() => encodePdf(pages('DRAFT', 2), band)] : [],
    }),
  )
  const manuals = MANUALS.map(([title, count]) =>
    album.put(
      pdf(
        {
          folder: 'documents/manuals',
          name: `manual-${title.toLowerCase().replaceAll(' ', '-')}`,
          displayName: `${title} manual`,
          createdAt: album.daysAgo(600, 500),
        },
        title,
        count,
      ),
    ),
  )
  return [...reports, ...manuals]
}

const stock = (rows: number): Buffer =>
  encodeCsv(
    ['sku', 'name', 'stock', 'note'],
    Array.from({ length: rows }, (_, n) => [
      `NL-${100 + n}`,
      n % 7 === 0 ? 'Vase, "Alba"' : `Item ${n}`,
      (n * 37) % 90,
      n % 11 === 0 ? 'reorder, soon' : '',
    ]),
  )

const RAW: readonly (readonly [folder: string, name: string, make: () => Buffer])[] = [
  ['data', 'stock.csv', () => stock(400)],
  ['data', 'stock-archive.csv', () => stock(4000)],
  [
    'data',
    'STORES.CSV',
    () =>
      encodeCsv(
        ['city', 'since'],
        [
          ['Bergen', 2016],
          ['Göteborg', 2018],
          ['東京', 2023],
        ],
      ),
  ],
  [
    'data',
    'colours.json',
    () => Buffer.from(`${JSON.stringify({ dawn: '#31456b', fjord: '#6d8ea0', ember: '#84295a' }, null, 2)}\n`),
  ],
  [
    'data',
    'prices.json',
    () => Buffer.from(JSON.stringify(Array.from({ length: 60 }, (_, n) => ({ sku: `NL-${n}`, cents: 900 + n * 35 })))),
  ],
  ['data/exports', 'Export 2024-03 (final) v2.json', () => Buffer.from('{"orders":[]}\n')],
  ['data/exports', 'Üßer größe.txt', () => Buffer.from('Größe und Übergröße\n')],
  ['data/exports', 'empty.log', () => Buffer.alloc(0)],
  ['data', 'LICENSE', () => Buffer.from('All rights reserved, except the right to copy this sentence.\n')],
  ['data', 'robots.txt', () => Buffer.from('User-agent: *\nDisallow: /drafts/\n')],
  ['data', 'noextension', () => Buffer.from([0, 1, 2, 3, 254, 255, 0, 10, 13])],
  [
    'video/subtitles',
    'waves.en.srt',
    () => encodeSrt(['The sea, from above.', 'Nobody speaks.', 'Then the light goes.']),
  ],
  ['video/subtitles', 'waves.sv.srt', () => encodeSrt(['Havet, ovanifrån.', 'Ingen talar.', 'Sedan går ljuset.'])],
  ['video/subtitles', 'waves.ja.srt', () => encodeSrt(['上から見た海。', '誰も話さない。', 'やがて光が消える。'])],
  ['brand', 'palette.gpl', () => Buffer.from('GIMP Palette\nName: northlight\n 49  69 107 dawn\n109 142 160 fjord\n')],
  [
    'press',
    'press-release.md',
    () => Buffer.from('# A lamp for the field\n\nNorthlight shows its first outdoor lamp.\n'),
  ],
  ['people', 'team.vcf', () => Buffer.from('BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Mira Sørensen\r\nEND:VCARD\r\n')],
  [
    'campaigns/2026 winter & sale',
    'dates.ics',
    () => Buffer.from('BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//northlight//\r\nEND:VCALENDAR\r\n'),
  ],
]

export const placeRawFiles = (album: Album): Asset[] => {
  const raw = (folder: string, name: string, make: () => Buffer): Piece => ({
    folder,
    name,
    resourceType: 'raw',
    format: null,
    width: null,
    height: null,
    displayName: name,
    createdAt: album.daysAgo(1100, 20),
    make,
  })
  const plain = RAW.map(([folder, name, make]) =>
    album.put({
      ...raw(folder, name, make),
      ...(name === 'stock.csv' ? { earlier: [() => stock(120), () => stock(260), () => stock(330)] } : {}),
      tags: ['raw', ...(folder.startsWith('data') ? ['data'] : [])],
    }),
  )
  const palette = paletteNamed('dawn')
  const bundle = (): Buffer =>
    encodeZip(ICON_NAMES.map((name) => ({ name: `icons/${name}.svg`, data: icon(name, palette) })))
  const zips = [
    album.put({ ...raw('brand/icons', 'all-icons.zip', bundle), tags: ['archive'] }),
    album.put({
      ...raw('press', 'press-kit.zip', () =>
        encodeZip([
          { name: 'Läs mig.txt', data: Buffer.from('Hej!\n') },
          { name: 'logo.svg', data: icon('sun', palette) },
        ]),
      ),
      tags: ['archive', 'press'],
    }),
  ]
  return [...plain, ...zips]
}
