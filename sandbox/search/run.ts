import { laggingAssets } from '../search-lag.ts'
import type { Asset, Cloud, World } from '../state.ts'
import { ASSET_TEXTS, assetLookup } from './asset-fields.ts'
import { matches } from './evaluate.ts'
import { compareKeys, type SortKey, sortValue } from './order.ts'
import { type Expression, fieldsIn } from './parser.ts'

/** Where a page begins: what the last record of the page before was sorted by, and its asset_id. */
export type Position = readonly (string | number | null)[]

export interface Query {
  readonly expression: Expression
  readonly sort: readonly SortKey[]
  readonly after: Position | undefined
  readonly size: number
}

export interface Found {
  readonly total: number
  readonly assets: readonly Asset[]
  /** Undefined at the end. */
  readonly next: Position | undefined
}

/** Small shelves are simply sorted; above this, orders that a shelf already has are used. */
const SMALL = 5_000

const ACTIVE: Expression = { kind: 'match', field: 'status', exact: true, value: { text: 'active', wildcard: false } }

/** Who does not speak of status means active assets only. */
const withStatus = (expression: Expression): Expression =>
  fieldsIn(expression).has('status') ? expression : { kind: 'and', parts: [expression, ACTIVE] }

/** The records as the index holds them: what lags is as it was. */
function* indexed(world: World, cloud: Cloud, assets: Iterable<Asset>): Generator<Asset> {
  const lagging = laggingAssets(world, cloud)
  for (const asset of assets) {
    const before = lagging.get(asset.assetId)
    if (before === null) continue
    yield before ?? asset
  }
  for (const before of lagging.values()) {
    // Gone from the shelf, but not yet from the index.
    if (before !== null && cloud.shelf.byId(before.assetId) === undefined) yield before
  }
}

const keysOf = (cloud: Cloud, asset: Asset, sort: readonly SortKey[]): Position => {
  const lookup = assetLookup(cloud, asset)
  return [...sort.map((key) => sortValue(lookup(key.field))), asset.assetId]
}

interface Keyed {
  readonly asset: Asset
  readonly keys: Position
}

const matcher = (world: World, cloud: Cloud, expression: Expression): ((asset: Asset) => boolean) => {
  const now = world.now()
  return (asset) => matches(expression, { lookup: assetLookup(cloud, asset), texts: ASSET_TEXTS, now })
}

const pageOf = (keyed: Iterable<Keyed>, query: Query): Pick<Found, 'assets' | 'next'> => {
  const page: Keyed[] = []
  let more = false
  for (const record of keyed) {
    if (query.after !== undefined && compareKeys(query.sort, record.keys, query.after) <= 0) continue
    more = page.length >= query.size
    if (more) break
    page.push(record)
  }
  // A page of nothing asks only for the count.
  return { assets: page.map(({ asset }) => asset), next: more ? page.at(-1)?.keys : undefined }
}

/** Counts all and keeps only what may stand on the page, so that a search over millions doesn't hold them. */
const searchAll = (world: World, cloud: Cloud, query: Query): Found => {
  const { sort, after } = query
  const isWanted = matcher(world, cloud, withStatus(query.expression))
  const kept = query.size + 1
  const found: Keyed[] = []
  const order = (): void => void found.sort((a, b) => compareKeys(sort, a.keys, b.keys))
  let total = 0
  for (const asset of indexed(world, cloud, cloud.shelf.scan())) {
    if (!isWanted(asset)) continue
    total++
    const keys = keysOf(cloud, asset, sort)
    if (after !== undefined && compareKeys(sort, keys, after) <= 0) continue
    if (found.push({ asset, keys }) < kept * 4) continue
    order()
    found.length = kept
  }
  order()
  return { total, ...pageOf(found, query) }
}

const BY_TIME: readonly string[] = ['created_at', 'uploaded_at', 'updated_at']

/** For an asset that never changed all these times are one, so the shelf is in the order asked for. */
const inShelfOrder = (query: Query): boolean => query.sort.length === 1 && BY_TIME.includes(query.sort[0]?.field ?? '')

const shelfPosition = (query: Query): { createdAt: number; assetId: string } | undefined => {
  const [at, assetId] = query.after ?? []
  return typeof at === 'number' && typeof assetId === 'string' ? { createdAt: at, assetId } : undefined
}

function* merged(a: Iterator<Keyed>, b: Iterator<Keyed>, sort: readonly SortKey[]): Generator<Keyed> {
  let [left, right] = [a.next(), b.next()]
  for (;;) {
    if (left.done !== true && (right.done === true || compareKeys(sort, left.value.keys, right.value.keys) <= 0)) {
      yield left.value
      left = a.next()
    } else if (right.done !== true) {
      yield right.value
      right = b.next()
    } else return
  }
}

/**
 * The records that are as they were created come from the shelf in its own order and only as far as the page needs;
 * those that changed are few, are sorted, and are merged in.
 */
const searchLazily = (world: World, cloud: Cloud, query: Query & { changed: Iterable<Asset> }): Found => {
  const isWanted = matcher(world, cloud, withStatus(query.expression))
  const touched = [...query.changed]
  const changedIds = new Set(touched.map((asset) => asset.assetId))
  const changed: Keyed[] = []
  for (const asset of indexed(world, cloud, touched)) {
    if (isWanted(asset)) changed.push({ asset, keys: keysOf(cloud, asset, query.sort) })
  }
  changed.sort((a, b) => compareKeys(query.sort, a.keys, b.keys))
  const unchanged = cloud.shelf.size - changedIds.size
  const unchangedMatch = matchesAnyActive(withStatus(query.expression))
  const position = shelfPosition(query)
  const scanned = query.sort[0]?.down === true ? cloud.shelf.scanDown(position) : cloud.shelf.scan(position)
  function* plain(): Generator<Keyed> {
    if (!unchangedMatch) return
    for (const asset of scanned) {
      if (!changedIds.has(asset.assetId)) yield { asset, keys: [asset.createdAt, asset.assetId] }
    }
  }
  const page = pageOf(merged(plain(), changed.values(), query.sort), query)
  return { total: changed.length + (unchangedMatch ? unchanged : 0), ...page }
}

/** Whether an active asset matches, whichever it is: for expressions that speak of nothing but status. */
const matchesAnyActive = (expression: Expression): boolean =>
  matches(expression, {
    lookup: (field) => (field === 'status' ? { kind: 'exact', values: ['active'], ci: true } : undefined),
    texts: [],
    now: 0,
  })

const speaksOnlyOfStatus = (expression: Expression): boolean =>
  [...fieldsIn(expression)].every((f) => f === 'status') && !hasBareWords(expression)

const hasBareWords = (expression: Expression): boolean => {
  if (expression.kind === 'and' || expression.kind === 'or') return expression.parts.some(hasBareWords)
  if (expression.kind === 'not') return hasBareWords(expression.part)
  return expression.kind === 'match' && expression.field === null
}

/** Answers a query. On a big shelf, expressions of status alone sorted by a time read only a page of it. */
export const runQuery = (world: World, cloud: Cloud, query: Query): Found => {
  const changed = cloud.shelf.size > SMALL ? cloud.shelf.changed?.() : undefined
  const lazy = changed !== undefined && inShelfOrder(query) && speaksOnlyOfStatus(query.expression)
  return lazy ? searchLazily(world, cloud, { ...query, changed }) : searchAll(world, cloud, query)
}
