import type { JsonValue } from './state.ts'

/** A refusal as the service states it: an HTTP status and `{"error":{"message":…}}`. Anything else thrown is a bug. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** Further members of `error`, such as `code`. */
  readonly details: Readonly<Record<string, JsonValue>>

  constructor(status: number, message: string, details: Readonly<Record<string, JsonValue>> = {}) {
    super(message)
    this.status = status
    this.details = details
  }
}

export const errorBody = (message: string, details: Readonly<Record<string, JsonValue>> = {}): JsonValue => ({
  error: { message, ...details },
})

export const badRequest = (message: string): ApiError => new ApiError(400, message)
export const notFound = (message: string): ApiError => new ApiError(404, message)
export const missing = (name: string): ApiError => new ApiError(400, `Missing required parameter - ${name}`)
