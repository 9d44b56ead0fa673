import { ApiError, badRequest, notFound } from '../errors.ts'
import { booleanOf, requiredText, textOf } from '../params.ts'
import { derivedItem } from '../render.ts'
import type { Asset, Cloud, JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { pageByName } from './pages.ts'
import { parseTransformation } from './transformation-text.ts'

type Named = Cloud['transformations'] extends Map<string, infer T> ? T : never

/** What details and updates work on: named, or known only because something was derived by it. */
interface Known {
  /** Without `t_`; for an unnamed one its text. */
  readonly name: string
  readonly definition: string
  readonly allowedForStrict: boolean
  readonly named: boolean
}

const bare = (name: string): string => (name.startsWith('t_') ? name.slice(2) : name)

const usedBy = (call: AdminCall, transformation: string): { asset: Asset; derived: Asset['derived'][number] }[] => {
  const out: { asset: Asset; derived: Asset['derived'][number] }[] = []
  for (const asset of call.cloud.shelf.changed?.() ?? call.cloud.shelf.scan()) {
    for (const derived of asset.derived) if (derived.transformation === transformation) out.push({ asset, derived })
  }
  return out
}

const unnamed = (call: AdminCall): Known[] => {
  const texts = new Set<string>()
  for (const asset of call.cloud.shelf.changed?.() ?? call.cloud.shelf.scan()) {
    for (const derived of asset.derived) texts.add(derived.transformation)
  }
  return [...texts]
    .filter((text) => !text.startsWith('t_'))
    .map((text) => ({ name: text, definition: text, allowedForStrict: false, named: false }))
}

const ofNamed = (entry: Named): Known => ({ ...entry, named: true })

const listItem = (call: AdminCall, known: Known): JsonValue => {
  const shown = known.named ? `t_${known.name}` : known.name
  return {
    name: shown,
    allowed_for_strict: known.allowedForStrict,
    used: !known.named || usedBy(call, shown).length > 0,
    named: known.named,
  }
}

const list = (call: AdminCall): JsonValue => {
  const wanted = booleanOf(call.params, 'named')
  const named = wanted === false ? [] : [...call.cloud.transformations.values()].map(ofNamed)
  const items = [...named, ...(wanted === true ? [] : unnamed(call))]
  const page = pageByName(call, { items, nameOf: (known) => `${known.named ? 't_' : ''}${known.name}` })
  return { transformations: page.items.map((known) => listItem(call, known)), next_cursor: page.next }
}

const askedName = (call: AdminCall): string => call.path['rest'] ?? requiredText(call.params, 'transformation')

const find = (call: AdminCall): Known => {
  const asked = askedName(call)
  const entry = call.cloud.transformations.get(bare(asked)) ?? call.cloud.transformations.get(asked)
  if (entry !== undefined) return ofNamed(entry)
  const known = unnamed(call).find((candidate) => candidate.name === asked)
  if (known === undefined) throw notFound(`Transformation not found - ${asked}`)
  return known
}

const show = (call: AdminCall): JsonValue => {
  const known = find(call)
  const used = usedBy(call, known.named ? `t_${known.name}` : known.name)
  const page = pageByName(call, { items: used, nameOf: ({ derived }) => derived.id })
  return {
    name: known.name,
    allowed_for_strict: known.allowedForStrict,
    used: used.length > 0,
    named: known.named,
    info: parseTransformation(known.definition),
    derived: page.items.map(({ asset, derived }) => ({
      public_id: asset.publicId,
      resource_type: asset.resourceType,
      type: asset.type,
      ...derivedItem(call, asset, derived),
    })),
    next_cursor: page.next,
  }
}

/** `/transformations?transformation=…` is one of them, without it the list. */
const listOrShow = (call: AdminCall): JsonValue =>
  textOf(call.params, 'transformation') === undefined ? list(call) : show(call)

const create = (call: AdminCall): JsonValue => {
  const name = bare(call.path['rest'] ?? requiredText(call.params, 'name'))
  const definition = requiredText(call.params, 'transformation')
  if (call.cloud.transformations.has(name)) throw new ApiError(409, `Transformation ${name} already exists`)
  const allowedForStrict = booleanOf(call.params, 'allowed_for_strict') ?? false
  call.cloud.transformations.set(name, { name, definition, allowedForStrict, createdAt: call.now })
  return { message: 'created' }
}

const update = (call: AdminCall): JsonValue => {
  const known = find(call)
  const definition = textOf(call.params, 'unsafe_update')
  const allowed = booleanOf(call.params, 'allowed_for_strict')
  if (definition === undefined && allowed === undefined) {
    throw badRequest('Missing required parameter - allowed_for_strict or unsafe_update')
  }
  const entry = call.cloud.transformations.get(known.name)
  if (entry === undefined) return { message: 'updated' }
  entry.definition = definition ?? entry.definition
  entry.allowedForStrict = allowed ?? entry.allowedForStrict
  return { message: 'updated' }
}

const remove = (call: AdminCall): JsonValue => {
  const known = find(call)
  call.cloud.transformations.delete(known.name)
  const shown = known.named ? `t_${known.name}` : known.name
  for (const { asset } of usedBy(call, shown)) {
    asset.derived = asset.derived.filter((derived) => derived.transformation !== shown)
  }
  return { message: 'deleted' }
}

export const transformationRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'transformations', handle: listOrShow },
  { method: 'POST', pattern: 'transformations', handle: create },
  { method: 'PUT', pattern: 'transformations', handle: update },
  { method: 'DELETE', pattern: 'transformations', handle: remove },
  { method: 'GET', pattern: 'transformations/*', handle: show },
  { method: 'POST', pattern: 'transformations/*', handle: create },
  { method: 'PUT', pattern: 'transformations/*', handle: update },
  { method: 'DELETE', pattern: 'transformations/*', handle: remove },
]
