import { readCursor, writeCursor } from '../cursor.ts'
import { integerOf, textOf, type WholeNumberRange } from '../params.ts'
import type { JsonValue } from '../state.ts'
import type { AdminCall } from './call.ts'

/** Said by every request: how much of the list is wanted now, and who asks. */
const FREE: readonly string[] = ['next_cursor', 'max_results', 'api_key', 'timestamp', 'signature']

/** A cursor belongs to everything else that the request says. */
export const bindingOf = (call: AdminCall): JsonValue => {
  const said = Object.entries(call.params).filter(([name]) => !FREE.includes(name))
  return [call.cloud.name, { ...call.path }, said.sort(([a], [b]) => (a < b ? -1 : 1))]
}

/** The position that the request's cursor holds; undefined on the first page. Throws the 400 of a bad cursor. */
export const cursorOf = (call: AdminCall, binding: JsonValue): JsonValue | undefined => {
  const cursor = textOf(call.params, 'next_cursor')
  return cursor === undefined ? undefined : readCursor(call.world, binding, cursor)
}

export interface NamedList<T> {
  readonly items: Iterable<T>
  /** Unique; the list is sorted by it. */
  readonly nameOf: (item: T) => string
  /** @default 1 to 500, 10 when not given */
  readonly size?: WholeNumberRange
  /** @default false */
  readonly descending?: boolean
}

/** One page of a short list; `next` is null at the end, and takes the place of `next_cursor` in the answer. */
export const pageByName = <T>(call: AdminCall, list: NamedList<T>): { items: T[]; next: string | null } => {
  const size = integerOf(call.params, 'max_results', list.size ?? { min: 1, max: 500, fallback: 10 })
  const binding = bindingOf(call)
  const after = cursorOf(call, binding)
  const sign = list.descending === true ? -1 : 1
  const order = (a: string, b: string): number => (a < b ? -sign : a > b ? sign : 0)
  const sorted = [...list.items]
    .map((item) => ({ item, name: list.nameOf(item) }))
    .filter(({ name }) => typeof after !== 'string' || order(name, after) > 0)
    .sort((a, b) => order(a.name, b.name))
  const shown = sorted.slice(0, size)
  const last = shown.at(-1)
  const more = sorted.length > size && last !== undefined
  return {
    items: shown.map(({ item }) => item),
    next: more ? writeCursor(call.world, binding, last.name) : null,
  }
}
