import { createHash } from 'node:crypto'
import { badRequest } from './errors.ts'
import type { JsonValue, World } from './state.ts'

/**
 * Cursors hold the place after which a page starts, not a count, so they stay right while assets come and go; and
 * what they belong to, so that one of another listing is refused. To whoever receives them they are hex digits.
 */
const bindingOf = (binding: JsonValue): string =>
  createHash('sha1').update(JSON.stringify(binding)).digest('hex').slice(0, 12)

const checksum = (body: string): string => createHash('sha1').update(`cursor ${body}`).digest('hex').slice(0, 8)

export const writeCursor = (world: World, binding: JsonValue, position: JsonValue): string => {
  const body = Buffer.from(JSON.stringify([world.cursorEpoch, bindingOf(binding), position])).toString('hex')
  return body + checksum(body)
}

const unpack = (cursor: string): unknown => {
  const body = cursor.slice(0, -8)
  if (!/^[0-9a-f]+$/.test(cursor) || checksum(body) !== cursor.slice(-8)) return undefined
  return JSON.parse(Buffer.from(body, 'hex').toString('utf8'))
}

/** The position written. Throws the 400 of a cursor that is damaged, expired, or of a request with other parameters. */
export const readCursor = (world: World, binding: JsonValue, cursor: string): JsonValue => {
  const parts = unpack(cursor)
  if (!Array.isArray(parts)) throw badRequest(`Invalid value ${cursor.slice(0, 80)} for parameter next_cursor`)
  const [epoch, bound, position]: JsonValue[] = parts
  if (epoch !== world.cursorEpoch) throw badRequest('next_cursor has expired')
  if (bound !== bindingOf(binding)) throw badRequest('next_cursor does not match the other parameters of the request')
  return position ?? null
}
