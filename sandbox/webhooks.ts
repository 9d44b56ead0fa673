import { request } from 'undici'
import { notificationSignature } from './signature.ts'
import type { Cloud, JsonValue, Trigger, World } from './state.ts'

type EventBody = { [key: string]: JsonValue }

export interface EventToTell {
  /** `upload`, `delete`, `resource_tags_changed`, … */
  readonly type: string
  /** What is special to the event; type, context and signature key are added. */
  readonly body: EventBody
  /** Takes the place of the account's triggers for this one event; triggers that are additive hear of it all the same. */
  readonly notificationUrl?: string | undefined
  /** Who caused it. @default the account's first key */
  readonly apiKey?: string | undefined
}

/** In life the first attempt is followed by three more, after about 3, 6 and 9 minutes. */
const LIFE_DELAYS_MS = [180_000, 360_000, 540_000]
const TIMEOUT_MS = 20_000

const schedules = new WeakMap<World, readonly number[]>()
const underWay = new WeakMap<World, Set<Promise<void>>>()

/** The pauses before each repetition, in milliseconds; tests make them short. @default 3, 6 and 9 minutes */
export const setWebhookDelays = (world: World, delaysMs: readonly number[]): void => {
  schedules.set(world, delaysMs)
}

/** Resolves when every notification has been delivered or given up, those included that are caused meanwhile. */
export const webhooksSettled = async (world: World): Promise<void> => {
  const sending = underWay.get(world)
  while (sending !== undefined && sending.size > 0) await Promise.all(sending)
}

/** The sandbox calls nobody but this machine: the triggers of a sample account name hosts that others own. */
const isLocal = (uri: string): boolean => {
  if (!URL.canParse(uri)) return false
  const { protocol, hostname } = new URL(uri)
  return /^https?:$/.test(protocol) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

const listens = (trigger: Trigger, type: string): boolean =>
  trigger.uriType === 'webhook' && (trigger.eventType === type || trigger.eventType === 'all')

const receivers = (cloud: Cloud, type: string, notificationUrl: string | undefined): string[] => {
  const triggers = [...cloud.triggers.values()].filter((trigger) => listens(trigger, type))
  const own = notificationUrl === undefined ? [] : notificationUrl.split('\n').filter((uri) => uri !== '')
  const heard = own.length === 0 ? triggers : triggers.filter((trigger) => trigger.additive)
  return [...new Set([...own, ...heard.map((trigger) => trigger.uri)])].filter(isLocal)
}

/** True when the receiver answered 200; nothing else counts, other 2xx included. */
const attempt = async (uri: string, body: string, headers: Record<string, string>): Promise<boolean> => {
  try {
    const answer = await request(uri, {
      method: 'POST',
      body,
      headers,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    })
    await answer.body.dump()
    return answer.statusCode === 200
  } catch {
    return false
  }
}

/** Does not keep the process alive: a sandbox that is closed sends no more. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref())

const deliver = async (world: World, cloud: Cloud, sent: { uri: string; body: string }): Promise<void> => {
  const secret = cloud.keys.find((key) => key.enabled)?.secret ?? ''
  const delays = schedules.get(world) ?? LIFE_DELAYS_MS
  for (const delay of [0, ...delays]) {
    if (delay > 0) await pause(delay)
    const timestamp = Math.floor(world.now() / 1000)
    const headers = {
      'content-type': 'application/json',
      'x-cld-timestamp': String(timestamp),
      'x-cld-signature': notificationSignature(sent.body, timestamp, { secret }),
    }
    if (await attempt(sent.uri, sent.body, headers)) return
  }
}

/** Six digits after the second; the last three are made up, the clock has none. */
const microTime = (now: number): string => new Date(now).toISOString().replace('Z', '000Z')

const withTrailer = (
  world: World,
  cloud: Cloud,
  event: { type: string; body: EventBody; apiKey: string },
): EventBody => ({
  notification_type: event.type,
  ...event.body,
  notification_context: {
    triggered_at: microTime(world.now()),
    triggered_by: { source: 'api', id: event.apiKey },
  },
  signature_key: cloud.keys.find((key) => key.enabled)?.key ?? '',
})

/** Notes a change in `cloud.events` and tells everyone who listens for it, in the background. */
export const recordEvent = (world: World, cloud: Cloud, event: EventToTell): void => {
  const apiKey = event.apiKey ?? cloud.keys[0]?.key ?? ''
  const full = withTrailer(world, cloud, { type: event.type, body: event.body, apiKey })
  cloud.events.push({ type: event.type, body: full, at: world.now() })
  const sending = underWay.get(world) ?? new Set()
  underWay.set(world, sending)
  for (const uri of receivers(cloud, event.type, event.notificationUrl)) {
    const task = deliver(world, cloud, { uri, body: JSON.stringify(full) }).finally(() => sending.delete(task))
    sending.add(task)
  }
}
