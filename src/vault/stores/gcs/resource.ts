import { z } from 'zod'
import { AppError } from '../../../model/errors.ts'

/** The few fields of Google's "Objects" resource that the store looks at. */
const Resource = z.object({
  name: z.string().default(''),
  generation: z.string().default(''),
  metageneration: z.string().optional(),
  /** A decimal number, as all 64-bit numbers in this API. */
  size: z.string().regex(/^\d+$/u).default('0'),
  /** RFC 3339; moves when the object is made and whenever its metadata change. */
  updated: z.string().optional(),
  md5Hash: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  retention: z.object({ mode: z.enum(['Unlocked', 'Locked']), retainUntilTime: z.string() }).optional(),
  retentionExpirationTime: z.string().optional(),
  temporaryHold: z.boolean().optional(),
  eventBasedHold: z.boolean().optional(),
})
export type Resource = z.infer<typeof Resource>

const Page = z.object({ items: z.array(Resource).default([]), nextPageToken: z.string().optional() })
export type Page = z.infer<typeof Page>

const Settings = z.object({
  versioning: z.object({ enabled: z.boolean() }).optional(),
  retentionPolicy: z
    .object({ retentionPeriod: z.coerce.number().optional(), isLocked: z.boolean().optional() })
    .optional(),
  objectRetention: z.object({ mode: z.string() }).optional(),
  softDeletePolicy: z.object({ retentionDurationSeconds: z.coerce.number().optional() }).optional(),
})
/** The few fields of Google's "Buckets" resource that the store looks at. */
export type Settings = z.infer<typeof Settings>

const parsed = <T>(schema: z.ZodType<T>, json: unknown, what: string): T => {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  // A 200 whose body is not Google's comes from something in between, and may pass.
  throw new AppError('STORE_UNAVAILABLE', `${what}: the answer is not what Cloud Storage promises`, {
    permanent: false,
    hint: 'check the endpoint and whatever stands between here and Google',
    cause: result.error,
  })
}

export const parseResource = (json: unknown, what: string): Resource => parsed(Resource, json, what)
export const parsePage = (json: unknown, what: string): Page => parsed(Page, json, what)
export const parseSettings = (json: unknown, what: string): Settings => parsed(Settings, json, what)

/** Milliseconds since the epoch; undefined where the service did not say. */
export const timeOf = (text: string | undefined): number | undefined => {
  const time = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

/** Generations count up with time. */
export const byGeneration = (one: Resource, other: Resource): number => {
  const difference = BigInt(one.generation || 0) - BigInt(other.generation || 0)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}
