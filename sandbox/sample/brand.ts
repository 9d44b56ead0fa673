/** The pictures that are drawn: the house's marks, patterns, portraits, posters and charts. */
import { createRandom } from '../random.ts'
import type { Asset } from '../state.ts'
import type { Canvas } from './canvas.ts'
import { encodeGif } from './encode-gif.ts'
import { encodePng } from './encode-png.ts'
import { chart, portrait, poster, quarters, scallops, triangles } from './graphics.ts'
import type { Scene } from './landscapes.ts'
import { accent, PALETTES, type Palette, paletteNamed } from './palettes.ts'
import type { Album, Piece } from './placing.ts'
import { ICON_NAMES, icon, logo, typePoster } from './svg.ts'

const paletteAt = (n: number): Palette => PALETTES[n % PALETTES.length] ?? paletteNamed('dawn')

const drawn = (
  draw: (scene: Scene) => Canvas,
  size: readonly [number, number],
  look: { palette: number; seed: number },
): Pick<Piece, 'make' | 'format' | 'width' | 'height'> => {
  const [width, height] = size
  const make = (): Buffer =>
    encodePng(draw({ width, height, palette: paletteAt(look.palette), random: createRandom(look.seed) }))
  return { make, format: 'png', width, height }
}

export const placePatterns = (album: Album): Asset[] =>
  [quarters, scallops, triangles].flatMap((draw, kind) =>
    [0, 1, 2].map((n) =>
      album.put({
        folder: 'brand/patterns',
        name: `${draw.name}-${n + 1}`,
        displayName: `Pattern ${kind * 3 + n + 1}`,
        createdAt: album.daysAgo(1500, 900),
        tags: ['pattern', paletteAt(kind + n * 3).name],
        ...drawn(draw, n === 0 ? [1600, 900] : [800, 800], { palette: kind + n * 3, seed: 300 + kind * 10 + n }),
      }),
    ),
  )

const PEOPLE = [
  'Mira Sørensen',
  'José Iñárritu',
  'Ngọc Anh Trần',
  'Zoë Müller',
  'Олена Коваль',
  '山田 花子',
  'فاطمة الزهراء',
  'Aoife Ní Bhriain',
  'Łukasz Żak',
  'Max',
]

export const placePeople = (album: Album): Asset[] =>
  PEOPLE.map((person, n) =>
    album.put({
      folder: 'people',
      name: `team-${n + 1}`,
      displayName: person,
      createdAt: album.daysAgo(700, 60),
      tags: ['portrait', 'team'],
      context: { alt: `Portrait of ${person}`, name: person },
      originalFilename: person,
      ...drawn(portrait, [640, 800], { palette: n * 3 + 1, seed: 400 + n }),
    }),
  )

const POSTERS: readonly (readonly [folder: string, lines: readonly string[]])[] = [
  ['campaigns/2024 spring', ['OPEN', 'WINDOWS']],
  ['campaigns/2024 spring', ['SLOW', 'SUMMER']],
  ['campaigns/2025 autumn', ['FIRST', 'FROST']],
  ['campaigns/2025 autumn', ['THE LONG', 'TABLE']],
  ['campaigns/2025 autumn', ['LAMPS ON']],
  ['campaigns/2026 winter & sale', ['20 % OFF', 'LIGHT']],
]

export const placePosters = (album: Album): Asset[] =>
  POSTERS.map(([folder, lines], n) => {
    const shown = drawn((scene) => poster({ ...scene, lines }), [800, 1130], { palette: n * 3 + 2, seed: 500 + n })
    const draft = drawn((scene) => poster({ ...scene, lines }), [600, 848], { palette: n + 4, seed: 600 + n })
    return album.put({
      folder,
      name: `poster-${lines
        .join('-')
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, '-')}`,
      displayName: lines.join(' '),
      createdAt: album.daysAgo(800 - n * 110, 700 - n * 110),
      earlier: n % 2 === 0 ? [draft.make] : [],
      tags: ['poster', 'campaign'],
      metadata: { licence_id: 'full', channels_id: ['print', 'web'], edition: n + 1 },
      ...shown,
    })
  })

const svgPiece = (
  make: () => Buffer,
  width: number,
  height: number,
): Pick<Piece, 'make' | 'format' | 'width' | 'height'> => ({ make, format: 'svg', width, height })

export const placeVectors = (album: Album): Asset[] => {
  const dawn = paletteNamed('dawn')
  const logos = (['mark', 'wide', 'inverse'] as const).map((variant) =>
    album.put({
      folder: 'brand/logos',
      name: `northlight-${variant}`,
      displayName: `northlight ${variant}`,
      createdAt: album.daysAgo(1800, 1700),
      earlier:
        variant === 'wide'
          ? [
              () => logo(paletteNamed('ember'), variant),
              () => logo(paletteNamed('fjord'), variant),
              () => logo(paletteNamed('lilac'), variant),
            ]
          : [],
      tags: ['logo', 'brand'],
      ...svgPiece(() => logo(dawn, variant), variant === 'mark' ? 160 : 480, 160),
    }),
  )
  const icons = ICON_NAMES.map((name) =>
    album.put({
      folder: 'brand/icons',
      name: `icon-${name}`,
      displayName: name,
      createdAt: album.daysAgo(1400, 1300),
      tags: ['icon'],
      ...svgPiece(() => icon(name, dawn), 48, 48),
    }),
  )
  const words: readonly (readonly [string, string])[] = [
    ['Stillness', 'a show of clay and light'],
    ['Över havet', 'four films about the sea'],
    ['R&D <3', 'an evening with our workshop'],
  ]
  const posters = words.map(([title, line], n) =>
    album.put({
      folder: 'press',
      name: `type-poster-${n + 1}`,
      displayName: title,
      createdAt: album.daysAgo(400, 100),
      tags: ['poster', 'press'],
      ...svgPiece(() => typePoster(paletteAt(n * 2 + 1), { title, line }, n), 840, 1188),
    }),
  )
  return [...logos, ...icons, ...posters]
}

/** Rings that run outward for ever. */
const ripples = (palette: Palette, side: number): Buffer => {
  const frames = Array.from({ length: 12 }, (_, frame) =>
    Uint8Array.from({ length: side * side }, (_unused, at) => {
      const distance = Math.hypot((at % side) - side / 2, Math.floor(at / side) - side / 2)
      return Math.floor(distance / 10 - (frame * 5) / 12 + 500) % 5
    }),
  )
  const colours = Array.from({ length: 5 }, (_, n) => accent(palette, n))
  return encodeGif({ width: side, height: side, colours, frames, delay: 8 })
}

export const placeAnimations = (album: Album): Asset[] =>
  ['dawn', 'fjord', 'lilac'].map((name) =>
    album.put({
      folder: 'campaigns/2025 autumn/animated',
      name: `ripples-${name}`,
      displayName: 'ripples',
      format: 'gif',
      width: 200,
      height: 200,
      pages: 12,
      createdAt: album.daysAgo(300, 250),
      tags: ['animated'],
      make: () => ripples(paletteNamed(name), 200),
    }),
  )

export const placeCharts = (album: Album): Asset[] =>
  [2023, 2024, 2025].map((year, n) =>
    album.put({
      folder: 'documents/reports',
      name: `visits-${year}`,
      displayName: `Visits ${year}`,
      createdAt: album.daysAgo(1000 - n * 365, 990 - n * 365),
      tags: ['chart', 'internal'],
      ...drawn(chart, [1200, 700], { palette: n, seed: 800 + n }),
    }),
  )
