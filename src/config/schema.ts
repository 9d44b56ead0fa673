import { fileShape } from './file-shape.ts'
import type { JsonSchema } from './shape.ts'

/**
 * The JSON Schema of the config file, made of what the reader reads by. Whatever the reader takes, it takes; beyond it the
 * reader knows what names refer to and what a number written as text means.
 */
export const configSchema = (): JsonSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'cloudkeep.config.json',
  ...fileShape.schema,
})
