/**
 * The levers of the sandbox for tests of another process, under `/_sandbox/`, which no account can be called:
 *
 *     POST   /_sandbox/faults           rules, or {"rules":[…],"mixed":0.05,"seed":1}; added to those there are
 *     DELETE /_sandbox/faults           nothing goes wrong any more
 *     GET    /_sandbox/requests         the log, one object a request, without these
 *     DELETE /_sandbox/requests
 *     POST   /_sandbox/clock            {"set":"2026-10-02T10:00:00Z"} or {"set":<ms>} or {"advance":<ms>}
 *     POST   /_sandbox/expire-cursors   every next_cursor given out so far is refused from now on
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Clock } from './clock.ts'
import { parseFaultRequest } from './faults/rules.ts'
import type { Faults } from './faults.ts'
import type { World } from './state.ts'

export interface Controlled {
  readonly world: World
  readonly faults: Faults
  readonly clock: Clock
}

const PREFIX = '/_sandbox/'

export const isControl = (request: IncomingMessage): boolean => request.url?.startsWith(PREFIX) ?? false

const clockSchema = z.union([
  z.strictObject({ set: z.union([z.number(), z.iso.datetime({ offset: true })]) }),
  z.strictObject({ advance: z.number() }),
])

const setFaults = ({ faults }: Controlled, json: unknown): unknown => {
  const { rules, mixed, seed } = parseFaultRequest(json)
  if (seed !== null) faults.seed(seed)
  faults.add(...rules)
  if (mixed !== null) faults.mixed(mixed)
  return { added: rules.length + (mixed === null ? 0 : 1) }
}

const setClock = ({ clock }: Controlled, json: unknown): unknown => {
  const wish = clockSchema.parse(json)
  if ('set' in wish) clock.set(typeof wish.set === 'number' ? wish.set : Date.parse(wish.set))
  else clock.advance(wish.advance)
  return { now: new Date(clock.now()).toISOString() }
}

type Lever = (controlled: Controlled, json: unknown) => unknown

const LEVERS: { readonly [lever: string]: Lever } = {
  'POST faults': setFaults,
  'DELETE faults': ({ faults }) => {
    const { applied } = faults
    faults.clear()
    return { applied }
  },
  'GET requests': ({ world }) => world.log.filter((entry) => !entry.path.startsWith(PREFIX)),
  'DELETE requests': ({ world }) => ({ deleted: world.log.splice(0).length }),
  'POST clock': setClock,
  'POST expire-cursors': ({ world }) => ({ epoch: ++world.cursorEpoch }),
}

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk as Uint8Array)
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? undefined : (JSON.parse(text) as unknown)
}

const answer = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

/** Answers a request under `/_sandbox/`: 404 when there is no such lever, 400 with the reason when the body is no good. */
export const handleControl = async (
  controlled: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const name = (request.url ?? '').slice(PREFIX.length).replace(/\?.*$/, '')
  const lever = LEVERS[`${request.method} ${name}`]
  if (lever === undefined) return answer(response, 404, { error: { message: `no lever ${request.method} ${name}` } })
  try {
    answer(response, 200, lever(controlled, await readJson(request)))
  } catch (error) {
    answer(response, 400, { error: { message: error instanceof Error ? error.message : String(error) } })
  }
}
