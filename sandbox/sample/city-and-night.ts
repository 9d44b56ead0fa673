/** Photographs of the dark hours and of the forest: lights, stars, trunks in the fog. */
import {
  type Canvas,
  createCanvas,
  darker,
  fillBelow,
  fillDisc,
  fillGradient,
  fillPolygon,
  fillRect,
  glow,
  lighter,
  mix,
} from './canvas.ts'
import type { Scene } from './landscapes.ts'
import { accent } from './palettes.ts'

export const skyline = ({ width, height, palette, random }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  fillGradient(canvas, palette.sky)
  glow(canvas, { x: width * 0.7, y: height * 0.62, radius: height * 0.6 }, { colour: palette.light, strength: 0.6 })
  const haze = palette.sky.at(-1) ?? palette.light
  for (let depth = 1; depth <= 3; depth++) {
    const wall = mix(haze, palette.near, 0.2 + depth * 0.26)
    for (let x = -20; x < width; ) {
      const wide = width * (0.025 + random.next() * 0.05)
      const top = height * (0.3 + depth * 0.1 + random.next() ** 1.5 * 0.28)
      fillRect(canvas, { x, y: top, width: wide, height: height - top }, wall)
      if (random.chance(0.2))
        fillRect(canvas, { x: x + wide / 2, y: top - height * 0.06, width: 2, height: height * 0.06 }, wall)
      const pane = 3 + depth * 2
      for (let y = top + pane; y < height - pane; y += pane * 2) {
        for (let across = x + pane; across < x + wide - pane; across += pane * 2) {
          const lit = random.chance(0.05 + depth * 0.05)
          if (lit)
            fillRect(
              canvas,
              { x: across, y, width: pane - 1, height: pane },
              mix(wall, palette.light, 0.35 + depth * 0.18),
            )
        }
      }
      x += wide + random.next() * 4
    }
  }
  return canvas
}

const pine = (
  canvas: Canvas,
  tree: { x: number; foot: number; tall: number },
  paint: readonly [number, number, number],
): void => {
  for (let step = 0; step < 5; step++) {
    const top = tree.foot - tree.tall + (tree.tall * step) / 6
    const half = (tree.tall * (step + 1)) / 20
    const below = top + tree.tall / 3.4
    fillPolygon(
      canvas,
      [
        [tree.x, top],
        [tree.x + half, below],
        [tree.x - half, below],
      ],
      paint,
    )
  }
}

export const night = ({ width, height, palette, random }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  fillGradient(
    canvas,
    palette.sky.map((sky) => darker(sky, palette.name === 'night' ? 0 : 0.55)),
  )
  const tilt = random.next() - 0.5
  for (let n = 0; n < 9; n++) {
    const x = (width * n) / 8
    const y = height * (0.35 + tilt * (n / 8 - 0.5)) + random.next() * 20
    glow(canvas, { x, y, radius: height * 0.22 }, { colour: accent(palette, n), strength: 0.16 })
  }
  for (let n = 0; n < 420; n++) {
    const star = {
      x: random.next() * width,
      y: random.next() ** 1.3 * height * 0.8,
      radius: 0.4 + random.next() ** 4 * 1.7,
    }
    fillDisc(canvas, star, mix(palette.light, accent(palette, n), random.next() * 0.3))
  }
  const moon = {
    x: width * (0.2 + random.next() * 0.6),
    y: height * (0.18 + random.next() * 0.12),
    radius: height * 0.045,
  }
  glow(canvas, { ...moon, radius: height * 0.26 }, { colour: palette.light, strength: 0.4 })
  fillDisc(canvas, moon, palette.light)
  const ground = Float64Array.from({ length: width }, (_, x) => height * 0.9 + Math.sin(x / 130) * height * 0.02)
  fillBelow(canvas, ground, () => palette.near)
  for (let x = 0; x < width; x += 12 + random.next() * 26) {
    pine(
      canvas,
      { x, foot: (ground[Math.floor(x)] ?? height) + 8, tall: height * (0.08 + random.next() ** 2 * 0.2) },
      palette.near,
    )
  }
  return canvas
}

export const forest = ({ width, height, palette, random }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  const fog = lighter(palette.sky.at(-1) ?? palette.light, 0.2)
  fillGradient(canvas, [mix(fog, palette.sky[0] ?? fog, 0.4), fog, mix(fog, palette.near, 0.25)])
  glow(
    canvas,
    { x: width * random.next(), y: height * 0.3, radius: height * 0.7 },
    { colour: palette.light, strength: 0.7 },
  )
  for (let depth = 1; depth <= 5; depth++) {
    const bark = mix(fog, palette.near, depth * 0.19)
    for (let n = 0; n < 16 - depth * 2; n++) {
      const wide = 2 + depth ** 1.7 * (0.8 + random.next())
      const x = random.next() * width
      const lean = (random.next() - 0.5) * 26
      fillPolygon(
        canvas,
        [
          [x + lean, 0],
          [x + lean + wide * 0.7, 0],
          [x + wide, height],
          [x, height],
        ],
        bark,
      )
    }
    const floor = Float64Array.from(
      { length: width },
      (_, x) => height * (0.7 + depth * 0.052) + Math.sin(x / (90 + depth * 20) + depth * 3) * 8,
    )
    fillBelow(canvas, floor, () => mix(bark, fog, 0.25))
  }
  return canvas
}

/** Lights out of focus. */
export const bokeh = ({ width, height, palette, random }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  fillGradient(canvas, [darker(palette.near, 0.2), mix(palette.near, accent(palette, 2), 0.4), palette.near])
  for (let n = 0; n < 34; n++) {
    const disc = {
      x: random.next() * width,
      y: height * (0.15 + random.next() * 0.8),
      radius: height * (0.02 + random.next() * 0.1),
    }
    const light = mix(accent(palette, n), palette.light, random.next() * 0.6)
    glow(canvas, { ...disc, radius: disc.radius * 1.7 }, { colour: light, strength: 0.35 })
    glow(canvas, { ...disc, radius: disc.radius * 1.02 }, { colour: light, strength: 0.5 })
  }
  return canvas
}
