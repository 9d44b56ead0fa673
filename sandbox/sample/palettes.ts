import { type Colour, colour } from './canvas.ts'

/** From the brightest, the sky, to the darkest, the foreground; the last is the accent. */
export interface Palette {
  readonly name: string
  readonly sky: readonly Colour[]
  readonly near: Colour
  readonly light: Colour
  readonly accents: readonly Colour[]
}

const palette = (name: string, colours: { sky: string; near: string; light: string; accents: string }): Palette => ({
  name,
  sky: colours.sky.split(' ').map(colour),
  near: colour(colours.near),
  light: colour(colours.light),
  accents: colours.accents.split(' ').map(colour),
})

export const PALETTES: readonly Palette[] = [
  palette('dawn', {
    sky: '#31456b #8b7aa3 #e9a6a6 #fde2c4',
    near: '#1d2238',
    light: '#fff1d6',
    accents: '#f2a07b #d9637a #7a5c93 #31456b #fde2c4',
  }),
  palette('noon', {
    sky: '#3b82b8 #8cc1e0 #dff0f5',
    near: '#1f4038',
    light: '#ffffff',
    accents: '#2f6f5e #88b06a #e8c547 #3b82b8 #f4f1de',
  }),
  palette('ember', {
    sky: '#2b1b3d #84295a #e4572e #f9c66b',
    near: '#160f1e',
    light: '#ffe9b8',
    accents: '#e4572e #f9c66b #84295a #2b1b3d #fbe9d0',
  }),
  palette('fjord', {
    sky: '#6d8ea0 #a9bfc7 #dfe5e1',
    near: '#16262e',
    light: '#f7f3e8',
    accents: '#2e4756 #7a9e9f #b8d8d8 #fe5f55 #eef5db',
  }),
  palette('sand', {
    sky: '#7fa9b5 #cfd8cf #f3e3c3',
    near: '#6b3e26',
    light: '#fff6e0',
    accents: '#c8793e #e8b878 #8a4f2d #3d5a58 #f3e3c3',
  }),
  palette('night', {
    sky: '#050a1f #0f1f45 #27427a #4d6ea3',
    near: '#03060f',
    light: '#f2f6ff',
    accents: '#27427a #8fb3e8 #f5d97e #0f1f45 #dbe7ff',
  }),
  palette('orchard', {
    sky: '#7d9d6a #c6cf93 #f5eec2',
    near: '#26331f',
    light: '#fffbe0',
    accents: '#a63d40 #e9b872 #90a959 #6494aa #fdf6e3',
  }),
  palette('lilac', {
    sky: '#5d5c9c #a58fc4 #e5c4dc #fbeaf0',
    near: '#241f3e',
    light: '#fff7fb',
    accents: '#a58fc4 #f2b5d4 #5d5c9c #eff7f6 #7bdff2',
  }),
]

export const paletteNamed = (name: string): Palette => {
  const found = PALETTES.find((candidate) => candidate.name === name)
  if (found === undefined) throw new RangeError(`no palette is called ${name}`)
  return found
}

/** The nth accent, going round. */
export const accent = ({ accents, light }: Palette, n: number): Colour => accents[n % accents.length] ?? light
