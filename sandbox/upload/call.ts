import type { Params } from '../params.ts'
import type { Cloud, JsonValue, World } from '../state.ts'
import type { SentFile } from './request.ts'

/** One Upload API request, with its caller known. */
export interface UploadCall {
  readonly world: World
  readonly cloud: Cloud
  /** image, video, raw, auto or all, as the path has it. */
  readonly resourceType: string
  /** Those of the request over those of its preset. */
  readonly params: Params
  readonly file: SentFile | null
  /** The api_key that asks; for an unsigned upload the account's first. */
  readonly key: string
  readonly unsigned: boolean
  header(name: string): string | undefined
}

export type UploadMethod = (call: UploadCall) => JsonValue | Promise<JsonValue>
