import type { Json, JsonObject } from '../../../model/json.ts'
import { encodeSegment } from '../../delivery-url.ts'
import { toBoolean } from '../../wire/answer.ts'
import { readOne } from './find.ts'
import { type Maker, textOf } from './maker.ts'
import { comparableTransformation, transformationText } from './transformation-text.ts'

/** Lists spell the name as it is used in URLs, `t_name`; requests want it bare. */
const bareName = (item: JsonObject): string => textOf(item, 'name', 'transformations').replace(/^t_/, '')

const definitionOf = (item: JsonObject): Json => item['definition'] ?? item['info'] ?? []
const isAllowed = (item: JsonObject): boolean => toBoolean(item['allowed_for_strict']) === true

/** By body and parameter, as the SDKs do, so that no name has to fit into a path. */
export const transformations: Maker = {
  lossy: true,
  essence: (item) => ({ text: comparableTransformation(definitionOf(item)), allowed: isAllowed(item) }),
  find: (admin, item, signal) => {
    const name = bareName(item)
    const path = `/transformations?transformation=${encodeSegment(name)}&max_results=1`
    return readOne(admin, { what: `transformation ${name}`, path }, signal)
  },
  create: (item) => {
    const name = bareName(item)
    const body = { name, transformation: transformationText(definitionOf(item)), allowed_for_strict: isAllowed(item) }
    return { method: 'POST', path: '/transformations', body, what: `make transformation ${name}` }
  },
  finish: () => [],
  change: (item) => {
    const name = bareName(item)
    const text = transformationText(definitionOf(item))
    const body = { transformation: name, unsafe_update: text, allowed_for_strict: isAllowed(item) }
    return [{ method: 'PUT', path: '/transformations', body, what: `change transformation ${name}` }]
  },
}
