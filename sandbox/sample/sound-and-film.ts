/** Melodies and films, which Cloudinary both keeps as video. */
import { createRandom } from '../random.ts'
import type { Asset } from '../state.ts'
import { encodeJpeg } from './encode-jpeg.ts'
import { encodeAvi, encodeMovie, type Film } from './encode-video.ts'
import { encodeWav, melodySeconds, type Note } from './encode-wav.ts'
import { hills, sea } from './landscapes.ts'
import { paletteNamed } from './palettes.ts'
import type { Album } from './placing.ts'

const MELODIES: { readonly [name: string]: readonly Note[] } = {
  'morning chime': [
    [3, 1],
    [7, 1],
    [10, 1],
    [15, 2],
    [10, 1],
    [7, 2],
  ],
  'evening chime': [
    [15, 1],
    [12, 1],
    [8, 1],
    [3, 3],
  ],
  'door bell': [
    [12, 1],
    [8, 2],
  ],
  'hold music': [
    [0, 1],
    [4, 1],
    [7, 1],
    [11, 1],
    [12, 2],
    [11, 1],
    [7, 1],
    [4, 2],
    [5, 1],
    [9, 1],
    [12, 1],
    [9, 1],
    [7, 3],
  ],
}
const BEAT = 0.28

export const placeMelodies = (album: Album): Asset[] =>
  Object.entries(MELODIES).map(([name, notes]) =>
    album.put({
      folder: 'audio',
      name: name.replaceAll(' ', '-'),
      displayName: name,
      resourceType: 'video',
      format: 'wav',
      width: null,
      height: null,
      duration: melodySeconds(notes, BEAT),
      isAudio: true,
      createdAt: album.daysAgo(500, 200),
      tags: ['audio'],
      make: () => encodeWav(notes, BEAT),
    }),
  )

const WIDTH = 320
const HEIGHT = 180
const FRAMES = 10
const FPS = 5

/** The same scene in the light of one palette after the other, so that each frame differs. */
const film = (scene: 'sea' | 'hills', palette: string): Film => ({
  width: WIDTH,
  height: HEIGHT,
  framesPerSecond: FPS,
  frames: Array.from({ length: FRAMES }, (_, n) => {
    const draw = scene === 'sea' ? sea : hills
    // Only the glitter moves: the sea takes new numbers for each frame, the hills keep theirs.
    return encodeJpeg(
      draw({
        width: WIDTH,
        height: HEIGHT,
        palette: paletteNamed(palette),
        random: createRandom(scene === 'sea' ? 900 + n : 950),
      }),
      75 - (n % 5),
    )
  }),
})

const FILMS: readonly (readonly [
  name: string,
  format: 'mov' | 'mp4' | 'avi',
  scene: 'sea' | 'hills',
  palette: string,
])[] = [
  ['waves', 'mov', 'sea', 'ember'],
  ['waves-short', 'mp4', 'sea', 'fjord'],
  ['one-day', 'mp4', 'hills', 'dawn'],
  ['old-camera', 'avi', 'hills', 'orchard'],
]

export const placeFilms = (album: Album): Asset[] =>
  FILMS.map(([name, format, scene, palette]) =>
    album.put({
      folder: 'video',
      name,
      displayName: name.replace('-', ' '),
      resourceType: 'video',
      format,
      width: WIDTH,
      height: HEIGHT,
      duration: FRAMES / FPS,
      createdAt: album.daysAgo(650, 90),
      tags: ['video', scene],
      context: { alt: `A silent film of the ${scene}` },
      make: () => (format === 'avi' ? encodeAvi(film(scene, palette)) : encodeMovie(film(scene, palette), format)),
      earlier: name === 'waves' ? [() => encodeMovie(film('sea', 'night'), format === 'avi' ? 'mov' : format)] : [],
    }),
  )
