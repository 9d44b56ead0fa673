/**
 * Everything that goes wrong between a client and a service, on purpose and repeatably: rules say which requests are
 * hit and how. The faults happen on the socket, so that a client meets them as it would in life.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { resetConnection, spoilAnswer } from './faults/bodies.ts'
import { type Answer, captureAnswer, overhear, passAnswer, sendAnswer } from './faults/captured.ts'
import { createListFaults, cursorOf, type ListFaults } from './faults/lists.ts'
import { expiredCursorAnswer, rateLimitAnswer, statusAnswer } from './faults/refusals.ts'
import type { Fault, FaultRule } from './faults/rules.ts'
import { createRandom, type Random } from './random.ts'
import type { LoggedRequest } from './state.ts'

export type { Fault, FaultRule } from './faults/rules.ts'

export interface Faults {
  /** Adds rules. Of those that match a request the first is applied; latency is applied besides another. */
  add(...rules: FaultRule[]): void
  /** That share of all requests fails from now on, each in a way that a repetition may cure. */
  mixed(share: number): void
  /** Forgets all rules. */
  clear(): void
  /** Starts the randomness again from here. */
  seed(seed: number): void
  /** How many times a fault was applied since the start. */
  readonly applied: number
  /** To be called in the tick in which the request came, before anything reads it; `next` serves it. */
  intercept(req: IncomingMessage, res: ServerResponse, entry: LoggedRequest, next: () => unknown): void
}

export interface FaultsOptions {
  /** @default 1 */
  readonly seed?: number
  /** The sandbox's clock, for answers that name a time. @default Date.now */
  readonly now?: () => number
}

interface LiveRule {
  readonly rule: FaultRule
  left: number
  toPass: number
}

export const createFaults = (options: FaultsOptions = {}): Faults => {
  let rules: LiveRule[] = []
  let random = createRandom(options.seed ?? 1)
  let applied = 0
  const lists = createListFaults()
  const now = options.now ?? Date.now
  const add = (...added: FaultRule[]): void => {
    rules.push(
      ...added.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY, toPass: rule.after ?? 0 })),
    )
  }
  return {
    add,
    mixed: (share) => add({ probability: share, fault: { kind: 'mixed' } }),
    clear: () => {
      rules = []
    },
    seed: (seed) => {
      random = createRandom(seed)
    },
    get applied() {
      return applied
    },
    intercept(req, res, entry, next) {
      const hits = rules.length === 0 ? [] : choose(rules, entry, { url: req.url ?? '', random })
      const spend = (live: LiveRule, kind: string): boolean => {
        if (live.left <= 0) return false
        live.left--
        applied++
        entry.fault = entry.fault === null ? kind : `${entry.fault}+${kind}`
        return true
      }
      const hit = hits.find((live) => live.rule.fault.kind !== 'latency')
      let wait = 0
      for (const { rule } of hits.filter((live) => live.rule.fault.kind === 'latency' && spend(live, 'latency'))) {
        if (rule.fault.kind === 'latency') wait += rule.fault.ms + random.next() * (rule.fault.jitterMs ?? 0)
      }
      const exchange: Exchange = { req, res, area: entry.area, random, lists, now: now(), next }
      if (hit !== undefined && entry.area === 'admin') exchange.overheard = overhear(req)
      const serve = (): void => {
        if (hit !== undefined) apply(exchange, concrete(hit.rule.fault, entry, random), (kind) => spend(hit, kind))
        // A later page may have to repeat the rows of this one.
        else if (rules.some((live) => live.rule.fault.kind === 'duplicate-rows')) serveThen(exchange, () => null)
        else next()
      }
      if (wait > 0) setTimeout(serve, wait)
      else serve()
    },
  }
}

/** The rules that hit this request: all latencies, and the first of the others. */
const choose = (rules: readonly LiveRule[], entry: LoggedRequest, how: { url: string; random: Random }): LiveRule[] => {
  const hits: LiveRule[] = []
  let found = false
  for (const live of rules) {
    const latency = live.rule.fault.kind === 'latency'
    if (live.left <= 0 || (found && !latency) || !matches(live.rule, entry, how.url)) continue
    if (live.toPass > 0) {
      live.toPass--
      continue
    }
    if (live.rule.probability !== undefined && !how.random.chance(live.rule.probability)) continue
    hits.push(live)
    found ||= !latency
  }
  return hits
}

const matches = ({ area, method, pathMatch }: FaultRule, entry: LoggedRequest, url: string): boolean => {
  // The control routes must work whatever was asked of them.
  if (url.startsWith('/_sandbox/')) return false
  if (area !== undefined && !(typeof area === 'string' ? area === entry.area : area.includes(entry.area))) return false
  if (method !== undefined && method.toUpperCase() !== entry.method.toUpperCase()) return false
  if (pathMatch === undefined) return true
  pathMatch.lastIndex = 0
  return pathMatch.test(url)
}

type ConcreteFault = Exclude<Fault, { kind: 'mixed' }>

/** Of the faults that a client can notice and cure by asking again. Bytes that lie are left to delivery, which has an MD5. */
const concrete = (fault: Fault, entry: LoggedRequest, random: Random): ConcreteFault => {
  if (fault.kind !== 'mixed') return fault
  const kinds: readonly ConcreteFault[] = [
    { kind: 'reset' },
    { kind: 'reset-body', at: random.next() },
    { kind: 'truncate', at: random.next() },
    { kind: 'short', at: random.next() },
    { kind: 'status', status: random.pick([500, 502, 503, 504]), body: random.pick(['json', 'html', 'empty']) },
    { kind: 'status', status: random.pick([420, 429]) },
    { kind: 'html' },
    { kind: 'empty' },
  ]
  if (entry.area !== 'delivery' && entry.area !== 'download') return random.pick(kinds)
  return random.pick([...kinds, { kind: 'wrong-bytes', bytes: random.between(1, 64) }])
}

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly area: LoggedRequest['area']
  readonly random: Random
  readonly lists: ListFaults
  readonly now: number
  readonly next: () => unknown
  overheard?: () => Buffer
}

const apply = (exchange: Exchange, fault: ConcreteFault, spend: (kind: string) => boolean): void => {
  const { req, res, random } = exchange
  switch (fault.kind) {
    case 'latency':
      exchange.next()
      break
    case 'list-end':
    case 'duplicate-rows':
    case 'missing-rows':
    case 'expired-cursor':
      serveList(exchange, fault, spend)
      break
    case 'reset':
    case 'rate-limit':
    case 'status':
      refuse(exchange, fault, spend)
      break
    default:
      serveThen(exchange, (answer) => {
        const spoilable = answer.body.length > 0 && req.method !== 'HEAD' && spend(fault.kind)
        return spoilable ? spoilAnswer(res, answer, { fault, random }) : null
      })
  }
}

type Refusal = Extract<Fault, { kind: 'reset' | 'rate-limit' | 'status' }>

const refuse = (exchange: Exchange, fault: Refusal, spend: (kind: string) => boolean): void => {
  const { req, res, area } = exchange
  const send = (): void => {
    if (fault.kind === 'reset') {
      resetConnection(res)
      return
    }
    // What the client still sends has to go somewhere, or a connection that is kept alive never gets free.
    req.resume()
    sendAnswer(res, fault.kind === 'status' ? statusAnswer(fault, area) : rateLimitAnswer(fault, exchange.now))
  }
  if (!spend(fault.kind === 'status' ? `status ${fault.status}` : fault.kind)) exchange.next()
  else if (fault.kind !== 'rate-limit' && fault.processed === true) serveThen(exchange, () => send)
  else send()
}

/** Serves the request, and lets `change` see the answer before it leaves; null leaves it as it is. */
const serveThen = ({ res, lists, next }: Exchange, change: (answer: Answer) => (() => void) | null): void => {
  captureAnswer(res, (answer) => {
    const send = change(answer)
    lists.seen(answer)
    if (send === null) passAnswer(res, answer)
    else send()
  })
  next()
}

type ListFault = Extract<Fault, { kind: 'list-end' | 'duplicate-rows' | 'missing-rows' | 'expired-cursor' }>

/** Spends only on answers that the fault can be seen in, so that `times: 1` hits a page and not a ping. */
const serveList = (exchange: Exchange, fault: ListFault, spend: (kind: string) => boolean): void => {
  const { req, res, lists } = exchange
  serveThen(exchange, (answer) => {
    const cursor = cursorOf(req.url ?? '', exchange.overheard?.() ?? Buffer.alloc(0))
    if (fault.kind === 'expired-cursor') {
      return cursor !== null && spend(fault.kind) ? () => sendAnswer(res, expiredCursorAnswer()) : null
    }
    const spoilt = lists.spoil(cursor, answer, fault)
    return spoilt !== null && spend(fault.kind) ? () => sendAnswer(res, spoilt) : null
  })
}
