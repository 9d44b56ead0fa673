import { succeeded } from '../api.ts'
import { isObject, toNumber } from '../wire/answer.ts'
import type { MediaLimits } from '../writer.ts'
import type { WriteApi, WriteRequest } from './request.ts'

const USAGE: WriteRequest = { method: 'GET', path: '/usage', what: 'read the usage', optional: true }

/** A key that may not see the usage learns no limits, which is no error: uploads are refused by name then. */
export const mediaLimits = async (admin: WriteApi, signal: AbortSignal): Promise<MediaLimits> => {
  const answer = await admin.ask(USAGE, signal)
  if (answer.status === 401) throw admin.failure(USAGE, answer)
  const limits = succeeded(answer) && isObject(answer.json) ? answer.json['media_limits'] : null
  const limit = (name: string): number | null => (isObject(limits) ? toNumber(limits[name]) : null)
  return {
    image: limit('image_max_size_bytes'),
    video: limit('video_max_size_bytes'),
    raw: limit('raw_max_size_bytes'),
  }
}
