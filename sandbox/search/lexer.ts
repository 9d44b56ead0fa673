import { badRequest } from '../errors.ts'

export type Token =
  /** A field name, a value, or one of the words AND, OR, NOT and TO; `quoted` words are never the latter. */
  | {
      readonly kind: 'word'
      readonly text: string
      readonly quoted: boolean
      readonly wildcard: boolean
      readonly at: number
    }
  /** `:` `=` `<` `>` `<=` `>=` `(` `)` `[` `]` `{` `}` `+` `-` */
  | { readonly kind: 'mark'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly at: number }

export const syntaxError = (message: string, at: number): Error =>
  badRequest(`Invalid expression: ${message} at position ${at + 1}`)

const BLANK = /\s/
/** End a bare word; to be part of a value they must be quoted or escaped. */
const RESERVED = '!(){}[]^~?:=&<>|"'

interface Reader {
  readonly source: string
  at: number
}

/** Up to the closing quote. A backslash takes the next character as it stands; only `"` and `*` need one here. */
const readQuoted = (reader: Reader): Token => {
  const start = reader.at
  let text = ''
  let wildcard = false
  for (reader.at++; reader.at < reader.source.length; reader.at++) {
    const character = reader.source.charAt(reader.at)
    if (character === '"') {
      reader.at++
      return { kind: 'word', text, quoted: true, wildcard, at: start }
    }
    if (wildcard) throw syntaxError('a wildcard is allowed only at the end of a value', reader.at - 1)
    if (character === '\\' && reader.at + 1 < reader.source.length) text += reader.source.charAt(++reader.at)
    else if (character === '*') wildcard = true
    else text += character
  }
  throw syntaxError('a quote is not closed', start)
}

const readBare = (reader: Reader): Token => {
  const start = reader.at
  let text = ''
  let wildcard = false
  for (; reader.at < reader.source.length; reader.at++) {
    const character = reader.source.charAt(reader.at)
    if (BLANK.test(character) || RESERVED.includes(character)) break
    if (wildcard) throw syntaxError('a wildcard is allowed only at the end of a value', reader.at - 1)
    if (character === '\\') {
      reader.at++
      if (reader.at >= reader.source.length) throw syntaxError('nothing follows the backslash', reader.at - 1)
      text += reader.source.charAt(reader.at)
    } else if (character === '*') wildcard = true
    else text += character
  }
  if (text === '' && wildcard) throw syntaxError('a wildcard cannot stand alone', start)
  return { kind: 'word', text, quoted: false, wildcard, at: start }
}

const markAt = (source: string, at: number): string | undefined => {
  const two = source.slice(at, at + 2)
  if (two === '<=' || two === '>=') return two
  const one = source.charAt(at)
  if (':=<>()[]{}'.includes(one)) return one
  // A sign is an operator only where a clause begins: `-tags:x`, but `my-tag`.
  const before = at === 0 ? ' ' : source.charAt(at - 1)
  const next = source.charAt(at + 1)
  const begins = (BLANK.test(before) || before === '(') && next !== '' && !BLANK.test(next)
  return (one === '+' || one === '-') && begins ? one : undefined
}

/** Splits an expression. Throws the 400 of one that cannot be read. */
export const tokenize = (source: string): Token[] => {
  const reader: Reader = { source, at: 0 }
  const tokens: Token[] = []
  while (reader.at < source.length) {
    const character = source.charAt(reader.at)
    if (BLANK.test(character)) {
      reader.at++
      continue
    }
    const mark = markAt(source, reader.at)
    if (mark !== undefined) {
      tokens.push({ kind: 'mark', text: mark, at: reader.at })
      reader.at += mark.length
    } else if (character === '"') tokens.push(readQuoted(reader))
    else if (RESERVED.includes(character)) throw syntaxError(`unexpected ${character}`, reader.at)
    else tokens.push(readBare(reader))
  }
  return [...tokens, { kind: 'end', at: source.length }]
}
