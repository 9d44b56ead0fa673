import type { AssetIdentity } from '../model/asset.ts'
import { AppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import { type Api, saysNotFound, succeeded } from './api.ts'
import { encodeSegment } from './delivery-url.ts'
import type { ApiAnswer, ApiRequest } from './exchange.ts'
import type { AccountRow, ListPage, ListPosition, Partition } from './reader.ts'
import { arrayAt, nextCursor } from './wire/answer.ts'
import { parseAsset } from './wire/asset.ts'
import { LIST_FIELDS } from './wire/fields.ts'

/** Shared by the requests of one run: whether the service understands `fields`. */
export interface ListMemory {
  useFields: boolean
}

export const ROWS_PER_PAGE = 500
const IDS_PER_CALL = 100

/** Asked for by name and by flag: `fields` overrides the flags, and a service that knows only flags ignores it. */
const FLAGS = 'tags=true&context=true&metadata=true&moderations=true'
const FIELDS = `&fields=${LIST_FIELDS.join(',')}`

export const cursorExpired = (what: string, answer: ApiAnswer): AppError =>
  new AppError(
    'CURSOR_EXPIRED',
    `${what}: the cursor is not accepted any more (HTTP ${answer.status}${answer.error === null ? '' : `: ${answer.error}`})`,
    {
      hint: 'the listing starts again at the last time it saw',
      permanent: false,
    },
  )

/** Statuses with which a service may say that it does not know a cursor; 404 then never means an empty partition. */
export const refusesCursor = (answer: ApiAnswer): boolean =>
  answer.status === 400 || answer.status === 404 || answer.status === 410 || answer.status === 422

/** A cursor that leads to itself would be followed forever. */
export const followingCursor = (what: string, json: Json, sent: string | null): string | null => {
  const cursor = nextCursor(json)
  if (cursor !== null && cursor === sent)
    throw new AppError('API_UNEXPECTED', `${what}: a page names itself as the next page`)
  return cursor
}

const listRequest = (partition: Partition, position: ListPosition, useFields: boolean): ApiRequest => {
  const { cursor, since } = position
  const query =
    `max_results=${ROWS_PER_PAGE}&direction=asc&${FLAGS}${useFields ? FIELDS : ''}` +
    `${since === null ? '' : `&start_at=${encodeURIComponent(since)}`}` +
    `${cursor === null ? '' : `&next_cursor=${encodeURIComponent(cursor)}`}`
  return {
    method: 'GET',
    path: `/resources/${partition.resourceType}/${encodeURIComponent(partition.type)}?${query}`,
    what: `list ${partition.resourceType}/${partition.type}`,
  }
}

/** Asks with `fields`; a service that refuses that is asked without, and from then on always without. */
const askWithFields = async (
  api: Api,
  memory: ListMemory,
  requestFor: (useFields: boolean) => ApiRequest,
  signal: AbortSignal,
): Promise<ApiAnswer> => {
  const useFields = memory.useFields
  const answer = await api.ask(requestFor(useFields), signal)
  if (!useFields || answer.status !== 400) return answer
  const plain = await api.ask(requestFor(false), signal)
  if (!succeeded(plain)) return answer
  memory.useFields = false
  return plain
}

export const listPage = async (
  api: Api,
  memory: ListMemory,
  at: { readonly partition: Partition; readonly position: ListPosition },
  signal: AbortSignal,
): Promise<ListPage> => {
  const { partition, position } = at
  const requestFor = (useFields: boolean): ApiRequest => listRequest(partition, position, useFields)
  const answer = await askWithFields(api, memory, requestFor, signal)
  const request = requestFor(memory.useFields)
  if (position.cursor !== null && refusesCursor(answer)) throw cursorExpired(request.what, answer)
  // "No such delivery type here" is an empty partition, if the service itself says it.
  if (saysNotFound(answer)) return { rows: [], cursor: null }
  if (!succeeded(answer)) throw api.failure(request, answer)
  const cursor = followingCursor(request.what, answer.json, position.cursor)
  return { rows: rowsOf(answer.json, request.what, partition), cursor }
}

const rowsOf = (json: Json, what: string, partition: Partition | null): readonly AccountRow[] => {
  const resources = arrayAt(json, 'resources')
  if (resources === null) throw new AppError('API_UNEXPECTED', `${what}: the answer has no resources`)
  return resources.map((raw) => parseAsset(raw, 'list', partition))
}

/** With the same fields as a list, so that the records and their hashes compare. */
export const byAssetIds = async (
  api: Api,
  memory: ListMemory,
  assetIds: readonly string[],
  signal: AbortSignal,
): Promise<readonly AccountRow[]> => {
  if (assetIds.length === 0) return []
  if (assetIds.length > IDS_PER_CALL) throw new RangeError(`at most ${IDS_PER_CALL} ids a call, not ${assetIds.length}`)
  const ids = assetIds.map((id) => `asset_ids%5B%5D=${encodeURIComponent(id)}`).join('&')
  const requestFor = (useFields: boolean): ApiRequest => ({
    method: 'GET',
    path: `/resources/by_asset_ids?${ids}&max_results=${IDS_PER_CALL}&${FLAGS}${useFields ? FIELDS : ''}`,
    what: 'look up assets by id',
  })
  const answer = await askWithFields(api, memory, requestFor, signal)
  const request = requestFor(memory.useFields)
  // The documentation calls a 404 here "partial success possible": what it carries, if anything, exists.
  const partial = answer.status === 404 && arrayAt(answer.json, 'resources') !== null
  if (!partial && saysNotFound(answer)) return []
  if (!partial && !succeeded(answer)) throw api.failure(request, answer)
  return rowsOf(answer.json, request.what, null).filter((row) => !row.placeholder)
}

type Name = Pick<AssetIdentity, 'publicId' | 'resourceType' | 'type'>

/** The listing of some names; those that nothing bears are left out. One call for each partition among them. */
export const byNames = async (
  api: Api,
  memory: ListMemory,
  names: readonly Name[],
  signal: AbortSignal,
): Promise<readonly AccountRow[]> => {
  if (names.length > IDS_PER_CALL) throw new RangeError(`at most ${IDS_PER_CALL} names a call, not ${names.length}`)
  const partitions = new Map<string, { partition: Partition; ids: string[] }>()
  for (const { resourceType, type, publicId } of names) {
    const key = `${resourceType}/${type}`
    const group = partitions.get(key) ?? { partition: { resourceType, type }, ids: [] }
    group.ids.push(publicId)
    partitions.set(key, group)
  }
  const rows: AccountRow[] = []
  for (const { partition, ids } of partitions.values())
    rows.push(...(await namesIn(api, memory, { partition, ids }, signal)))
  return rows
}

const namesIn = async (
  api: Api,
  memory: ListMemory,
  { partition, ids }: { readonly partition: Partition; readonly ids: readonly string[] },
  signal: AbortSignal,
): Promise<readonly AccountRow[]> => {
  const query = ids.map((id) => `public_ids%5B%5D=${encodeURIComponent(id)}`).join('&')
  const requestFor = (useFields: boolean): ApiRequest => ({
    method: 'GET',
    path: `/resources/${partition.resourceType}/${encodeURIComponent(partition.type)}?${query}&max_results=${IDS_PER_CALL}&${FLAGS}${useFields ? FIELDS : ''}`,
    what: `look up ${partition.resourceType}/${partition.type} by name`,
  })
  const answer = await askWithFields(api, memory, requestFor, signal)
  if (saysNotFound(answer)) return []
  const request = requestFor(memory.useFields)
  if (!succeeded(answer)) throw api.failure(request, answer)
  const wanted = new Set(ids)
  // A service that does not know the parameter lists everything.
  const rows = rowsOf(answer.json, request.what, partition).filter(({ facts }) => wanted.has(facts.publicId))
  for (const { facts } of rows) wanted.delete(facts.publicId)
  // The parameter reads a plus as a space, so such ids are asked for one by one.
  const plussed = [...wanted].filter((publicId) => publicId.includes('+'))
  const found = await idsByName(api, { partition, ids: plussed }, signal)
  const others = found.length === 0 ? [] : await byAssetIds(api, memory, found, signal)
  return [...rows, ...others].filter((row) => !row.placeholder)
}

/** The asset_ids of those names that exist, one call each. */
const idsByName = async (
  api: Api,
  { partition, ids }: { readonly partition: Partition; readonly ids: readonly string[] },
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const { resourceType, type } = partition
  const found: string[] = []
  for (const publicId of ids) {
    const path = `/resources/${resourceType}/${encodeURIComponent(type)}/${encodeSegment(publicId)}`
    const request: ApiRequest = { method: 'GET', path, what: `look up ${resourceType}/${type}/${publicId}` }
    const answer = await api.ask(request, signal)
    if (succeeded(answer)) found.push(parseAsset(answer.json, 'details', partition).facts.assetId)
    else if (!saysNotFound(answer)) throw api.failure(request, answer)
  }
  return found
}
