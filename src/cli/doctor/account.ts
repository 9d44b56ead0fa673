import { Agent, type Dispatcher, ProxyAgent, request } from 'undici'
import type { AccountReader } from '../../cloudinary/reader.ts'
import type { Config } from '../../config/config.ts'
import type { AccountProfile } from '../../model/account.ts'
import { isAppError } from '../../model/errors.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural, safe } from '../format.ts'
import { type Check, describe, type Examination, type Patient } from './check.ts'

/** Cloudinary refuses signed requests that are an hour off; long before that, times in reports mislead. */
const CLOCK_MS = 60_000
const TIMEOUT_MS = 10_000

/** Whether the account can be reached, and what it says. Two calls of the Admin API. */
export const examineAccount: Examination = async function* (patient) {
  const { config, secrets } = patient.settings
  const reach = await reachServer(config, patient)
  yield reach.check
  if (secrets.missing.length > 0 || config.cloud === null) {
    yield {
      name: 'credentials',
      status: 'fail',
      message: `not set: ${secrets.missing.join(', ') || 'the cloud name'}`,
      hint: 'set CLOUDINARY_URL=cloudinary://KEY:SECRET@CLOUD, from the API keys page of the Cloudinary console',
    }
    return
  }
  if (!reach.reached) {
    yield { name: 'credentials', status: 'skipped', message: 'the server cannot be reached' }
    return
  }
  const reader = (await patient.context()).reader()
  yield* ask(reader, patient)
}

async function* ask(reader: AccountReader, { settings, signal }: Patient): AsyncGenerator<Check> {
  try {
    const profile = await reader.profile(signal)
    yield {
      name: 'credentials',
      status: 'ok',
      message: `accepted for ${settings.config.cloud ?? ''} (${safe(settings.secrets.origin ?? '')})`,
    }
    yield { name: 'account', status: 'ok', message: profileText(profile) }
  } catch (error) {
    const refused = isAppError(error, 'CREDENTIALS_REFUSED')
    yield {
      name: 'credentials',
      status: 'fail',
      message: safe(describe(error)),
      ...(isAppError(error) && error.hint
        ? { hint: error.hint }
        : refused
          ? { hint: 'check key, secret and cloud name; they must belong together' }
          : {}),
    }
  }
  yield budget(reader)
}

function profileText(profile: AccountProfile): string {
  const parts = [
    profile.plan === null ? '' : `plan ${safe(profile.plan)}`,
    profile.folderMode === null ? '' : `${profile.folderMode} folders`,
    profile.assets === null ? '' : plural(profile.assets, 'original'),
    profile.storageBytes === null ? '' : formatBytes(profile.storageBytes),
  ].filter((part) => part !== '')
  return parts.join(', ') || 'says nothing of itself'
}

function budget(reader: AccountReader): Check {
  const { budget: left } = reader
  if (left === null) return { name: 'api', status: 'skipped', message: 'the answers named no limit' }
  const message = `${formatCount(left.remaining)} of ${formatCount(left.limit)} Admin API calls left until ${formatTime(left.resetAt).slice(11)}`
  return { name: 'api', status: left.remaining * 10 < left.limit ? 'warn' : 'ok', message }
}

/** A request without credentials, which counts for nothing: is there a way, and what time is it over there? */
async function reachServer(config: Config, { signal, now }: Patient): Promise<{ reached: boolean; check: Check }> {
  const host = new URL(config.uploadPrefix).host
  const dispatcher: Dispatcher = config.proxy === null ? new Agent() : new ProxyAgent(config.proxy)
  try {
    const response = await request(config.uploadPrefix, {
      method: 'HEAD',
      dispatcher,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    await response.body.dump()
    return { reached: true, check: clock(host, response.headers['date'], now()) }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const through = config.proxy === null ? '' : ' through the proxy'
    return {
      reached: false,
      check: {
        name: 'network',
        status: 'fail',
        message: `${host} cannot be reached${through}: ${safe(describe(cause))}`,
        hint: 'check the network, a firewall, HTTPS_PROXY, or the upload_prefix of a regional account',
      },
    }
  } finally {
    await dispatcher.destroy()
  }
}

function clock(host: string, date: string | string[] | undefined, now: number): Check {
  const server = typeof date === 'string' ? Date.parse(date) : Number.NaN
  if (Number.isNaN(server)) return { name: 'network', status: 'ok', message: `${host} answers` }
  const off = now - server
  if (Math.abs(off) <= CLOCK_MS) return { name: 'network', status: 'ok', message: `${host} answers, the clocks agree` }
  return {
    name: 'network',
    status: 'warn',
    message: `${host} answers, but this clock is ${formatDuration(Math.abs(off))} ${off > 0 ? 'ahead' : 'behind'}`,
    hint: 'set the clock (NTP); snapshots are named by time, and signed requests are refused when it is an hour off',
  }
}
