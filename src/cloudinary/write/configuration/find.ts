import type { Json, JsonObject } from '../../../model/json.ts'
import { saysNotFound, succeeded } from '../../api.ts'
import { arrayAt, isObject } from '../../wire/answer.ts'
import type { WriteApi, WriteRequest } from '../request.ts'

interface At {
  readonly what: string
  readonly path: string
}

const requestFor = ({ what, path }: At): WriteRequest => ({ method: 'GET', path, what: `read ${what}` })

/** Null when the account says that there is no such thing. */
export const readOne = async (admin: WriteApi, at: At, signal: AbortSignal): Promise<JsonObject | null> => {
  const request = requestFor(at)
  const answer = await admin.ask(request, signal)
  if (saysNotFound(answer)) return null
  if (!succeeded(answer) || !isObject(answer.json)) throw admin.failure(request, answer)
  const { data } = answer.json
  return isObject(data) ? data : answer.json
}

/** The first of a list, which comes in one page, that is meant. */
export const readFirst = async (
  admin: WriteApi,
  at: At & { readonly key: string; readonly isMeant: (item: JsonObject) => boolean },
  signal: AbortSignal,
): Promise<JsonObject | null> => {
  const request = requestFor(at)
  const answer = await admin.ask(request, signal)
  if (!succeeded(answer)) throw admin.failure(request, answer)
  const rows: readonly Json[] = Array.isArray(answer.json) ? answer.json : (arrayAt(answer.json, at.key) ?? [])
  return rows.filter(isObject).find(at.isMeant) ?? null
}
