/** Flat pictures: patterns, portraits made of shapes, posters and marks. */
import {
  type Canvas,
  type Colour,
  colour,
  createCanvas,
  fillDisc,
  fillPolygon,
  fillRect,
  lighter,
  mix,
} from './canvas.ts'
import type { Scene } from './landscapes.ts'
import { drawText } from './lettering.ts'
import { accent } from './palettes.ts'

const background = (canvas: Canvas, paint: Colour): void =>
  fillRect(canvas, { x: 0, y: 0, width: canvas.width, height: canvas.height }, paint)

/** Tiles with a quarter of a ring in a random corner. */
export const quarters = ({ width, height, palette, random }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  background(canvas, accent(palette, 4))
  const size = Math.round(width / random.between(6, 9))
  for (let y = 0; y < height; y += size) {
    for (let x = 0; x < width; x += size) {
      fillRect(canvas, { x, y, width: size, height: size }, lighter(accent(palette, random.below(5)), 0.1))
      const corner = random.below(4)
      const centre = { x: x + (corner % 3 === 0 ? 0 : size), y: y + (corner < 2 ? 0 : size) }
      const clip = { x, y, width: size, height: size }
      fillDisc(canvas, { ...centre, radius: size, clip }, accent(palette, random.below(5)))
      fillDisc(canvas, { ...centre, radius: size * 0.55, clip }, accent(palette, random.below(5)))
    }
  }
  return canvas
}

/** Overlapping rings like waves or scales. */
export const scallops = ({ width, height, palette }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  background(canvas, accent(palette, 0))
  const radius = width / 14
  for (let row = 0; row * radius * 0.5 < height + radius; row++) {
    for (let x = row % 2 === 0 ? 0 : radius; x < width + radius; x += radius * 2) {
      const y = row * radius * 0.5
      for (let ring = 0; ring < 4; ring++) {
        const paint = ring % 2 === 0 ? accent(palette, row + ring) : accent(palette, 4)
        fillDisc(canvas, { x, y, radius: radius * (1 - ring * 0.25) }, paint)
      }
    }
  }
  return canvas
}

export const triangles = ({ width, height, palette, random }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  background(canvas, accent(palette, 4))
  const size = width / 12
  for (let y = 0; y < height; y += size) {
    for (let x = 0; x < width; x += size) {
      const corners: [number, number][] = [
        [x, y],
        [x + size, y],
        [x + size, y + size],
        [x, y + size],
      ]
      corners.splice(random.below(4), 1)
      fillPolygon(canvas, corners, accent(palette, random.below(4)))
    }
  }
  return canvas
}

/** A person of circles and half circles. */
export const portrait = ({ width, height, palette, random }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  const start = random.below(5)
  background(canvas, accent(palette, start))
  fillDisc(canvas, { x: width / 2, y: height * 0.46, radius: width * 0.42 }, lighter(accent(palette, start + 1), 0.15))
  const skin = mix(
    ['#f1c9a5', '#8d5a3b', '#d9a066', '#5f3b26', '#f7dcc4'].map(colour)[random.below(5)] ?? palette.light,
    palette.light,
    0.1,
  )
  const hair = random.pick([
    palette.near,
    mix(palette.near, accent(palette, 0), 0.6),
    mix(palette.light, palette.near, 0.35),
  ])
  const head = { x: width / 2, y: height * 0.42, radius: width * 0.17 }
  const long = random.chance(0.5)
  if (long)
    fillDisc(canvas, { x: head.x, y: head.y + head.radius * 0.35, radius: head.radius * 1.45, squash: 1.15 }, hair)
  fillDisc(canvas, { x: head.x, y: height * 1.02, radius: width * 0.36, squash: 0.95 }, accent(palette, start + 3))
  fillRect(
    canvas,
    { x: head.x - head.radius * 0.38, y: head.y, width: head.radius * 0.76, height: head.radius * 1.75 },
    mix(skin, palette.near, 0.15),
  )
  fillDisc(canvas, { ...head, squash: 1.14 }, skin)
  fillDisc(
    canvas,
    {
      x: head.x,
      y: head.y - head.radius * 0.32,
      radius: head.radius * 1.08,
      clip: { x: 0, y: 0, width, height: Math.round(head.y - head.radius * 0.32) },
    },
    hair,
  )
  for (const side of [-1, 1]) {
    fillDisc(
      canvas,
      { x: head.x + side * head.radius * 0.4, y: head.y + head.radius * 0.12, radius: head.radius * 0.075 },
      palette.near,
    )
    fillDisc(
      canvas,
      { x: head.x + side * head.radius * 0.55, y: head.y + head.radius * 0.42, radius: head.radius * 0.16 },
      mix(skin, accent(palette, 0), 0.35),
    )
    if (start % 2 === 0)
      fillDisc(
        canvas,
        {
          x: head.x + side * head.radius * 0.4,
          y: head.y + head.radius * 0.12,
          radius: head.radius * 0.29,
          inner: head.radius * 0.23,
        },
        palette.near,
      )
  }
  fillDisc(
    canvas,
    {
      x: head.x,
      y: head.y + head.radius * 0.5,
      radius: head.radius * 0.24,
      inner: head.radius * 0.17,
      arc: [0.35, Math.PI - 0.35],
    },
    palette.near,
  )
  return canvas
}

/** A few big words, and a big shape behind them. */
export const poster = (scene: Scene & { readonly lines: readonly string[] }): Canvas => {
  const { width, height, palette, random, lines } = scene
  const canvas = createCanvas(width, height)
  const start = random.below(5)
  background(canvas, accent(palette, start))
  const centre = { x: width * (0.3 + random.next() * 0.4), y: height * 0.4 }
  for (let ring = 0; ring < 5; ring++) {
    fillDisc(canvas, { ...centre, radius: width * (0.52 - ring * 0.1) }, accent(palette, start + 1 + (ring % 2)))
  }
  fillPolygon(
    canvas,
    [
      [0, height * 0.62],
      [width, height * (0.5 + random.next() * 0.2)],
      [width, height],
      [0, height],
    ],
    palette.near,
  )
  const longest = Math.max(...lines.map((line) => line.length))
  const cell = Math.floor((width * 0.86) / (longest * 6))
  lines.forEach((line, n) => {
    const y = height * 0.94 - (lines.length - n) * cell * 9
    drawText(
      canvas,
      { text: line, x: width * 0.07, y, cell },
      n === 0 ? palette.light : mix(accent(palette, start), palette.light, 0.55),
    )
  })
  return canvas
}

/** Columns of a chart with their axis. */
export const chart = ({ width, height, palette, random }: Scene): Canvas => {
  const canvas = createCanvas(width, height)
  background(canvas, [255, 255, 255])
  const base = height * 0.86
  for (let line = 0; line <= 5; line++)
    fillRect(
      canvas,
      { x: width * 0.08, y: base - (line * height * 0.7) / 5, width: width * 0.86, height: 1 },
      [222, 222, 226],
    )
  for (let n = 0; n < 12; n++) {
    const tall = height * (0.12 + random.next() * 0.2 + n * 0.03)
    fillRect(
      canvas,
      { x: width * (0.1 + n * 0.07), y: base - tall, width: width * 0.045, height: tall },
      accent(palette, n % 2 === 0 ? 0 : 3),
    )
  }
  drawText(
    canvas,
    { text: 'VISITS A MONTH', x: width * 0.08, y: height * 0.05, cell: Math.max(2, Math.floor(width / 220)) },
    palette.near,
  )
  return canvas
}
