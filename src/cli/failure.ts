import { isAppError } from '../model/errors.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { safe } from './format.ts'
import type { Output } from './output.ts'

/** What these mean is said in full by their sentence; the system's own words below it would only be noise. */
const SELF_EXPLAINED: readonly string[] = [
  'VAULT_NOT_FOUND',
  'VAULT_LOCKED',
  'SNAPSHOT_NOT_FOUND',
  'ASSET_NOT_FOUND',
  'TARGET_EXISTS',
  'INTERRUPTED',
]

/** An error as a face shows it. `stack` is there when the error was not foreseen, which makes it a bug. */
export interface Failed {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly causes: readonly string[]
  readonly stack: string | null
  readonly exit: number
}

const INTERRUPTED: Failed = {
  code: 'INTERRUPTED',
  message: 'stopped before the end',
  hint: 'nothing is lost; the same command again goes on from here',
  causes: [],
  stack: null,
  exit: EXIT.interrupted,
}

/**
 * Turns anything thrown into what is shown. After an interruption every error is a consequence of it: an aborted
 * request fails in its own way, and that way is of no interest.
 */
export function describeFailure(thrown: unknown, interrupted: boolean): Failed {
  if (interrupted || isAppError(thrown, 'INTERRUPTED')) return INTERRUPTED
  if (isAppError(thrown)) {
    return {
      code: thrown.code,
      message: thrown.message,
      hint: thrown.hint ?? null,
      causes: causesOf(thrown),
      stack: null,
      exit: exitCodeOf(thrown.code),
    }
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  return {
    code: 'UNEXPECTED',
    message: error.message,
    hint: 'this is a bug in cloudkeep: please report it with the lines above',
    causes: causesOf(error),
    stack: error.stack ?? String(error),
    exit: EXIT.failed,
  }
}

function causesOf(error: Error): string[] {
  const causes: string[] = []
  let cause = error.cause
  while (cause instanceof Error && causes.length < 5) {
    // Some errors of the network come with an empty message and a telling code.
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
    const text = cause.message || code || cause.name
    if (!error.message.includes(text) && !causes.includes(text)) causes.push(text)
    cause = cause.cause
  }
  return causes
}

/** Writes an error for people. `redact` is the last door before a secret reaches the terminal. */
export function showFailure(out: Output, failed: Failed, redact: (text: string) => string): void {
  const { talk } = out
  const clean = (text: string): string => safe(redact(text))
  if (failed.stack !== null) {
    for (const line of redact(failed.stack).split('\n')) out.insist(talk.dim(safe(line)))
    for (const cause of failed.causes) out.insist(talk.dim(`    caused by ${clean(cause)}`))
  }
  const label = failed.code === 'INTERRUPTED' ? talk.warn('stop ') : talk.bad(talk.strong('error'))
  out.insist(`${label}  ${clean(failed.message)}`)
  if (failed.stack === null && (out.verbose || !SELF_EXPLAINED.includes(failed.code))) {
    for (const cause of failed.causes) out.insist(`${talk.dim('cause')}  ${talk.dim(clean(cause))}`)
  }
  if (failed.hint !== null) out.insist(`${talk.accent('hint')}   ${clean(failed.hint)}`)
}
