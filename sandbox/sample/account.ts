/** The account that the demo shows: Northlight, a small house of ceramics and lamps that travels a lot. */
import type { Asset, Cloud } from '../state.ts'
import { placeAnimations, placeCharts, placePatterns, placePeople, placePosters, placeVectors } from './brand.ts'
import { placeConfiguration } from './configuration.ts'
import { encodePdf } from './documents.ts'
import { paletteNamed } from './palettes.ts'
import { placePdfs, placeRawFiles } from './papers.ts'
import { photograph, placeCatalogue, placeCommunity, placeInstantFilm, placeJournal } from './photographs.ts'
import { type Album, openAlbum } from './placing.ts'
import { placeFilms, placeMelodies } from './sound-and-film.ts'

const DAY = 86_400_000

const relate = (a: Asset | undefined, b: Asset | undefined): void => {
  if (a === undefined || b === undefined) return
  a.related.add(b.assetId)
  b.related.add(a.assetId)
}

/** Assets that not everybody may see. */
const placeRestricted = (album: Album): void => {
  const shot = { folder: 'press/embargoed pictures', format: 'jpg', width: 800, height: 534 } as const
  for (const n of [0, 1, 2]) {
    const make = photograph({ scene: ['bokeh', 'lake', 'night'][n] ?? 'sea', palette: n + 4, seed: 1000 + n })
    album.put({
      ...shot,
      name: `private-${n + 1}`,
      displayName: `Not before May ${n + 1}`,
      type: 'private',
      createdAt: album.daysAgo(90, 30),
      make,
      tags: ['embargo'],
    })
    album.put({
      ...shot,
      name: `authenticated-${n + 1}`,
      displayName: `Board only ${n + 1}`,
      type: 'authenticated',
      createdAt: album.daysAgo(90, 30),
      make: photograph({ scene: 'skyline', palette: n, seed: 1010 + n }),
      tags: ['board'],
    })
  }
  const opens = new Date(album.now + 30 * DAY).toISOString()
  album.put({
    ...shot,
    name: 'launch-hero',
    createdAt: album.daysAgo(20, 10),
    make: photograph({ scene: 'hills', palette: 2, seed: 1020 }),
    accessControl: [{ access_type: 'token' }, { access_type: 'anonymous', start: opens }],
    tags: ['launch'],
  })
  const contract = { title: 'Contract', lines: ['Between the house and the sea.'] }
  album.put({
    folder: 'documents',
    name: 'supplier-contract',
    format: 'pdf',
    width: 595,
    height: 842,
    pages: 1,
    type: 'authenticated',
    createdAt: album.daysAgo(200, 150),
    make: () => encodePdf([contract], paletteNamed('ember').near),
  })
  album.put({
    folder: 'documents',
    name: 'salaries.csv',
    displayName: 'salaries.csv',
    resourceType: 'raw',
    format: null,
    width: null,
    height: null,
    type: 'private',
    createdAt: album.daysAgo(80, 40),
    make: () => Buffer.from('name,amount\r\nMax,1\r\n'),
  })
}

/** Fetched from elsewhere: the public_id is the address. Cloudinary never backs these up. */
const placeFetched = (album: Album): void => {
  for (const n of [1, 2, 3]) {
    const url = `https://images.northlight.example/partner/${n}.jpg?size=large&v=${n}`
    album.put({
      folder: '',
      name: url,
      ownId: url,
      type: 'fetch',
      format: 'jpg',
      width: 640,
      height: 427,
      createdAt: album.daysAgo(60, 5),
      make: photograph({ scene: 'sea', palette: n, seed: 1100 + n, width: 640, height: 427 }),
    })
  }
}

const placeDeleted = (album: Album): void => {
  for (const n of [0, 1, 2, 3, 4]) {
    const scene = ['dunes', 'forest', 'lake', 'bokeh', 'sea'][n] ?? 'sea'
    const what = { scene, palette: n + 3, seed: 1200 + n, width: 640, height: 427 }
    album.put({
      folder: 'journal/unused',
      name: `outtake-${n + 1}`,
      format: 'jpg',
      width: 640,
      height: 427,
      createdAt: album.daysAgo(700, 500),
      make: photograph(what),
      earlier: n === 0 ? [photograph({ ...what, palette: n })] : [],
      deleted: true,
    })
  }
}

const placeLoose = (album: Album): void => {
  album.put({
    folder: '',
    name: 'sample',
    format: 'jpg',
    width: 960,
    height: 640,
    createdAt: album.daysAgo(1825, 1820),
    make: photograph({ scene: 'lake', palette: 2, seed: 1300, width: 960, height: 640 }),
    tags: ['sample'],
    context: { alt: 'A lake in the evening', caption: 'Every account starts with a sample' },
  })
  album.put({
    folder: '',
    name: 'sample.csv',
    displayName: 'sample.csv',
    resourceType: 'raw',
    format: null,
    width: null,
    height: null,
    createdAt: album.daysAgo(1820, 1800),
    make: () => Buffer.from('a,b\n1,2\n'),
  })
  for (const n of [0, 1]) {
    album.put({
      folder: 'inbox',
      name: album.madeUpId(),
      ownId: album.madeUpId(),
      displayName: 'Untitled',
      format: 'jpg',
      width: 640,
      height: 427,
      createdAt: album.daysAgo(3, 0.1),
      make: photograph({ scene: 'bokeh', palette: n + 1, seed: 1310 + n, width: 640, height: 427 }),
    })
  }
}

/**
 * About two hundred assets of all kinds, with folders, versions, metadata and settings; the same in every run but for
 * the dates, which count back from `now`. The bytes are made when somebody first asks for them, which takes a few
 * milliseconds each.
 */
export const fillSampleAccount = (cloud: Cloud, now: number): void => {
  const album = openAlbum(cloud, now)
  placeConfiguration(cloud, Math.floor((now - 1825 * DAY) / 1000) * 1000)
  const journal = placeJournal(album)
  const catalogue = placeCatalogue(album)
  placeCommunity(album)
  placeInstantFilm(album)
  placePatterns(album)
  placePeople(album)
  placePosters(album)
  placeVectors(album)
  placeAnimations(album)
  placeCharts(album)
  const papers = placePdfs(album)
  const raw = placeRawFiles(album)
  placeMelodies(album)
  const films = placeFilms(album)
  placeRestricted(album)
  placeFetched(album)
  placeDeleted(album)
  placeLoose(album)
  const named = (assets: readonly Asset[], part: string): Asset | undefined =>
    assets.find((asset) => asset.publicId.includes(part))
  for (const language of ['en', 'sv', 'ja']) relate(films[0], named(raw, `waves.${language}`))
  relate(named(catalogue, 'lamp-'), named(papers, 'manual-field-lamp'))
  relate(named(catalogue, 'bottle-'), named(papers, 'manual-nord-carafe'))
  relate(journal[0], journal[1])
}
