import { createInterface } from 'node:readline/promises'
import type { Readable } from 'node:stream'
import { AppError } from '../model/errors.ts'
import type { Output } from './output.ts'

export interface Confirmation {
  /** What will happen, in a few words: `3 snapshots go`. */
  readonly what: string
  /** What the person has to type. @default yes */
  readonly answer?: string
  /** True when `--yes` was given. */
  readonly isGiven: boolean
  readonly signal: AbortSignal
}

type Input = Readable & { readonly isTTY?: boolean }

/**
 * Returns when a person has typed the answer, or `--yes` was given. Throws NOT_CONFIRMED when nobody can be asked (no
 * terminal, or `--json`), and when anything else was typed.
 */
export async function confirm(
  out: Output,
  { what, answer = 'yes', isGiven, signal }: Confirmation,
  input: Input = process.stdin,
): Promise<void> {
  if (isGiven) return
  if (input.isTTY !== true || !out.live) {
    throw new AppError('NOT_CONFIRMED', `${what}: nobody confirmed it`, {
      hint: 'there is no terminal to ask on; --yes confirms',
    })
  }
  const asking = createInterface({ input, output: process.stderr })
  try {
    const typed = await asking.question(`${what}. Type ${out.talk.strong(answer)} to go on: `, { signal })
    if (typed.trim() === answer) return
  } finally {
    asking.close()
  }
  throw new AppError('NOT_CONFIRMED', `${what}: it was not confirmed`, { hint: 'nothing was changed' })
}
