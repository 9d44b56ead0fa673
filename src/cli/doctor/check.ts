import type { Settings } from '../../config/config.ts'
import type { Context } from '../../context.ts'

/** What one look found. `fail` means that a backup cannot work, `warn` that it can but a person should know. */
export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail' | 'skipped'
  readonly message: string
  readonly hint?: string
}

export interface Patient {
  readonly settings: Settings
  readonly signal: AbortSignal
  context(): Promise<Context>
  now(): number
}

/** Looks one after the other, so that what is found can be shown as it is found. */
export type Examination = (patient: Patient) => AsyncGenerator<Check>

export const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error))
