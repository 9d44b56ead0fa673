import type { Json } from '../../model/json.ts'
import type { Api } from '../api.ts'
import { type Asking, acceptHeaders, type ExchangeOptions, type Received, received } from '../exchange.ts'

/** What only a writer can ask of the Admin API: anything. Readers hold an `Api` of another type. */
export type WriteRequest = Asking &
  (
    | { readonly method: 'GET'; readonly path: string }
    | { readonly method: 'POST' | 'PUT' | 'DELETE'; readonly path: string; readonly body: Json }
  )

export type WriteApi = Api<WriteRequest>

/** Bodies go as JSON: form-encoded arrays are not understood everywhere. */
export const sendWrite = async (
  request: WriteRequest,
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<Received> => {
  const headers = { ...acceptHeaders(options), authorization: options.authorization }
  const hasBody = request.method !== 'GET'
  const response = await options.dispatcher.request({
    origin: options.origin,
    path: options.basePath + request.path,
    method: request.method,
    headers: hasBody ? { ...headers, 'content-type': 'application/json' } : headers,
    body: hasBody ? JSON.stringify(request.body) : null,
    signal,
  })
  return received(request.what, response)
}
