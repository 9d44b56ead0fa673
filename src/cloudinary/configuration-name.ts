import type { Json } from '../model/json.ts'
import { isObject } from './wire/answer.ts'
import type { MakeablePart } from './writer.ts'

const NAMED_BY: Readonly<Record<MakeablePart, readonly string[]>> = {
  upload_presets: ['name'],
  transformations: ['name'],
  upload_mappings: ['folder'],
  streaming_profiles: ['name'],
  metadata_fields: ['external_id'],
  // Ids of rules and triggers are the account's own and mean nothing in another.
  metadata_rules: ['metadata_field_id', 'name'],
  triggers: ['event_type', 'uri'],
}

/**
 * What an item of the configuration is known by in any account; equal for the same item in two of them, and fit to be
 * shown. Null when the record lacks it.
 */
export const configurationName = (part: MakeablePart, item: Json): string | null => {
  if (!isObject(item)) return null
  const names = NAMED_BY[part].map((key) => item[key])
  if (names.some((name) => typeof name !== 'string' || name === '')) return null
  const name = names.join(' ')
  return part === 'transformations' ? name.replace(/^t_/, '') : name
}
