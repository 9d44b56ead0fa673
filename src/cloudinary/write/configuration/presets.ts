import type { Json, JsonObject } from '../../../model/json.ts'
import { encodeSegment } from '../../delivery-url.ts'
import { isObject, toBoolean } from '../../wire/answer.ts'
import { contextText, metadataText } from '../pairs.ts'
import { readOne } from './find.ts'
import { type Maker, textOf } from './maker.ts'
import { transformationText } from './transformation-text.ts'

const PART = 'upload_presets'
const PAIRS: Readonly<Record<string, (value: JsonObject) => string>> = {
  context: (value) => contextText(Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)]))),
  metadata: metadataText,
}

/** `w_100|c_fill,w_50/png` of a list of steps with their formats. */
const eagerText = (wishes: readonly Json[]): string =>
  wishes
    .map((wish) => {
      if (!isObject(wish) || wish['transformation'] === undefined) return transformationText(wish)
      const { transformation, format } = wish
      const text = transformationText(transformation)
      return typeof format === 'string' && format !== '' ? `${text}/${format}` : text
    })
    .join('|')

/** A setting as the parameter that it is. Lists show most as text already, the details of one preset take it apart. */
const settingText = (name: string, value: Json): string => {
  if (typeof value !== 'object' || value === null) return value === null ? '' : String(value)
  if (name === 'transformation') return transformationText(value)
  if (name === 'eager' && Array.isArray(value)) return eagerText(value as readonly Json[])
  const pairs = PAIRS[name]
  if (pairs !== undefined && isObject(value)) return pairs(value)
  const plain = Array.isArray(value) && value.every((item: Json) => typeof item !== 'object' || item === null)
  return plain ? (value as readonly Json[]).map(String).join(',') : JSON.stringify(value)
}

/** Some answers show booleans as numbers or texts. */
const asBoolean = (text: string): string => {
  const truth = text === '1' || text === '0' ? null : toBoolean(text)
  return truth === null ? text : String(truth)
}

const settingsOf = (item: JsonObject): Record<string, string> => {
  const settings = isObject(item['settings']) ? item['settings'] : {}
  return Object.fromEntries(
    Object.entries(settings)
      .map(([name, value]): [string, string] => [name, asBoolean(settingText(name, value))])
      .filter(([, text]) => text !== ''),
  )
}

const isUnsigned = (item: JsonObject): boolean => toBoolean(item['unsigned']) === true

/** Parameters whose texts may be written in another order for the same thing. */
const comparable = (name: string, text: string): string =>
  name === 'transformation' || name === 'eager'
    ? text.replace(/[^/|]+/g, (step) => step.split(',').sort().join(','))
    : text

export const presets: Maker = {
  essence: (item) => ({
    unsigned: isUnsigned(item),
    settings: Object.fromEntries(
      Object.entries(settingsOf(item)).map(([name, text]) => [name, comparable(name, text)]),
    ),
  }),
  find: (admin, item, signal) => {
    const name = textOf(item, 'name', PART)
    return readOne(admin, { what: `upload preset ${name}`, path: `/upload_presets/${encodeSegment(name)}` }, signal)
  },
  create: (item) => {
    const name = textOf(item, 'name', PART)
    const body = { ...settingsOf(item), name, unsigned: isUnsigned(item) }
    return { method: 'POST', path: '/upload_presets', body, what: `make upload preset ${name}` }
  },
  finish: () => [],
  change: (item, present) => {
    const name = textOf(item, 'name', PART)
    const wanted = settingsOf(item)
    // What is not said stays: settings that are to go are said to be empty.
    const gone = Object.keys(settingsOf(present)).filter((setting) => !Object.hasOwn(wanted, setting))
    const body = { ...Object.fromEntries(gone.map((setting) => [setting, ''])), ...wanted, unsigned: isUnsigned(item) }
    return [
      { method: 'PUT', path: `/upload_presets/${encodeSegment(name)}`, body, what: `change upload preset ${name}` },
    ]
  },
}
