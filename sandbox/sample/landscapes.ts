/** Outdoor photographs: sky, light, and layers that get darker as they come closer. */
import type { Random } from '../random.ts'
import {
  type Canvas,
  type Colour,
  createCanvas,
  darker,
  fillBelow,
  fillDisc,
  fillGradient,
  fillPolygon,
  fillRect,
  glow,
  mix,
} from './canvas.ts'
import type { Palette } from './palettes.ts'

export interface Scene {
  readonly width: number
  readonly height: number
  readonly palette: Palette
  readonly random: Random
}

/** A line of hills: waves of random phase, each half as high and twice as narrow as the one before. */
const ridge = (
  { width, height, random }: Scene,
  shape: { base: number; rise: number; octaves: number; sharp?: boolean },
): Float64Array => {
  const waves = Array.from({ length: shape.octaves }, (_, n) => ({
    height: (shape.rise * height) / 1.9 ** n,
    phase: random.next() * 100,
    pace: ((1.1 + random.next() * 0.7) * 2 ** n * 3.2) / width,
  }))
  return Float64Array.from({ length: width }, (_, x) => {
    let y = shape.base * height
    for (const wave of waves) {
      const swing = Math.sin(x * wave.pace + wave.phase)
      y -= wave.height * (shape.sharp === true ? 1 - 2 * Math.abs(swing) : swing)
    }
    return y
  })
}

const horizon = ({ sky, light }: Palette): Colour => sky.at(-1) ?? light

const paintSun = (
  canvas: Canvas,
  { width, height, palette, random }: Scene,
  level: number,
): { x: number; y: number } => {
  const sun = { x: width * (0.25 + random.next() * 0.5), y: height * level }
  glow(canvas, { ...sun, radius: height * 0.45 }, { colour: palette.light, strength: 0.75 })
  fillDisc(canvas, { ...sun, radius: height * 0.055 }, palette.light)
  return sun
}

/** Distance makes everything more like the sky at the horizon. */
const layer = (palette: Palette, share: number, height: number): ((y: number) => Colour) => {
  const base = mix(horizon(palette), palette.near, share)
  const haze = mix(base, horizon(palette), 0.35)
  return (y) => mix(base, haze, (y / height) ** 2 * 0.8)
}

const trees = (canvas: Canvas, scene: Scene, line: { ys: Float64Array; paint: Colour; size: number }): void => {
  const { random, width } = scene
  for (let x = random.below(20); x < width; x += line.size * (0.25 + random.next() * 0.6)) {
    const tall = line.size * (0.7 + random.next() * 0.9)
    const foot = (line.ys[Math.floor(x)] ?? 0) + 3
    for (let step = 0; step < 3; step++) {
      const top = foot - tall + (tall * step) / 4
      const half = (tall * (step + 1.4)) / 11
      fillPolygon(
        canvas,
        [
          [x, top],
          [x + half, top + tall / 2.4],
          [x - half, top + tall / 2.4],
        ],
        line.paint,
      )
    }
  }
}

export const hills = (scene: Scene): Canvas => {
  const { width, height, palette, random } = scene
  const canvas = createCanvas(width, height)
  fillGradient(canvas, palette.sky)
  paintSun(canvas, scene, 0.3 + random.next() * 0.2)
  const layers = 5
  for (let n = 1; n <= layers; n++) {
    const ys = ridge(scene, { base: 0.46 + n * 0.09, rise: 0.1 - n * 0.006, octaves: 3 + (n % 3) })
    fillBelow(canvas, ys, layer(palette, n / layers, height))
    if (n >= layers - 1)
      trees(canvas, scene, {
        ys,
        paint: mix(horizon(palette), darker(palette.near, 0.2), n / layers),
        size: 14 + (n - 3) * 18,
      })
  }
  return canvas
}

export const mountains = (scene: Scene): Canvas => {
  const { width, height, palette } = scene
  const canvas = createCanvas(width, height)
  fillGradient(canvas, palette.sky)
  paintSun(canvas, scene, 0.22)
  for (let n = 1; n <= 4; n++) {
    const ys = ridge(scene, { base: 0.42 + n * 0.12, rise: 0.13 - n * 0.015, octaves: 6, sharp: true })
    fillBelow(canvas, ys, layer(palette, n / 4, height))
  }
  return canvas
}

/** The upper half again, upside down, darker, and moved sideways by ripples that grow toward the shore. */
const mirror = (canvas: Canvas, from: number, tint: Colour): void => {
  const { width, height, pixels } = canvas
  const stride = width * 3
  for (let y = from; y < height; y++) {
    const depth = (y - from) / (height - from)
    const source = Math.max(0, Math.round(from - 1 - (y - from) * 0.92))
    const shift = Math.round(Math.sin(y * 0.9 + Math.sin(y * 0.13) * 4) * depth * 7) * 3
    const row = y * stride
    pixels.copyWithin(row, source * stride, (source + 1) * stride)
    if (shift > 0) pixels.copyWithin(row + shift, source * stride, (source + 1) * stride - shift)
    else if (shift < 0) pixels.copyWithin(row, source * stride - shift, (source + 1) * stride)
    const keep = 0.86 - depth * 0.28
    for (let at = row; at < row + stride; at += 3) {
      pixels[at] = (pixels[at] ?? 0) * keep + tint[0] * (1 - keep)
      pixels[at + 1] = (pixels[at + 1] ?? 0) * keep + tint[1] * (1 - keep)
      pixels[at + 2] = (pixels[at + 2] ?? 0) * keep + tint[2] * (1 - keep)
    }
  }
}

export const lake = (scene: Scene): Canvas => {
  const { width, height, palette } = scene
  const shore = Math.round(height * 0.58)
  const canvas = createCanvas(width, height)
  fillGradient(canvas, palette.sky, { from: 0, to: shore + 20 })
  paintSun(canvas, scene, 0.28)
  for (let n = 1; n <= 3; n++) {
    const ys = ridge(scene, { base: 0.4 + n * 0.055, rise: 0.1 - n * 0.018, octaves: 6, sharp: n < 3 })
    const capped = ys.map((y) => Math.min(y, shore - 2))
    fillBelow(canvas, capped, layer(palette, n / 3.4, height))
    if (n === 3) trees(canvas, scene, { ys: capped, paint: darker(palette.near, 0.1), size: height / 18 })
  }
  mirror(canvas, shore, palette.sky[0] ?? palette.near)
  return canvas
}

const sail = (canvas: Canvas, at: { x: number; y: number; size: number }, paint: Colour): void => {
  const { x, y, size } = at
  fillPolygon(
    canvas,
    [
      [x, y - size],
      [x + size * 0.5, y - size * 0.12],
      [x, y - size * 0.12],
    ],
    paint,
  )
  fillPolygon(
    canvas,
    [
      [x - 2, y - size * 0.85],
      [x - 2, y - size * 0.12],
      [x - size * 0.32, y - size * 0.12],
    ],
    paint,
  )
  fillPolygon(
    canvas,
    [
      [x - size * 0.42, y - size * 0.07],
      [x + size * 0.55, y - size * 0.07],
      [x + size * 0.4, y + size * 0.06],
      [x - size * 0.3, y + size * 0.06],
    ],
    paint,
  )
}

export const sea = (scene: Scene): Canvas => {
  const { width, height, palette, random } = scene
  const canvas = createCanvas(width, height)
  const line = Math.round(height * (0.5 + random.next() * 0.1))
  fillGradient(canvas, palette.sky, { from: 0, to: line })
  const sun = paintSun(canvas, scene, 0.42)
  fillGradient(
    canvas,
    [mix(horizon(palette), palette.near, 0.35), mix(palette.near, palette.sky[0] ?? palette.near, 0.35), palette.near],
    { from: line, to: height },
  )
  for (let y = line + 2; y < height; y += 2 + Math.floor((y - line) / 40)) {
    const near = (y - line) / (height - line)
    const spread = width * (0.02 + near * 0.16)
    for (let dash = 0; dash < 3; dash++) {
      const x = sun.x + (random.next() + random.next() - 1) * spread
      const long = 6 + random.next() * (14 + near * 70)
      fillRect(
        canvas,
        { x: x - long / 2, y, width: long, height: 1 + near * 2 },
        mix(palette.light, horizon(palette), near * 0.6),
      )
    }
  }
  for (let n = random.between(1, 3); n > 0; n--) {
    const size = height * (0.06 + random.next() * 0.12)
    sail(
      canvas,
      { x: width * random.next(), y: line + size * 0.5, size },
      mix(palette.near, palette.light, random.chance(0.5) ? 0.9 : 0.05),
    )
  }
  return canvas
}

export const dunes = (scene: Scene): Canvas => {
  const { width, height, palette, random } = scene
  const canvas = createCanvas(width, height)
  fillGradient(canvas, palette.sky)
  paintSun(canvas, scene, 0.24)
  for (let n = 1; n <= 5; n++) {
    const ys = ridge(scene, { base: 0.42 + n * 0.1, rise: 0.07, octaves: 2 })
    const base = mix(horizon(palette), palette.accents[0] ?? palette.near, 0.25 + n * 0.13)
    fillBelow(canvas, ys, (y) => mix(base, palette.near, Math.min(1, Math.max(0, y / height - 0.35 - n * 0.04))))
    const lee = ys.map((y, x) => y + 6 + ((ys[x - 40] ?? y) - y + 30) * (0.5 + n * 0.2))
    fillBelow(canvas, lee, (y) => mix(darker(base, 0.12), palette.near, Math.min(1, Math.max(0, y / height - 0.3))))
  }
  if (random.chance(0.5))
    glow(
      canvas,
      { x: width / 2, y: height * 0.5, radius: width * 0.5, squash: 0.12 },
      { colour: palette.light, strength: 0.3 },
    )
  return canvas
}
