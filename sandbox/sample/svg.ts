/** Vector pictures, written as text. */
import type { Colour } from './canvas.ts'
import { accent, type Palette } from './palettes.ts'

const css = (paint: Colour): string =>
  `#${paint.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`
const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const document = (width: number, height: number, body: string): Buffer =>
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">\n${body}\n</svg>\n`,
  )

/** The mark of the house: a sun between two hills; with its name when there is room. */
export const logo = (palette: Palette, variant: 'mark' | 'wide' | 'inverse'): Buffer => {
  const ink = css(variant === 'inverse' ? palette.light : palette.near)
  const ground = variant === 'inverse' ? `<rect width="480" height="160" fill="${css(palette.near)}"/>\n` : ''
  const mark = `<g transform="translate(20 20)"><circle cx="60" cy="46" r="22" fill="${css(accent(palette, 0))}"/><path d="M0 104 Q36 34 72 92 Q92 60 120 104 Z" fill="${ink}"/></g>`
  if (variant === 'mark') return document(160, 160, mark)
  return document(
    480,
    160,
    `${ground}${mark}\n<text x="164" y="98" font-family="Georgia, serif" font-size="56" letter-spacing="-1" fill="${ink}">northlight</text>`,
  )
}

const ICONS: { readonly [name: string]: string } = {
  cart: '<path d="M6 8h6l5 24h20l5-17H15"/><circle cx="20" cy="39" r="3"/><circle cx="35" cy="39" r="3"/>',
  heart: '<path d="M24 41 C6 28 6 10 17 10 c5 0 7 5 7 5 s2-5 7-5 c11 0 11 18-7 31z"/>',
  leaf: '<path d="M8 40 C8 16 24 8 40 8 c0 18-8 32-26 28 M8 40 L26 22"/>',
  pin: '<path d="M24 44 C14 30 11 25 11 19 a13 13 0 0 1 26 0 c0 6-3 11-13 25z"/><circle cx="24" cy="19" r="5"/>',
  sun: '<circle cx="24" cy="24" r="9"/><path d="M24 4v6 M24 38v6 M4 24h6 M38 24h6 M10 10l4 4 M34 34l4 4 M38 10l-4 4 M14 34l-4 4"/>',
  truck: '<path d="M4 12h24v22H4z M28 20h9l7 7v7H28"/><circle cx="13" cy="36" r="4"/><circle cx="35" cy="36" r="4"/>',
}
export const ICON_NAMES = Object.keys(ICONS)

export const icon = (name: string, palette: Palette): Buffer =>
  document(
    48,
    48,
    `<g fill="none" stroke="${css(palette.near)}" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round">${ICONS[name] ?? ''}</g>`,
  )

/** Big words over circles that overlap. */
export const typePoster = (palette: Palette, words: { title: string; line: string }, turn: number): Buffer => {
  const circles = [0, 1, 2, 3].map((n) => {
    const angle = turn + (n * Math.PI) / 2.3
    const x = Math.round(420 + Math.cos(angle) * 190)
    const y = Math.round(470 + Math.sin(angle) * 210)
    return `<circle cx="${x}" cy="${y}" r="${270 - n * 34}" fill="${css(accent(palette, n))}" style="mix-blend-mode:multiply"/>`
  })
  const letters = `<text x="60" y="1020" font-family="Helvetica, Arial, sans-serif" font-weight="700" font-size="128" letter-spacing="-6" fill="${css(palette.near)}">${escapeXml(words.title)}</text>`
  const small = `<text x="66" y="1090" font-family="Georgia, serif" font-style="italic" font-size="38" fill="${css(palette.near)}">${escapeXml(words.line)}</text>`
  return document(
    840,
    1188,
    [`<rect width="840" height="1188" fill="${css(palette.light)}"/>`, ...circles, letters, small].join('\n'),
  )
}
