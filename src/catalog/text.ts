/**
 * Names come as the account has them, but a database ends text at NUL and cannot hold half of a surrogate pair. Those,
 * and the escape itself, are written as U+0001 and what follows; all other text stays as it is and in the same order.
 */
const ESCAPE = '\u0001'
// With the u flag a pair is one character, so \p{Cs} is a half that stands alone.
const UNSTORABLE = /[\0\u0001]|\p{Cs}/gu
const ESCAPED = /\u0001(?:0|1|x([0-9a-f]{4}))/g

export function toText(name: string): string {
  return name.replace(UNSTORABLE, (unit) => {
    if (unit === '\0') return `${ESCAPE}0`
    return unit === ESCAPE ? `${ESCAPE}1` : `${ESCAPE}x${unit.charCodeAt(0).toString(16)}`
  })
}

export function fromText(text: string): string {
  if (!text.includes(ESCAPE)) return text
  return text.replace(ESCAPED, (escaped, hex: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    return escaped === `${ESCAPE}0` ? '\0' : ESCAPE
  })
}

export const toTextOrNull = (name: string | null): string | null => (name === null ? null : toText(name))
export const fromTextOrNull = (text: string | null): string | null => (text === null ? null : fromText(text))

/** Above every text that starts with `prefix`, in byte order. */
export const afterPrefix = (prefix: string): string => `${prefix}\u{10ffff}`
