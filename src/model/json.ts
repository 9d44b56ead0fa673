/** Any JSON value, as received. Raw records are kept whole so that fields unknown today are not lost. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}
