import { startTestApi, type TestApi } from '../admin/testing.ts'
import { apiSignature, type SignedParams } from '../signature.ts'
import type { CloudSettings } from '../state.ts'

/** A PNG of that size; `filler` makes its bytes differ. */
export const pngOf = (width: number, height: number, filler = ''): Buffer => {
  const head = Buffer.alloc(33)
  head.write('\x89PNG\r\n\x1a\n', 0, 'latin1')
  head.writeUInt32BE(13, 8)
  head.write('IHDR', 12, 'latin1')
  head.writeUInt32BE(width, 16)
  head.writeUInt32BE(height, 20)
  return Buffer.concat([head, Buffer.from(filler)])
}

export interface UploadApi extends TestApi {
  /** Sends a signed multipart form; the parsed answer with its status. */
  upload(path: string, params: SignedParams, file?: UploadFile, headers?: Record<string, string>): Promise<Reply>
  /** GET or HEAD of a path as it stands, on the delivery side of the server. */
  deliver(path: string, init?: RequestInit): Promise<Response>
}

export interface UploadFile {
  readonly bytes: Buffer
  readonly name?: string
}

export interface Reply {
  readonly status: number
  readonly error?: { readonly message: string }
  readonly [field: string]: unknown
}

/** The signature's parameters, for an account's first key. */
const signed = (api: TestApi, params: SignedParams): SignedParams => {
  const { key, secret } = api.cloud.keys[0] ?? { key: '', secret: '' }
  const all = { timestamp: Math.floor(api.now / 1000), ...params }
  return { ...all, signature: apiSignature(all, secret), api_key: key }
}

const formOf = (params: SignedParams, file: UploadFile | undefined): FormData => {
  const form = new FormData()
  for (const [name, value] of Object.entries(params)) {
    if (Array.isArray(value)) for (const item of value) form.append(`${name}[]`, item)
    else if (value !== undefined && value !== null) form.append(name, String(value))
  }
  if (file !== undefined) form.append('file', new Blob([new Uint8Array(file.bytes)]), file.name ?? 'file.png')
  return form
}

export const startUploadApi = async (settings: Partial<CloudSettings> = {}): Promise<UploadApi> => {
  const api = await startTestApi(settings)
  const url = `${api.sandbox.url}/v1_1/acme`
  return Object.assign(api, {
    upload: async (path: string, params: SignedParams, file?: UploadFile, headers: Record<string, string> = {}) => {
      const body = formOf(signed(api, params), file)
      const response = await fetch(`${url}/${path}`, { method: 'POST', body, headers })
      return { ...((await response.json()) as object), status: response.status }
    },
    deliver: (path: string, init: RequestInit = {}) => fetch(`${api.sandbox.url}${path}`, init),
  })
}
