import { ApiError } from './errors.ts'
import { type Params, textOf } from './params.ts'
import { isApiSignature, type SignedParams, stringToSign } from './signature.ts'
import type { Cloud, World } from './state.ts'

const HOUR_SECONDS = 3600

/** Throws the 401 of an account that does not exist. */
export const cloudNamed = (world: World, name: string): Cloud => {
  const cloud = world.clouds.get(name)
  if (cloud === undefined) throw new ApiError(401, `Invalid cloud_name ${name}`)
  return cloud
}

const activeKey = (cloud: Cloud, key: string): Cloud['keys'][number] => {
  const found = cloud.keys.find((candidate) => candidate.key === key)
  if (found === undefined) throw new ApiError(401, 'Invalid api_key')
  if (!found.enabled) throw new ApiError(401, 'Invalid credentials')
  return found
}

/** Returns the api_key, or undefined when the header is not Basic. Throws the 401 of a wrong pair. */
const checkBasic = (cloud: Cloud, authorization: string | undefined): string | undefined => {
  const encoded = /^basic\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const found = activeKey(cloud, text.slice(0, Math.max(colon, 0)))
  if (found.secret !== text.slice(colon + 1)) throw new ApiError(401, 'api_secret mismatch')
  return found.key
}

const signedForm = (params: Params): SignedParams =>
  Object.fromEntries(Object.keys(params).map((name) => [name, textOf(params, name) ?? '']))

/** Returns the api_key. Throws what the service says of a missing, old or wrong signature. */
export const checkSignature = (cloud: Cloud, params: Params, now: number): string => {
  const key = textOf(params, 'api_key')
  if (key === undefined) throw new ApiError(401, 'Must supply api_key')
  const found = activeKey(cloud, key)
  const signature = textOf(params, 'signature')
  if (signature === undefined) throw new ApiError(400, 'Missing required parameter - signature')
  const timestamp = textOf(params, 'timestamp')
  if (timestamp === undefined) throw new ApiError(400, 'Missing required parameter - timestamp')
  const signed = signedForm(params)
  if (!isApiSignature(signed, signature, found.secret)) {
    throw new ApiError(401, `Invalid Signature ${signature}. String to sign - '${stringToSign(signed)}'.`)
  }
  const at = Number(timestamp)
  if (!Number.isFinite(at) || now / 1000 - at > HOUR_SECONDS) {
    const reported = Number.isFinite(at) ? new Date(at * 1000).toISOString().replace('T', ' ').slice(0, 19) : timestamp
    throw new ApiError(400, `Stale request - reported time is ${reported} +0000 which is more than 1 hour ago`)
  }
  return found.key
}

/** Basic, or else a signature. Bearer tokens are refused: the sandbox gives none out. */
export const authenticate = (
  cloud: Cloud,
  authorization: string | undefined,
  request: { params: Params; now: number },
): string => {
  if (/^bearer\s/i.test(authorization ?? '')) throw new ApiError(401, 'Invalid credentials')
  return checkBasic(cloud, authorization) ?? checkSignature(cloud, request.params, request.now)
}
