import type { Json, JsonObject } from '../../../model/json.ts'
import { encodeSegment } from '../../delivery-url.ts'
import { arrayAt, isObject } from '../../wire/answer.ts'
import { readOne } from './find.ts'
import { type Maker, textOf } from './maker.ts'
import { comparableTransformation, transformationText } from './transformation-text.ts'

const PART = 'streaming_profiles'

const definitionOf = (representation: Json): Json =>
  isObject(representation) ? (representation['transformation'] ?? representation) : representation

const representationsOf = (item: JsonObject): readonly Json[] =>
  (arrayAt(item, 'representations') ?? []).map(definitionOf)

const bodyOf = (item: JsonObject): JsonObject => {
  const texts = representationsOf(item).map((definition) => ({ transformation: transformationText(definition) }))
  return {
    ...(typeof item['display_name'] === 'string' ? { display_name: item['display_name'] } : {}),
    ...(texts.length === 0 ? {} : { representations: JSON.stringify(texts) }),
  }
}

export const profiles: Maker = {
  lossy: true,
  essence: (item) => ({
    display: item['display_name'] ?? null,
    representations: representationsOf(item).map(comparableTransformation),
  }),
  find: (admin, item, signal) => {
    const name = textOf(item, 'name', PART)
    const path = `/streaming_profiles/${encodeSegment(name)}`
    return readOne(admin, { what: `streaming profile ${name}`, path }, signal)
  },
  create: (item) => {
    const name = textOf(item, 'name', PART)
    return {
      method: 'POST',
      path: '/streaming_profiles',
      body: { name, ...bodyOf(item) },
      what: `make streaming profile ${name}`,
    }
  },
  finish: () => [],
  change: (item) => {
    const name = textOf(item, 'name', PART)
    const path = `/streaming_profiles/${encodeSegment(name)}`
    return [{ method: 'PUT', path, body: bodyOf(item), what: `change streaming profile ${name}` }]
  },
}
