import { ApiError } from './errors.ts'
import type { Cloud } from './state.ts'

/** The clock's window: in life the full hour that `now` lies in. */
const currentWindow = (cloud: Cloud, now: number): Cloud['quota'] => {
  if (now >= cloud.quota.windowEnds || cloud.quota.windowEnds - now > cloud.settings.rateWindowMs) {
    const length = cloud.settings.rateWindowMs
    cloud.quota = { windowEnds: (Math.floor(now / length) + 1) * length, used: 0 }
  }
  return cloud.quota
}

/** Whole seconds, rounded up: whoever waits until then finds the new window open. */
const resetTime = (quota: Cloud['quota']): Date => new Date(Math.ceil(quota.windowEnds / 1000) * 1000)

/** The three headers of every Admin API answer. */
export const quotaHeaders = (cloud: Cloud, now: number): Record<string, string> => {
  const quota = currentWindow(cloud, now)
  return {
    'X-FeatureRateLimit-Limit': String(cloud.settings.rateLimit),
    'X-FeatureRateLimit-Remaining': String(Math.max(0, cloud.settings.rateLimit - quota.used)),
    'X-FeatureRateLimit-Reset': resetTime(quota).toUTCString(),
  }
}

/** Counts one Admin API call. Throws the 420 when the window has none left; a refused call is not counted. */
export const countCall = (cloud: Cloud, now: number): void => {
  const quota = currentWindow(cloud, now)
  if (quota.used >= cloud.settings.rateLimit) {
    const until = resetTime(quota).toISOString().slice(0, 19).replace('T', ' ')
    throw new ApiError(
      420,
      `Rate Limit Exceeded. Limit of ${cloud.settings.rateLimit} api operations reached. Try again on ${until} UTC`,
    )
  }
  quota.used++
}
