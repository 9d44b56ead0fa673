/** The pictures that are photographs: a travel journal, a catalogue, and what customers sent. */
import { createRandom } from '../random.ts'
import type { Asset } from '../state.ts'
import type { Canvas } from './canvas.ts'
import { bokeh, forest, night, skyline } from './city-and-night.ts'
import { encodeJpeg } from './encode-jpeg.ts'
import { dunes, hills, lake, mountains, type Scene, sea } from './landscapes.ts'
import { PALETTES } from './palettes.ts'
import type { Album, Piece } from './placing.ts'
import { type Product, productShot } from './products.ts'

const SCENES: { readonly [name: string]: (scene: Scene) => Canvas } = {
  hills,
  mountains,
  lake,
  sea,
  dunes,
  skyline,
  night,
  forest,
  bokeh,
}

/** A JPEG of the scene; the same numbers give the same bytes. */
export const photograph =
  (what: { scene: string; palette: number; seed: number; width?: number; height?: number }) => (): Buffer => {
    const { width = 800, height = 534, seed } = what
    const draw = SCENES[what.scene] ?? hills
    const palette = PALETTES[what.palette % PALETTES.length] ?? PALETTES[0]
    if (palette === undefined) throw new Error('no palettes')
    return encodeJpeg(draw({ width, height, palette, random: createRandom(seed) }))
  }

interface Story {
  readonly folder: string
  readonly year: number
  readonly shots: readonly (readonly [scene: string, palette: number, title: string])[]
}

const STORIES: readonly Story[] = [
  {
    folder: 'journal/2021/lofoten',
    year: 5,
    shots: [
      ['lake', 3, 'Reine before the ferry'],
      ['mountains', 3, 'Olstind'],
      ['sea', 5, 'Two boats, no wind'],
      ['night', 5, 'Aurora, faint'],
      ['forest', 3, 'Birches'],
      ['hills', 7, 'The road out'],
    ],
  },
  {
    folder: 'journal/2022/Puglia',
    year: 4,
    shots: [
      ['sea', 4, 'Polignano at noon'],
      ['hills', 6, 'Olive country'],
      ['dunes', 4, 'Torre Guaceto'],
      ['skyline', 2, 'Bari, dusk'],
      ['bokeh', 2, 'Festa'],
      ['sea', 2, 'Last light'],
    ],
  },
  {
    folder: 'journal/2023/Kyoto – 京都',
    year: 3,
    shots: [
      ['forest', 6, 'Arashiyama 嵐山'],
      ['hills', 0, 'Hieizan 比叡山'],
      ['lake', 7, 'Biwa-ko 琵琶湖'],
      ['bokeh', 0, 'Gion 祇園'],
      ['night', 7, 'Moon over Higashiyama'],
      ['skyline', 7, 'From the station roof'],
    ],
  },
  {
    folder: 'journal/2024/Maroc – Désert',
    year: 2,
    shots: [
      ['dunes', 4, 'Erg Chebbi'],
      ['dunes', 2, 'Erg Chebbi'],
      ['night', 0, 'Campement'],
      ['mountains', 4, 'Haut Atlas'],
      ['hills', 4, 'Vallée du Dadès'],
      ['bokeh', 4, 'Médina'],
    ],
  },
  {
    folder: 'journal/2025/Patagonia',
    year: 1,
    shots: [
      ['mountains', 1, 'Fitz Roy, clear for an hour'],
      ['lake', 1, 'Laguna de los Tres'],
      ['lake', 2, 'Sunrise, same place'],
      ['forest', 1, 'Lenga'],
      ['hills', 3, 'Estancia'],
      ['sea', 3, 'Beagle Channel'],
    ],
  },
  {
    folder: 'journal/2026/Åland',
    year: 0,
    shots: [
      ['sea', 7, 'Archipelago'],
      ['sea', 0, 'Evening crossing'],
      ['lake', 0, 'Långnäs'],
      ['forest', 0, 'Pines'],
      ['night', 5, 'August stars'],
      ['hills', 1, 'Kastelholm'],
    ],
  },
]

const slug = (title: string): string =>
  title
    .normalize('NFD')
    .replaceAll(/[^\p{L}\p{N} -]/gu, '')
    .normalize('NFC')
    .trim()
    .toLowerCase()
    .replaceAll(/ +/g, '-')

const SIZES: readonly (readonly [number, number])[] = [
  [800, 534],
  [864, 576],
  [800, 534],
  [800, 600],
  [640, 800],
  [1200, 675],
]

export const placeJournal = (album: Album): Asset[] => {
  const placed: Asset[] = []
  for (const [chapter, story] of STORIES.entries()) {
    story.shots.forEach(([scene, palette, title], n) => {
      const seed = chapter * 100 + n
      const [width, height] = SIZES[n] ?? [800, 534]
      const what = { scene, palette, seed, width, height }
      const revised = n === 0 ? 3 : n === 3 && chapter % 2 === 0 ? 1 : 0
      const ids: Pick<Piece, 'name' | 'ownId'> =
        chapter % 2 === 0
          ? { name: slug(title) }
          : { name: slug(title) + (n === 1 ? '-2' : ''), ownId: album.madeUpId() }
      placed.push(
        album.put({
          ...ids,
          folder: story.folder,
          displayName: title,
          format: 'jpg',
          width,
          height,
          createdAt: album.daysAgo(story.year * 365 + 200, story.year * 365 + 60),
          make: photograph(what),
          earlier: Array.from({ length: revised }, (_, draft) =>
            photograph({ ...what, palette: palette + draft + 1, width: 640, height: 427 }),
          ),
          tags: ['journal', scene, ...(n === 0 ? ['cover'] : []), ...(palette === 5 ? ['night'] : [])],
          context: {
            alt: `${title} (${scene})`,
            caption: title,
            photographer: n % 2 === 0 ? 'Mira Sørensen' : 'José Iñárritu',
          },
          metadata: {
            shot_on: `${2021 + chapter}-0${1 + n}-1${n}`,
            licence_id: n % 3 === 0 ? 'editorial' : 'full',
            channels_id: n % 2 === 0 ? ['web', 'print'] : ['web'],
          },
          originalFilename: `DSC_${String(4000 + seed * 7)}`,
        }),
      )
    })
  }
  return placed
}

const PRODUCTS: readonly (readonly [Product, string])[] = [
  ['vase', 'Alba vase'],
  ['bottle', 'Nord carafe'],
  ['cup', 'Morning cup'],
  ['lamp', 'Field lamp'],
  ['bowl', 'Tide bowl'],
  ['jar', 'Pantry jar'],
]

export const placeCatalogue = (album: Album): Asset[] =>
  PRODUCTS.flatMap(([product, title], kind) =>
    [0, 1, 2, 3, 4].map((variant) => {
      const sku = `NL-${product.slice(0, 2).toUpperCase()}-${100 + kind * 10 + variant}`
      const palette = PALETTES[(kind * 3 + variant * 2) % PALETTES.length] ?? PALETTES[0]
      if (palette === undefined) throw new Error('no palettes')
      const shot = (variantShown: number, size: number) => (): Buffer =>
        encodeJpeg(
          productShot({ width: size, height: size, palette, random: createRandom(1), product, variant: variantShown }),
        )
      return album.put({
        folder: `catalogue/${product}s`,
        name: `${product}-${sku.toLowerCase()}`,
        displayName: variant === 3 ? title : `${title} ${palette.name}`,
        format: 'jpg',
        width: 640,
        height: 640,
        createdAt: album.daysAgo(900 - kind * 60, 300),
        make: shot(variant, 640),
        earlier: variant === 0 ? [shot(variant + 1, 480), shot(variant + 2, 480)].slice(0, 1 + (kind % 2)) : [],
        tags: ['catalogue', product, ...(variant === 1 ? ['sale'] : []), ...(kind % 2 === 0 ? ['new arrival'] : [])],
        context: { alt: `${title}, ${palette.name}, on a plain ground` },
        metadata: {
          sku_id: sku,
          price_cents: 2400 + kind * 900 + variant * 150,
          licence_id: 'full',
          channels_id: ['shop', 'web'],
        },
        ...(variant === 2 ? { coordinates: { custom: [[160, 90, 400, 540]] } } : {}),
        ...(variant === 0
          ? {
              regions: {
                label: [
                  [250, 300],
                  [470, 420],
                ],
              },
            }
          : {}),
      })
    }),
  )

/** Small square pictures of one summer, all of them called the same. */
export const placeInstantFilm = (album: Album): Asset[] =>
  Array.from({ length: 20 }, (_, n) => {
    const what = { scene: Object.keys(SCENES)[n % 9] ?? 'sea', palette: n, seed: 1400 + n, width: 400, height: 400 }
    return album.put({
      folder: 'journal/2020/instant film',
      name: `instant-${String(n + 1).padStart(2, '0')}`,
      displayName: 'Instant',
      format: 'jpg',
      width: 400,
      height: 400,
      createdAt: album.daysAgo(2300, 2200),
      make: photograph(what),
      tags: ['journal', 'instant film'],
    })
  })

const MODERATED: readonly (readonly [status: string, scene: string, title: string])[] = [
  ['approved', 'bokeh', 'Our table'],
  ['approved', 'lake', 'Carafe by the lake'],
  ['approved', 'forest', 'Picnic'],
  ['pending', 'skyline', 'Balcony'],
  ['pending', 'hills', 'IMG_2231'],
  ['pending', 'sea', 'IMG_2231'],
  ['rejected', 'night', 'blurry'],
  ['rejected', 'bokeh', 'spam'],
]

export const placeCommunity = (album: Album): Asset[] =>
  MODERATED.map(([status, scene, title], n) => {
    const createdAt = album.daysAgo(120, 2)
    return album.put({
      folder: 'community/uploads',
      name: album.madeUpId(),
      ownId: album.madeUpId(),
      displayName: title,
      format: 'jpg',
      width: 640,
      height: 480,
      createdAt,
      make: photograph({ scene, palette: n, seed: 700 + n, width: 640, height: 480 }),
      tags: ['ugc'],
      moderation: [{ kind: 'manual', status, updatedAt: createdAt + (status === 'pending' ? 0 : 3_600_000) }],
      ...(n === 0
        ? {
            coordinates: {
              faces: [
                [120, 80, 90, 90],
                [300, 96, 84, 84],
              ],
            },
          }
        : {}),
    })
  })
