/** What can go wrong with a request, as data: written by tests in code, or sent as JSON by tests of another process. */
import { z } from 'zod'

const count = z.number().int().nonnegative()
const milliseconds = z.number().nonnegative()
/** How much of the body still arrives: that many bytes, or that share of it when below 1. */
const part = z.number().nonnegative()

const faultSchema = z.discriminatedUnion('kind', [
  /** A wait before anything else; `jitterMs` adds up to that much at random. The request is then served. */
  z.strictObject({ kind: z.literal('latency'), ms: milliseconds, jitterMs: milliseconds.optional() }),
  z.strictObject({ kind: z.literal('bandwidth'), bytesPerSecond: z.number().positive() }),
  /** TCP reset with no answer at all. With `processed` the request has had its effect, and only the answer is lost. */
  z.strictObject({ kind: z.literal('reset'), processed: z.boolean().optional() }),
  /** TCP reset in the middle of the body. */
  z.strictObject({ kind: z.literal('reset-body'), at: part.optional() }),
  /** A full Content-Length, but the connection is closed in good manners before all of it was sent. */
  z.strictObject({ kind: z.literal('truncate'), at: part.optional() }),
  /** A short body whose Content-Length agrees with it: only a checksum or a size known beforehand tells. */
  z.strictObject({ kind: z.literal('short'), at: part.optional() }),
  /** The right length, other bytes. */
  z.strictObject({ kind: z.literal('wrong-bytes'), bytes: count.optional() }),
  /** An error status; as JSON like the API's, or as the HTML page of a proxy. */
  z.strictObject({
    kind: z.literal('status'),
    status: z.number().int().min(400).max(599),
    body: z.enum(['json', 'html', 'empty']).optional(),
    message: z.string().optional(),
    processed: z.boolean().optional(),
  }),
  /** The Admin API's quota used up. `headers` (default true) says whether the X-FeatureRateLimit headers come along. */
  z.strictObject({
    kind: z.literal('rate-limit'),
    status: z.union([z.literal(420), z.literal(429)]).optional(),
    headers: z.boolean().optional(),
    /** From now to the time that the answer names; without it the answer names none, as for too much at once. */
    resetMs: milliseconds.optional(),
  }),
  /** Status 200, and a page that says the service is down. */
  z.strictObject({ kind: z.literal('html') }),
  /** Status 200 and no body. */
  z.strictObject({ kind: z.literal('empty') }),
  /** Headers, the given part of the body (default none), then silence for as long as the client will wait. */
  z.strictObject({ kind: z.literal('stall'), at: part.optional() }),
  /** A request that continues a list is told that its cursor is not valid. */
  z.strictObject({ kind: z.literal('expired-cursor') }),
  /** A page loses its next_cursor: the list seems to end here. */
  z.strictObject({ kind: z.literal('list-end') }),
  /** A page starts with the last rows of the page before it. */
  z.strictObject({ kind: z.literal('duplicate-rows'), rows: count.optional() }),
  /** A page lacks its last rows, although the list goes on. */
  z.strictObject({ kind: z.literal('missing-rows'), rows: count.optional() }),
  /** Any of the transient ones, by chance. */
  z.strictObject({ kind: z.literal('mixed') }),
])

export type Fault = z.infer<typeof faultSchema>

const AREAS = ['admin', 'upload', 'delivery', 'download', 'other'] as const

type Area = (typeof AREAS)[number]

export interface FaultRule {
  readonly area?: Area | readonly Area[] | undefined
  /** Matched against the path and query as they came. */
  readonly pathMatch?: RegExp | undefined
  readonly method?: string | undefined
  /** How often the fault is applied at most; for ever without it. */
  readonly times?: number | undefined
  /** Of being applied to a request that matches. @default 1 */
  readonly probability?: number | undefined
  /** How many requests that match are let through first. @default 0 */
  readonly after?: number | undefined
  readonly fault: Fault
}

/** The rule as JSON: `pathMatch` is the source of a regular expression. */
const ruleSchema = z.strictObject({
  area: z.union([z.enum(AREAS), z.array(z.enum(AREAS))]).optional(),
  pathMatch: z.string().optional(),
  method: z.string().optional(),
  times: count.optional(),
  probability: z.number().min(0).max(1).optional(),
  after: count.optional(),
  fault: faultSchema,
})
const requestSchema = z.union([
  z.array(ruleSchema),
  z.strictObject({
    rules: z.array(ruleSchema).optional(),
    mixed: z.number().min(0).max(1).optional(),
    seed: z.number().int().optional(),
  }),
])

export interface FaultRequest {
  readonly rules: readonly FaultRule[]
  readonly mixed: number | null
  readonly seed: number | null
}

const readRule = ({ pathMatch, ...rule }: z.infer<typeof ruleSchema>): FaultRule =>
  pathMatch === undefined ? rule : { ...rule, pathMatch: new RegExp(pathMatch) }

/** Reads `[rule, …]` or `{"rules":[…],"mixed":0.05,"seed":1}`. Throws what zod or RegExp throw. */
export const parseFaultRequest = (json: unknown): FaultRequest => {
  const parsed = requestSchema.parse(json)
  if (Array.isArray(parsed)) return { rules: parsed.map(readRule), mixed: null, seed: null }
  return { rules: (parsed.rules ?? []).map(readRule), mixed: parsed.mixed ?? null, seed: parsed.seed ?? null }
}
