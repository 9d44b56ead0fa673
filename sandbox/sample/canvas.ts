/** A picture in the making: RGB bytes, row by row, with shapes whose edges are smooth. */

export type Colour = readonly [red: number, green: number, blue: number]

export interface Canvas {
  readonly width: number
  readonly height: number
  /** Three bytes a pixel. */
  readonly pixels: Uint8Array
}

export const createCanvas = (width: number, height: number): Canvas => ({
  width,
  height,
  pixels: new Uint8Array(width * height * 3),
})

/** `#rrggbb` */
export const colour = (hex: string): Colour => [
  Number.parseInt(hex.slice(1, 3), 16),
  Number.parseInt(hex.slice(3, 5), 16),
  Number.parseInt(hex.slice(5, 7), 16),
]

export const mix = (a: Colour, b: Colour, share: number): Colour => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
]

const WHITE: Colour = [255, 255, 255]
const BLACK: Colour = [0, 0, 0]
export const lighter = (a: Colour, share: number): Colour => mix(a, WHITE, share)
export const darker = (a: Colour, share: number): Colour => mix(a, BLACK, share)

/** Lays a colour over one pixel; `cover` from 0, nothing, to 1. */
const blend = (pixels: Uint8Array, at: number, paint: Colour, cover: number): void => {
  const red = pixels[at] ?? 0
  const green = pixels[at + 1] ?? 0
  const blue = pixels[at + 2] ?? 0
  pixels[at] = red + (paint[0] - red) * cover
  pixels[at + 1] = green + (paint[1] - green) * cover
  pixels[at + 2] = blue + (paint[2] - blue) * cover
}

/** Fills part of one row. The first pixels are painted, then copied in doubling steps: much faster than one by one. */
const fillRun = (canvas: Canvas, y: number, run: { from: number; to: number; colour: Colour }): void => {
  const from = Math.max(0, run.from)
  const to = Math.min(canvas.width, run.to)
  if (to <= from || y < 0 || y >= canvas.height) return
  const start = (y * canvas.width + from) * 3
  const end = (y * canvas.width + to) * 3
  const single = Math.min(end, start + 48)
  for (let at = start; at < single; at += 3) {
    canvas.pixels[at] = run.colour[0]
    canvas.pixels[at + 1] = run.colour[1]
    canvas.pixels[at + 2] = run.colour[2]
  }
  for (let done = single; done < end; ) {
    const part = Math.min(done - start, end - done)
    canvas.pixels.copyWithin(done, start, start + part)
    done += part
  }
}

/** A smooth passage through the colours from top to bottom. */
export const fillGradient = (
  canvas: Canvas,
  colours: readonly Colour[],
  area: { from?: number; to?: number } = {},
): void => {
  const { from = 0, to = canvas.height } = area
  for (let y = from; y < to; y++) {
    const place = ((y - from) / Math.max(1, to - from - 1)) * (colours.length - 1)
    const step = Math.min(colours.length - 2, Math.floor(place))
    const [a = BLACK, b = a] = [colours[Math.max(0, step)], colours[Math.max(0, step) + 1]]
    fillRun(canvas, y, { from: 0, to: canvas.width, colour: mix(a, b, place - step) })
  }
}

export const fillRect = (
  canvas: Canvas,
  rect: { x: number; y: number; width: number; height: number },
  paint: Colour,
): void => {
  const bottom = Math.round(rect.y + rect.height)
  for (let y = Math.round(rect.y); y < bottom; y++) {
    fillRun(canvas, y, { from: Math.round(rect.x), to: Math.round(rect.x + rect.width), colour: paint })
  }
}

export interface Disc {
  readonly x: number
  readonly y: number
  readonly radius: number
  /** Of a ring; 0 is a full disc. */
  readonly inner?: number
  /** Height through width. @default 1 */
  readonly squash?: number
  /** Between two angles in radians, clockwise from the right. */
  readonly arc?: readonly [from: number, to: number]
  /** Only within this rectangle, given in whole pixels. */
  readonly clip?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
}

const TURN = Math.PI * 2

const inArc = (angle: number, [from, to]: readonly [number, number]): boolean => {
  const turned = (((angle - from) % TURN) + TURN) % TURN
  return turned <= to - from
}

export const fillDisc = (canvas: Canvas, disc: Disc, paint: Colour): void => {
  const { inner = 0, squash = 1, radius, clip = { x: 0, y: 0, width: canvas.width, height: canvas.height } } = disc
  const top = Math.max(0, clip.y, Math.floor(disc.y - radius * squash - 1))
  const bottom = Math.min(canvas.height, clip.y + clip.height, Math.ceil(disc.y + radius * squash + 1))
  const [leftmost, rightmost] = [Math.max(0, clip.x), Math.min(canvas.width, clip.x + clip.width)]
  for (let y = top; y < bottom; y++) {
    const dy = (y + 0.5 - disc.y) / squash
    const half = Math.sqrt(Math.max(0, (radius + 1) ** 2 - dy * dy))
    // Inside, where nothing shines through, a whole run is painted at once.
    const solid = inner > 0 || disc.arc !== undefined ? 0 : Math.sqrt(Math.max(0, (radius - 0.5) ** 2 - dy * dy)) - 0.5
    const run = {
      from: Math.max(leftmost, Math.ceil(disc.x - solid)),
      to: Math.min(rightmost, Math.floor(disc.x + solid)),
    }
    if (run.to > run.from) fillRun(canvas, y, { ...run, colour: paint })
    const right = Math.min(rightmost, Math.ceil(disc.x + half))
    for (let x = Math.max(leftmost, Math.floor(disc.x - half)); x < right; x++) {
      if (x === run.from && run.to > run.from) x = run.to
      if (x >= right) break
      const dx = x + 0.5 - disc.x
      const distance = Math.sqrt(dx * dx + dy * dy)
      const cover = Math.min(1, radius - distance + 0.5, inner > 0 ? distance - inner + 0.5 : 1)
      if (cover <= 0 || (disc.arc !== undefined && !inArc(Math.atan2(dy, dx), disc.arc))) continue
      blend(canvas.pixels, (y * canvas.width + x) * 3, paint, cover)
    }
  }
}

/** Light around a point that fades outward: suns, lamps, soft shadows. */
export const glow = (canvas: Canvas, disc: Disc, light: { colour: Colour; strength: number }): void => {
  const { squash = 1, radius } = disc
  const bottom = Math.min(canvas.height, Math.ceil(disc.y + radius * squash))
  for (let y = Math.max(0, Math.floor(disc.y - radius * squash)); y < bottom; y++) {
    const dy = (y - disc.y) / squash
    const half = Math.sqrt(Math.max(0, radius * radius - dy * dy))
    const right = Math.min(canvas.width, Math.ceil(disc.x + half))
    for (let x = Math.max(0, Math.floor(disc.x - half)); x < right; x++) {
      const dx = x - disc.x
      const fade = 1 - (dx * dx + dy * dy) / (radius * radius)
      blend(canvas.pixels, (y * canvas.width + x) * 3, light.colour, Math.max(0, fade * fade) * light.strength)
    }
  }
}

/** Everything below a line that has a height for each column; the edge is smooth. */
export const fillBelow = (canvas: Canvas, line: Float64Array, paint: (y: number) => Colour): void => {
  let top = canvas.height
  let full = 0
  for (const y of line) {
    top = Math.min(top, y)
    full = Math.max(full, y)
  }
  for (let y = Math.max(0, Math.floor(top)); y < canvas.height; y++) {
    const here = paint(y)
    if (y >= full) {
      fillRun(canvas, y, { from: 0, to: canvas.width, colour: here })
      continue
    }
    for (let x = 0; x < canvas.width; x++) {
      const cover = y + 1 - (line[x] ?? 0)
      if (cover > 0) blend(canvas.pixels, (y * canvas.width + x) * 3, here, cover < 1 ? cover : 1)
    }
  }
}

/** A convex shape given by its corners. */
export const fillPolygon = (canvas: Canvas, corners: readonly (readonly [number, number])[], paint: Colour): void => {
  const ys = corners.map(([, y]) => y)
  const bottom = Math.min(canvas.height - 1, Math.ceil(Math.max(...ys)))
  for (let y = Math.max(0, Math.floor(Math.min(...ys))); y <= bottom; y++) {
    const crossings: number[] = []
    corners.forEach(([x1, y1], n) => {
      const [x2, y2] = corners[(n + 1) % corners.length] ?? [x1, y1]
      const middle = y + 0.5
      if (y1 <= middle !== y2 <= middle) crossings.push(x1 + ((middle - y1) / (y2 - y1)) * (x2 - x1))
    })
    crossings.sort((a, b) => a - b)
    const [left, right] = [crossings[0], crossings.at(-1)]
    if (left !== undefined && right !== undefined) {
      fillRun(canvas, y, { from: Math.round(left), to: Math.round(right), colour: paint })
    }
  }
}
