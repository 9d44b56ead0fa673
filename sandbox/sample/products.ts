/** Studio photographs of turned things: a profile that is rotated, lit from the left, on a soft floor. */
import { type Canvas, type Colour, createCanvas, darker, fillGradient, glow, lighter, mix } from './canvas.ts'
import type { Scene } from './landscapes.ts'
import { accent } from './palettes.ts'

export type Product = 'vase' | 'bottle' | 'cup' | 'lamp' | 'bowl' | 'jar'

/** Half widths from top to bottom, as shares of the height; the curve goes smoothly through them. */
const PROFILES: { readonly [product in Product]: readonly number[] } = {
  vase: [0.13, 0.1, 0.09, 0.15, 0.25, 0.3, 0.29, 0.23, 0.16, 0.15],
  bottle: [0.05, 0.055, 0.055, 0.06, 0.12, 0.17, 0.18, 0.18, 0.18, 0.165],
  cup: [0.3, 0.3, 0.295, 0.29, 0.285, 0.275, 0.26, 0.24, 0.2, 0.14],
  lamp: [0.1, 0.17, 0.24, 0.31, 0.035, 0.03, 0.03, 0.03, 0.06, 0.22],
  bowl: [0.42, 0.42, 0.41, 0.4, 0.37, 0.33, 0.27, 0.2, 0.13, 0.14],
  jar: [0.17, 0.18, 0.16, 0.24, 0.27, 0.28, 0.28, 0.28, 0.27, 0.24],
}

const HEIGHTS: { readonly [product in Product]: number } = {
  vase: 0.68,
  bottle: 0.74,
  cup: 0.44,
  lamp: 0.7,
  bowl: 0.36,
  jar: 0.56,
}

/** A cubic (Catmull-Rom) through the widths, except at the lamp's foot of the shade, where the jump is meant. */
const halfWidth = (profile: readonly number[], place: number): number => {
  const at = place * (profile.length - 1)
  const step = Math.min(profile.length - 2, Math.floor(at))
  const t = at - step
  const point = (n: number): number => profile[Math.max(0, Math.min(profile.length - 1, n))] ?? 0
  const [a, b, c, d] = [point(step - 1), point(step), point(step + 1), point(step + 2)]
  if (Math.abs(b - c) > 0.25) return t < 0.02 ? b : c
  return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t)
}

/** How bright a turned surface is at -1 (left edge) to 1: lit from the left, a narrow shine, and light from the wall. */
const shade = (across: number, paint: Colour): Colour => {
  const lit = Math.max(0, Math.sqrt(1 - across * across) * 0.75 - across * 0.5)
  const body = mix(darker(paint, 0.62), lighter(paint, 0.12), Math.min(1, lit))
  const shine = Math.exp(-(((across + 0.46) / 0.11) ** 2)) * 0.5
  const bounce = Math.exp(-(((across - 0.93) / 0.1) ** 2)) * 0.2
  return lighter(body, shine + bounce)
}

const SHADES = 256

const turn = (
  canvas: Canvas,
  thing: { profile: readonly number[]; x: number; top: number; tall: number },
  paint: (place: number) => Colour,
): void => {
  const { pixels, width, height } = canvas
  let last: Colour | undefined
  let shades: Colour[] = []
  for (let y = Math.round(thing.top); y < thing.top + thing.tall && y < height; y++) {
    const place = (y - thing.top) / thing.tall
    const here = paint(place)
    if (here !== last) shades = Array.from({ length: SHADES }, (_, n) => shade((n / (SHADES - 1)) * 2 - 1, here))
    last = here
    const half = halfWidth(thing.profile, place) * thing.tall
    for (let x = Math.max(0, Math.floor(thing.x - half)); x < Math.min(width, thing.x + half); x++) {
      const across = Math.max(-1, Math.min(1, (x + 0.5 - thing.x) / half))
      const lit = shades[Math.round(((across + 1) / 2) * (SHADES - 1))] ?? here
      const cover = Math.min(1, half - Math.abs(x + 0.5 - thing.x) + 0.5)
      const at = (y * width + x) * 3
      for (let part = 0; part < 3; part++)
        pixels[at + part] = (pixels[at + part] ?? 0) * (1 - cover) + (lit[part] ?? 0) * cover
    }
  }
}

export const productShot = (scene: Scene & { readonly product: Product; readonly variant: number }): Canvas => {
  const { width, height, palette, product, variant } = scene
  const canvas = createCanvas(width, height)
  const wall = lighter(mix(palette.sky.at(-1) ?? palette.light, accent(palette, variant + 1), 0.18), 0.25)
  const floor = Math.round(height * 0.72)
  fillGradient(canvas, [darker(wall, 0.14), wall, lighter(wall, 0.12)], { from: 0, to: floor })
  fillGradient(canvas, [lighter(wall, 0.05), darker(wall, 0.08), darker(wall, 0.2)], { from: floor, to: height })
  glow(
    canvas,
    { x: width * 0.5, y: floor, radius: width * 0.55, squash: 0.1 },
    { colour: lighter(wall, 0.12), strength: 0.9 },
  )
  const tall = height * HEIGHTS[product]
  const x = width * 0.5
  const foot = height * 0.84
  glow(
    canvas,
    { x: x + tall * 0.22, y: foot, radius: tall * 0.62, squash: 0.16 },
    { colour: darker(wall, 0.75), strength: 0.75 },
  )
  const glaze = accent(palette, variant)
  const band = accent(palette, variant + 2)
  const banded = variant % 3 === 1
  turn(canvas, { profile: PROFILES[product], x, top: foot - tall, tall }, (place) => {
    if (product === 'lamp') return place > 0.335 ? palette.near : palette.light
    return banded && place > 0.55 && place < 0.68 ? band : glaze
  })
  if (product === 'lamp')
    glow(canvas, { x, y: foot - tall * 0.8, radius: tall * 0.7 }, { colour: palette.light, strength: 0.45 })
  return canvas
}
