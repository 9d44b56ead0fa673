import type { JsonObject } from '../../../model/json.ts'
import { encodeSegment } from '../../delivery-url.ts'
import type { WriteRequest } from '../request.ts'
import { readFirst } from './find.ts'
import { type Maker, something, textOf } from './maker.ts'

const PART = 'triggers'
const MORE = ['additive', 'filter', 'payload_template']

const whatOf = (item: JsonObject): string =>
  `trigger of ${textOf(item, 'event_type', PART)} at ${textOf(item, 'uri', PART)}`

const optional = (item: JsonObject): JsonObject => ({
  ...something(item, MORE),
  ...(typeof item['uri_type'] === 'string' && item['uri_type'] !== 'webhook' ? { uri_type: item['uri_type'] } : {}),
  ...(typeof item['auth_scheme'] === 'string' && item['auth_scheme'] !== 'default'
    ? { auth_scheme: item['auth_scheme'] }
    : {}),
})

const create = (item: JsonObject): WriteRequest => {
  const body = { uri: textOf(item, 'uri', PART), event_type: textOf(item, 'event_type', PART), ...optional(item) }
  return { method: 'POST', path: '/triggers', body, what: `make ${whatOf(item)}` }
}

/** Known by event and URL, of which no two are alike. Nothing else of one can be changed, so it is made anew. */
export const triggers: Maker = {
  essence: optional,
  find: (admin, item, signal) =>
    readFirst(
      admin,
      {
        what: whatOf(item),
        path: '/triggers',
        key: 'triggers',
        isMeant: (one) => one['uri'] === item['uri'] && one['event_type'] === item['event_type'],
      },
      signal,
    ),
  create,
  finish: () => [],
  change: (item, present) => [
    {
      method: 'DELETE',
      path: `/triggers/${encodeSegment(textOf(present, 'id', PART))}`,
      body: {},
      what: `replace ${whatOf(item)}`,
    },
    create(item),
  ],
}
