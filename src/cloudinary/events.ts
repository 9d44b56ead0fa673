/** What the reader tells while it works. A subset of what a run tells, so a run can pass it on as it is. */
export type ReaderEvent =
  /** Asleep until then (ms since the epoch): the hourly limit, or the calls kept for production use. */
  | { readonly type: 'waiting'; readonly until: number; readonly why: 'limit' | 'reserve' }
  | {
      readonly type: 'retry'
      readonly what: string
      readonly attempt: number
      readonly delayMs: number
      readonly reason: string
    }

export type ReaderListener = (event: ReaderEvent) => void
