import type { Json, JsonObject } from './json.ts'

/** One row of `derived` in the details of an asset, as received; `object` is added by us when its bytes were kept. */
export interface DerivedRow {
  readonly row: JsonObject
  readonly transformation: string
  readonly format: string | null
  readonly bytes: number | null
  readonly secureUrl: string | null
  /** SHA-256 of the kept bytes. */
  readonly object: string | null
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null)

/** Empty when the details name none. */
export function derivedRows(details: Json | undefined): readonly DerivedRow[] {
  const rows = isObject(details) ? details['derived'] : undefined
  if (!Array.isArray(rows)) return []
  return (rows as readonly Json[]).filter(isObject).map((row) => ({
    row,
    transformation: text(row['transformation']) ?? '',
    format: text(row['format']),
    bytes: typeof row['bytes'] === 'number' ? row['bytes'] : null,
    secureUrl: text(row['secure_url']),
    object: /^[0-9a-f]{64}$/u.exec(text(row['object']) ?? '')?.[0] ?? null,
  }))
}

/** The details with the kept objects written beside their rows. */
export const withObjects = (details: Json, objects: ReadonlyMap<JsonObject, string>): Json =>
  isObject(details)
    ? {
        ...details,
        derived: derivedRows(details).map(({ row }) => {
          const object = objects.get(row)
          return object === undefined ? row : { ...row, object }
        }),
      }
    : details

/** The details with nothing written beside these rows. */
export const withoutObjects = (details: Json, rows: ReadonlySet<JsonObject>): Json =>
  isObject(details)
    ? {
        ...details,
        derived: derivedRows(details).map(({ row }) => {
          if (!rows.has(row)) return row
          const { object: _, ...received } = row
          return received
        }),
      }
    : details
