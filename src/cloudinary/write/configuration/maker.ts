import { AppError } from '../../../model/errors.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import type { MakeablePart } from '../../writer.ts'
import type { WriteApi, WriteRequest } from '../request.ts'

/** How the items of one part of the configuration are compared, found and made. Pure but for `find`. */
export interface Maker {
  /** What counts of an item: nothing that an account gives of its own, such as ids and times. */
  essence(item: JsonObject): Json
  /** The one in the account that has the item's name; null when there is none. */
  find(admin: WriteApi, item: JsonObject, signal: AbortSignal): Promise<JsonObject | null>
  create(item: JsonObject): WriteRequest
  /** The item as `create` alone makes it, where `finish` has more to do. @default as it is */
  readonly begun?: (item: JsonObject) => JsonObject
  /** What is still to be done to what was just made, as the account answered it. */
  finish(item: JsonObject, made: Json): readonly WriteRequest[]
  /** What brings the one that is there to the item, in order. */
  change(item: JsonObject, present: JsonObject): readonly WriteRequest[]
  /** The one that is there as it counts for this item; for what no item can take away. @default as it is */
  readonly against?: (item: JsonObject, present: JsonObject) => JsonObject
  /** Whether to look at it again: its way into words may lose something. @default false */
  readonly lossy?: boolean
}

export const textOf = (item: JsonObject, key: string, part: MakeablePart): string => {
  const value = item[key]
  if (typeof value === 'string' && value !== '') return value
  throw new AppError('API_REFUSED', `an item of ${part} has no ${key}`)
}

const isNothing = (value: Json): boolean =>
  value === null || value === false || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)

/** Absent, null, false and empty are the same: answers spell "nothing" in all these ways. */
export const something = (item: JsonObject, keys: readonly string[]): JsonObject =>
  Object.fromEntries(keys.map((key) => [key, item[key] ?? null] as const).filter(([, value]) => !isNothing(value)))
