import type { Json, JsonObject } from '../../../model/json.ts'
import { encodeSegment } from '../../delivery-url.ts'
import { isObject, textAt } from '../../wire/answer.ts'
import type { WriteRequest } from '../request.ts'
import { readFirst } from './find.ts'
import { type Maker, something, textOf } from './maker.ts'

const PART = 'metadata_rules'
const SAID = ['metadata_field_id', 'name', 'condition', 'result']

const bodyOf = (item: JsonObject): JsonObject => {
  for (const key of ['metadata_field_id', 'name']) textOf(item, key, PART)
  return Object.fromEntries(SAID.map((key) => [key, item[key] ?? null]))
}

const whatOf = (item: JsonObject): string => `metadata rule ${textOf(item, 'name', PART)}`
const stateOf = (item: Json): string => (isObject(item) && item['state'] === 'inactive' ? 'inactive' : 'active')

const update = (item: JsonObject, id: string, body: JsonObject): WriteRequest => ({
  method: 'PUT',
  path: `/metadata_rules/${encodeSegment(id)}`,
  body,
  what: `change ${whatOf(item)}`,
})

/** Known by field and name: the ids of rules are the account's own. */
export const rules: Maker = {
  essence: (item) => ({ ...something(item, SAID), state: stateOf(item) }),
  find: (admin, item, signal) =>
    readFirst(
      admin,
      {
        what: whatOf(item),
        path: '/metadata_rules',
        key: 'metadata_rules',
        isMeant: (one) => one['name'] === item['name'] && one['metadata_field_id'] === item['metadata_field_id'],
      },
      signal,
    ),
  create: (item) => ({ method: 'POST', path: '/metadata_rules', body: bodyOf(item), what: `make ${whatOf(item)}` }),
  // Rules begin active.
  begun: (item) => ({ ...item, state: 'active' }),
  finish: (item, made) => {
    const id = textAt(made, 'external_id')
    return stateOf(item) === stateOf(made) || id === null ? [] : [update(item, id, { state: stateOf(item) })]
  },
  change: (item, present) => [
    update(item, textOf(present, 'external_id', PART), { ...bodyOf(item), state: stateOf(item) }),
  ],
}
