/** Letters of five by seven cells, for pictures that must not depend on a font. */
import { type Canvas, type Colour, fillRect } from './canvas.ts'

/** Rows of five bits, from top to bottom, two hex digits each. */
const GLYPHS: { readonly [letter: string]: string } = {
  A: '0e11111f111111',
  B: '1e11111e11111e',
  C: '0e11101010110e',
  D: '1e11111111111e',
  E: '1f10101e10101f',
  F: '1f10101e101010',
  G: '0e11101711110f',
  H: '1111111f111111',
  I: '0e04040404040e',
  J: '0702020202120c',
  K: '11121418141211',
  L: '1010101010101f',
  M: '111b1515111111',
  N: '11191513111111',
  O: '0e11111111110e',
  P: '1e11111e101010',
  Q: '0e11111115120d',
  R: '1e11111e141211',
  S: '0f10100e01011e',
  T: '1f040404040404',
  U: '1111111111110e',
  V: '11111111110a04',
  W: '1111111515150a',
  X: '11110a040a1111',
  Y: '11110a04040404',
  Z: '1f01020408101f',
  0: '0e11131519110e',
  1: '040c040404040e',
  2: '0e11010204081f',
  3: '1f02040201110e',
  4: '02060a121f0202',
  5: '1f101e0101110e',
  6: '0608101e11110e',
  7: '1f010204080808',
  8: '0e11110e11110e',
  9: '0e11110f01020c',
  '-': '0000001f000000',
  '.': '00000000000c0c',
  '&': '0c12140815120d',
  '/': '00010204081000',
  '+': '0004041f040400',
  '%': '18190204081303',
  ':': '000c0c000c0c00',
  ' ': '00000000000000',
}

/** Draws capitals; small letters become capitals, and what has no letter stays blank. */
export const drawText = (
  canvas: Canvas,
  line: { text: string; x: number; y: number; cell: number },
  paint: Colour,
): void => {
  const { cell } = line
  ;[...line.text.toUpperCase()].forEach((letter, n) => {
    const rows = GLYPHS[letter] ?? ''
    for (let row = 0; row < 7; row++) {
      const bits = Number.parseInt(rows.slice(row * 2, row * 2 + 2) || '0', 16)
      for (let column = 0; column < 5; column++) {
        if (((bits >> (4 - column)) & 1) === 0) continue
        fillRect(
          canvas,
          { x: line.x + (n * 6 + column) * cell, y: line.y + row * cell, width: cell, height: cell },
          paint,
        )
      }
    }
  })
}
