import type { v2 } from 'cloudinary'
import { createCloud } from './cloud.ts'
import { createCanvas, fillRect } from './sample/canvas.ts'
import { encodePng } from './sample/encode-png.ts'
import { type Sandbox, startSandbox } from './server.ts'
import type { Cloud, CloudSettings } from './state.ts'

export interface Sdk {
  readonly cloudinary: typeof v2
  readonly cloud: Cloud
  readonly sandbox: Sandbox
}

/**
 * The official SDK, set up as its users do it, by CLOUDINARY_URL. It chooses between http and https when it is loaded,
 * so it must not be imported before; one process can hold one such set-up.
 */
export const startSdk = async (settings: Partial<CloudSettings> = {}): Promise<Sdk> => {
  const cloud = createCloud({ name: 'acme', settings: { rateLimit: 100_000, allowPdfZip: true, ...settings } })
  const sandbox = await startSandbox({ clouds: [cloud] })
  process.env['CLOUDINARY_URL'] = sandbox.cloudinaryUrl('acme')
  const { v2: cloudinary } = await import('cloudinary')
  return { cloudinary, cloud, sandbox }
}

/** What a rejected call of the SDK says: the Admin API rejects with `{error}`, the Upload API with the error itself. */
export const refusal = async (call: Promise<unknown>): Promise<{ message: string; http_code: number }> => {
  try {
    await call
  } catch (error) {
    const thrown = error as { error?: { message: string; http_code: number }; message?: string; http_code?: number }
    const { message = '', http_code = 0 } = thrown.error ?? thrown
    return { message, http_code }
  }
  throw new Error('the call was not refused')
}

/** A real picture of one colour, `seed`; different seeds give different bytes. */
export const picture = (seed: number): Buffer => {
  const canvas = createCanvas(32, 24)
  fillRect(canvas, { x: 0, y: 0, width: 32, height: 24 }, [seed & 255, (seed >> 8) & 255, 128])
  return encodePng(canvas)
}

export const dataUri = (bytes: Buffer, type = 'image/png'): string => `data:${type};base64,${bytes.toString('base64')}`

type Call = (...args: unknown[]) => Promise<Record<string, unknown>>

/** Methods that the SDK has but its type declarations lack. */
export const untyped = (api: typeof v2.api): { [method in 'resource_by_asset_id' | 'delete_backed_up_assets']: Call } =>
  api as object as { [method in 'resource_by_asset_id' | 'delete_backed_up_assets']: Call }
