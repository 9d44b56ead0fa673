import { succeeded } from '../api.ts'
import { encodeSegment } from '../delivery-url.ts'
import type { WriteApi, WriteRequest } from './request.ts'

/** One that is there is left alone: some services say 409, others nothing. */
export const createFolder = async (admin: WriteApi, path: string, signal: AbortSignal): Promise<void> => {
  const request: WriteRequest = {
    method: 'POST',
    path: `/folders/${encodeSegment(path)}`,
    body: {},
    what: `create folder ${path}`,
  }
  const answer = await admin.ask(request, signal)
  if (!succeeded(answer) && answer.status !== 409) throw admin.failure(request, answer)
}
