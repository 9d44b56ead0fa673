import { syntaxError, type Token, tokenize } from './lexer.ts'

export interface Value {
  readonly text: string
  /** Ended in an unescaped `*`: whatever begins with the text. */
  readonly wildcard: boolean
}

export interface Bound {
  readonly text: string
  readonly inclusive: boolean
}

export type Expression =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly kind: 'not'; readonly part: Expression }
  /** `:` matches tokens, `=` the whole value. Without a field the usual texts are searched. */
  | { readonly kind: 'match'; readonly field: string | null; readonly exact: boolean; readonly value: Value }
  | { readonly kind: 'range'; readonly field: string; readonly low: Bound | null; readonly high: Bound | null }

interface Parser {
  readonly tokens: readonly Token[]
  at: number
}

type Word = Extract<Token, { kind: 'word' }>

const peek = (parser: Parser, ahead = 0): Token => parser.tokens[parser.at + ahead] ?? { kind: 'end', at: 0 }

const isMark = (token: Token, text: string): boolean => token.kind === 'mark' && token.text === text

const isOperator = (token: Token, word: string): boolean =>
  token.kind === 'word' && !token.quoted && !token.wildcard && token.text === word

const OPERATORS = ['AND', 'OR', 'NOT', 'TO']

const unexpected = (token: Token): Error =>
  token.kind === 'end' ? syntaxError('unexpected end', token.at) : syntaxError(`unexpected ${token.text}`, token.at)

const takeMark = (parser: Parser, text: string): void => {
  if (!isMark(peek(parser), text)) throw unexpected(peek(parser))
  parser.at++
}

const takeWord = (parser: Parser): Word => {
  const token = peek(parser)
  if (token.kind !== 'word' || (!token.quoted && OPERATORS.includes(token.text))) throw unexpected(token)
  parser.at++
  return token
}

/** A value may begin with a sign: `longitude:-70`. */
const takeSignedWord = (parser: Parser): Word => {
  const token = peek(parser)
  if (!isMark(token, '-') && !isMark(token, '+')) return takeWord(parser)
  parser.at++
  const word = takeWord(parser)
  return { ...word, text: (token.kind === 'mark' ? token.text : '') + word.text }
}

const takeBound = (parser: Parser, inclusive: boolean): Bound => {
  const word = takeSignedWord(parser)
  if (word.wildcard) throw syntaxError('a range has no wildcards', word.at)
  return { text: word.text, inclusive }
}

const takeRange = (parser: Parser, field: string): Expression => {
  const opened = isMark(peek(parser), '[')
  parser.at++
  const low = takeBound(parser, opened)
  if (!isOperator(peek(parser), 'TO')) throw unexpected(peek(parser))
  parser.at++
  const word = takeBound(parser, false)
  const closed = isMark(peek(parser), ']')
  if (!closed && !isMark(peek(parser), '}')) throw unexpected(peek(parser))
  parser.at++
  return { kind: 'range', field, low, high: { ...word, inclusive: closed } }
}

const matchOf = (field: string | null, exact: boolean, word: Word): Expression => ({
  kind: 'match',
  field,
  exact,
  value: { text: word.text, wildcard: word.wildcard },
})

/** `field:(a OR b)`: the whole grammar again, with the field given. */
const takeGroup = (parser: Parser, field: string | null, exact: boolean): Expression => {
  takeMark(parser, '(')
  const inner = takeAlternatives(parser, { field, exact })
  takeMark(parser, ')')
  return inner
}

const COMPARISONS: readonly string[] = ['<', '>', '<=', '>=']

const takeComparison = (parser: Parser, field: string, sign: string): Expression => {
  parser.at++
  const bound = takeBound(parser, sign.endsWith('='))
  return sign.startsWith('>')
    ? { kind: 'range', field, low: bound, high: null }
    : { kind: 'range', field, low: null, high: bound }
}

interface Scope {
  /** Of the group that is being read. */
  readonly field: string | null
  readonly exact: boolean
}

const takeClause = (parser: Parser, scope: Scope): Expression => {
  if (isMark(peek(parser), '(')) return takeGroup(parser, scope.field, scope.exact)
  const word = takeWord(parser)
  const next = peek(parser)
  if (next.kind !== 'mark') return matchOf(scope.field, scope.exact, word)
  if (COMPARISONS.includes(next.text)) return takeComparison(parser, word.text, next.text)
  if (next.text !== ':' && next.text !== '=') return matchOf(scope.field, scope.exact, word)
  parser.at++
  const exact = next.text === '='
  const value = peek(parser)
  if (isMark(value, '(')) return takeGroup(parser, word.text, exact)
  if (isMark(value, '[') || isMark(value, '{')) return takeRange(parser, word.text)
  if (value.kind === 'mark' && COMPARISONS.includes(value.text)) return takeComparison(parser, word.text, value.text)
  return matchOf(word.text, exact, takeSignedWord(parser))
}

const takeSigned = (parser: Parser, scope: Scope): Expression => {
  if (isMark(peek(parser), '-')) {
    parser.at++
    return { kind: 'not', part: takeClause(parser, scope) }
  }
  if (isMark(peek(parser), '+')) parser.at++
  return takeClause(parser, scope)
}

const endsGroup = (token: Token): boolean => token.kind === 'end' || isMark(token, ')')

/** Clauses joined by AND, by AND NOT, or by nothing, which means the same. NOT cannot stand first. */
const takeConjunction = (parser: Parser, scope: Scope): Expression => {
  const parts = [takeSigned(parser, scope)]
  while (!endsGroup(peek(parser)) && !isOperator(peek(parser), 'OR')) {
    if (isOperator(peek(parser), 'AND')) parser.at++
    if (isOperator(peek(parser), 'NOT')) {
      parser.at++
      parts.push({ kind: 'not', part: takeClause(parser, scope) })
    } else parts.push(takeSigned(parser, scope))
  }
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : { kind: 'and', parts }
}

const takeAlternatives = (parser: Parser, scope: Scope): Expression => {
  const parts = [takeConjunction(parser, scope)]
  while (isOperator(peek(parser), 'OR')) {
    parser.at++
    parts.push(takeConjunction(parser, scope))
  }
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : { kind: 'or', parts }
}

/** Reads an expression; an empty one matches all. Throws the 400 that says what is wrong and where. */
export const parseExpression = (source: string): Expression => {
  if (source.trim() === '') return { kind: 'all' }
  const parser: Parser = { tokens: tokenize(source), at: 0 }
  const expression = takeAlternatives(parser, { field: null, exact: false })
  if (peek(parser).kind !== 'end') throw unexpected(peek(parser))
  return expression
}

/** The fields that an expression names. */
export const fieldsIn = (expression: Expression): Set<string> => {
  switch (expression.kind) {
    case 'all':
      return new Set()
    case 'and':
    case 'or':
      return new Set(expression.parts.flatMap((part) => [...fieldsIn(part)]))
    case 'not':
      return fieldsIn(expression.part)
    default:
      return new Set(expression.field === null ? [] : [expression.field])
  }
}
