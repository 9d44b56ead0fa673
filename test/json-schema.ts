type Schema = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  array: (value) => Array.isArray(value),
  object: isObject,
}

type Check = (wanted: unknown, value: unknown, schema: Schema) => boolean

const each = (value: unknown, fits: (inner: unknown, key: string) => boolean): boolean =>
  !isObject(value) || Object.entries(value).every(([key, inner]) => fits(inner, key))

/** The keywords of JSON Schema 2020-12 that the schema of the config file uses; another one is an error of the test. */
const KEYWORDS: Readonly<Record<string, Check>> = {
  $schema: () => true,
  title: () => true,
  description: () => true,
  type: (wanted, value) => [wanted].flat().some((type) => TYPES[String(type)]?.(value)),
  enum: (wanted, value) => Array.isArray(wanted) && wanted.includes(value),
  pattern: (wanted, value) => typeof value !== 'string' || new RegExp(String(wanted), 'u').test(value),
  minLength: (wanted, value) => typeof value !== 'string' || value.length >= Number(wanted),
  minimum: (wanted, value) => typeof value !== 'number' || value >= Number(wanted),
  maximum: (wanted, value) => typeof value !== 'number' || value <= Number(wanted),
  items: (wanted, value) => !Array.isArray(value) || value.every((inner) => fits(wanted, inner)),
  anyOf: (wanted, value) => Array.isArray(wanted) && wanted.some((schema) => fits(schema, value)),
  required: (wanted, value) =>
    !isObject(value) || (Array.isArray(wanted) && wanted.every((name) => Object.hasOwn(value, name))),
  propertyNames: (wanted, value) => each(value, (_, key) => fits(wanted, key)),
  properties: (wanted, value) =>
    each(value, (inner, key) => !isObject(wanted) || !Object.hasOwn(wanted, key) || fits(wanted[key], inner)),
  additionalProperties: (wanted, value, { properties }) =>
    each(value, (inner, key) => (isObject(properties) && Object.hasOwn(properties, key)) || fits(wanted, inner)),
}

/** Whether a value is valid by a schema. Throws on a keyword that is not known here. */
export function fits(schema: unknown, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema
  if (!isObject(schema)) throw new Error('a schema is an object or a boolean')
  return Object.entries(schema).every(([keyword, wanted]) => {
    const check = KEYWORDS[keyword]
    if (check === undefined) throw new Error(`the keyword ${keyword} is not known here`)
    return check(wanted, value, schema)
  })
}
