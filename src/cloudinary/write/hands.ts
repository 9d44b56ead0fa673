import type { RetryTiming } from '../../lib/retry.ts'
import type { DetailsMemory } from '../details.ts'
import type { ListMemory } from '../list.ts'
import type { Silence } from './label-state.ts'
import type { WriteApi } from './request.ts'
import type { UploadApi } from './upload-api.ts'

/** What the operations of one writer share. */
export interface Hands {
  readonly admin: WriteApi
  readonly uploads: UploadApi
  readonly details: DetailsMemory
  readonly lists: ListMemory
  readonly silence: Silence
  readonly retry: RetryTiming
  readonly random: () => number
  /** The service's clock, in milliseconds. */
  readonly serverNow: () => number
  readonly chunkBytes: number
  readonly chunkAbove: number
}
