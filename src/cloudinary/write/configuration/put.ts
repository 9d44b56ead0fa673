import { AppError } from '../../../model/errors.ts'
import { canonicalJson, type Json, type JsonObject } from '../../../model/json.ts'
import { succeeded } from '../../api.ts'
import type { ApiAnswer } from '../../exchange.ts'
import { isObject } from '../../wire/answer.ts'
import type { MakeablePart } from '../../writer.ts'
import type { WriteApi, WriteRequest } from '../request.ts'
import { fields } from './fields.ts'
import type { Maker } from './maker.ts'
import { mappings } from './mappings.ts'
import { presets } from './presets.ts'
import { profiles } from './profiles.ts'
import { rules } from './rules.ts'
import { transformations } from './transformations.ts'
import { triggers } from './triggers.ts'

const MAKERS: Readonly<Record<MakeablePart, Maker>> = {
  upload_presets: presets,
  transformations,
  upload_mappings: mappings,
  streaming_profiles: profiles,
  metadata_fields: fields,
  metadata_rules: rules,
  triggers,
}

export type PutResult = 'made' | 'changed' | 'existing' | 'same'

interface Putting {
  readonly admin: WriteApi
  readonly maker: Maker
  readonly item: JsonObject
  readonly overwrite: boolean
  readonly signal: AbortSignal
}

const isSame = ({ maker, item }: Pick<Putting, 'maker' | 'item'>, present: JsonObject): boolean => {
  const other = maker.against?.(item, present) ?? present
  return canonicalJson(maker.essence(item)) === canonicalJson(maker.essence(other))
}

/** Whatever is not one of the two that can be compared is not the same. */
const saysSame = (putting: Putting, present: JsonObject): boolean => {
  try {
    return isSame(putting, present)
  } catch (error) {
    if (error instanceof AppError && error.code === 'API_REFUSED') return false
    throw error
  }
}

/** A repeated request may find its work done: a 409 to what is made, a 404 to what is deleted. */
const send = async ({ admin, signal }: Putting, request: WriteRequest): Promise<void> => {
  let repeated = false
  const answer = await admin.ask(request, signal, async () => {
    repeated = true
    return null
  })
  const done =
    repeated &&
    ((request.method === 'POST' && answer.status === 409) || (request.method === 'DELETE' && answer.status === 404))
  if (!done && !succeeded(answer)) throw admin.failure(request, answer)
}

const sendAll = async (putting: Putting, requests: readonly WriteRequest[]): Promise<void> => {
  for (const request of requests) await send(putting, request)
}

/** Of what went through words that may not say all, the account is asked how it understood them. */
const check = async (putting: Putting): Promise<void> => {
  const { admin, maker, item, signal } = putting
  if (maker.lossy !== true) return
  const found = await maker.find(admin, item, signal)
  if (found !== null && saysSame(putting, found)) return
  const name = String(item['name'])
  throw new AppError(
    'API_UNEXPECTED',
    `${name}: the account understands its definition in another way than it was kept`,
    {
      hint: 'compare the two and correct it by hand; everything else goes on',
    },
  )
}

const bring = async (putting: Putting, present: JsonObject): Promise<PutResult> => {
  if (saysSame(putting, present)) return 'same'
  if (!putting.overwrite) return 'existing'
  await sendAll(putting, putting.maker.change(putting.item, present))
  await check(putting)
  return 'changed'
}

const make = async (putting: Putting): Promise<PutResult> => {
  const { admin, maker, item, signal } = putting
  const request = maker.create(item)
  const made = async (): Promise<ApiAnswer | null> => {
    const found = await maker.find(admin, item, signal)
    const begun = { ...putting, item: maker.begun?.(item) ?? item }
    return found === null || !saysSame(begun, found)
      ? null
      : { status: 200, json: found, isJson: true, error: null, requestId: null }
  }
  const answer = await admin.ask(request, signal, made)
  if (succeeded(answer)) {
    await sendAll(putting, maker.finish(item, isObject(answer.json) ? answer.json : null))
    await check(putting)
    return 'made'
  }
  const found = answer.status === 409 ? await maker.find(admin, item, signal) : null
  if (found === null) throw admin.failure(request, answer)
  return bring(putting, found)
}

export const putConfiguration = async (
  admin: WriteApi,
  wish: {
    readonly part: MakeablePart
    readonly item: Json
    readonly overwrite: boolean
    readonly present: Json | null
  },
  signal: AbortSignal,
): Promise<PutResult> => {
  const { part, item, overwrite, present } = wish
  if (!isObject(item)) throw new AppError('API_REFUSED', `an item of ${part} is not an object`)
  const putting: Putting = { admin, maker: MAKERS[part], item, overwrite, signal }
  return isObject(present ?? undefined) ? bring(putting, present as JsonObject) : make(putting)
}
