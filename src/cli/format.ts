/** Text for people: amounts, times, and names made harmless. All pure; the clock and the width come from the caller. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

export const formatCount = (count: number): string => count.toLocaleString('en-US')

/** `1 asset`, `2 assets`, `3 copies`. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`

/** Two units at most: `850 ms`, `42 s`, `3 min 12 s`, `5 h 3 min`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const steps: [number, string, number, string][] = [
    [86_400, 'd', 3600, 'h'],
    [3600, 'h', 60, 'min'],
    [60, 'min', 1, 's'],
  ]
  for (const [big, bigName, small, smallName] of steps) {
    if (seconds < big) continue
    const rest = Math.floor((seconds % big) / small)
    return rest === 0
      ? `${Math.floor(seconds / big)} ${bigName}`
      : `${Math.floor(seconds / big)} ${bigName} ${rest} ${smallName}`
  }
  return `${seconds} s`
}

/** `mm:ss` or `h:mm:ss`, for a countdown. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  const two = (value: number): string => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`
}

/** `just now`, `5 min ago`, `3 h ago`, `2 days ago`; `in 5 min` for what is to come. */
export function formatAge(iso: string, now: number): string {
  const ms = now - Date.parse(iso)
  if (Number.isNaN(ms)) return '?'
  const minutes = Math.floor(Math.abs(ms) / 60_000)
  if (minutes < 1) return 'just now'
  const amount =
    minutes < 60
      ? `${minutes} min`
      : minutes < 48 * 60
        ? `${Math.floor(minutes / 60)} h`
        : plural(Math.floor(minutes / 1440), 'day')
  return ms < 0 ? `in ${amount}` : `${amount} ago`
}

/** Local time to the minute: `2026-10-01 12:03`. */
export function formatTime(iso: string | number): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return '?'
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`
}

// C0, DEL and C1 drive terminals; line separators break lines; bidirectional controls make a name read as another one.
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' }

/**
 * Makes text that came from outside (names, server messages) harmless and visible: a control character becomes its
 * escape. Everything an account contains goes through here before it reaches a terminal.
 */
export const safe = (text: string): string =>
  text.replace(HARMFUL, (char) => {
    const code = char.codePointAt(0) ?? 0
    return (
      NAMED[char] ??
      (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`)
    )
  })

// Colour and style sequences only: what this program itself puts into a line.
const STYLE = /\u001b\[[0-9;]*m/g
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const WIDE =
  /^(?:\p{Emoji_Presentation}|.\ufe0f|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6])/u
// Half-width katakana and hangul share their script with the wide ones.
const HALF_WIDTH = /^[\uff61-\uffdc]/u
const NOTHING = /^[\p{Mn}\p{Me}\p{Cf}]+$/u

const widthOfGrapheme = (grapheme: string): number => {
  const first = grapheme.charCodeAt(0)
  if (grapheme.length === 1 && first < 0x300) return 1
  if (NOTHING.test(grapheme)) return 0
  return WIDE.test(grapheme) && !HALF_WIDTH.test(grapheme) ? 2 : 1
}

/** Columns that a text takes on a terminal, styles not counted. */
export function widthOf(text: string): number {
  const plain = text.replace(STYLE, '')
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length
  let width = 0
  for (const { segment } of graphemes.segment(plain)) width += widthOfGrapheme(segment)
  return width
}

/** Cuts unstyled text to so many columns, with `…` where something is missing: at the end, or in the middle for paths. */
export function truncate(text: string, columns: number, where: 'end' | 'middle' = 'end'): string {
  if (widthOf(text) <= columns) return text
  if (columns < 1) return ''
  const parts = Array.from(graphemes.segment(text), ({ segment }) => segment)
  const take = (list: readonly string[], room: number): string[] => {
    const taken: string[] = []
    let left = room
    for (const part of list) {
      left -= widthOfGrapheme(part)
      if (left < 0) break
      taken.push(part)
    }
    return taken
  }
  if (where === 'end') return `${take(parts, columns - 1).join('')}…`
  // The end of a path tells more than its beginning.
  const tail = take(parts.toReversed(), Math.ceil((columns - 1) * 0.6)).toReversed()
  const head = take(parts, columns - 1 - widthOf(tail.join('')))
  return `${head.join('')}…${tail.join('')}`
}

/** Breaks unstyled text between words; a word longer than a line stays whole. `columns` null: one line. */
export function wrap(text: string, columns: number | null): string[] {
  if (columns === null || widthOf(text) <= columns) return [text]
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && widthOf(line) + 1 + widthOf(word) <= columns) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

export function pad(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const gap = ' '.repeat(Math.max(0, columns - widthOf(text)))
  return align === 'left' ? text + gap : gap + text
}
