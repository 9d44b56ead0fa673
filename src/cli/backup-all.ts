import type { Settings } from '../config/config.ts'
import type { Context } from '../context.ts'
import { isAppError } from '../model/errors.ts'
import type { Call, Result } from './command.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { describeFailure, showFailure } from './failure.ts'
import { plural, safe } from './format.ts'

type BackUp = (call: Call, settings: Settings, context: Context) => Promise<Result>

/**
 * Backs up one account after the other. What goes wrong with one of them hides none of the others; an interrupt ends all.
 * The exit code is that of the first that did not go well.
 */
export async function backUpAll(call: Call, backUp: BackUp): Promise<Result> {
  const { out } = call
  const accounts = call.accounts()
  const results: { account: string; exit: number; summary: object }[] = []
  for (const [index, { name, settings, error }] of accounts.entries()) {
    out.line(`${index === 0 ? '' : '\n'}${out.theme.strong(safe(name))}`)
    const result = await attempt(call, async () => {
      if (settings === null) throw error
      return await backUp(call, settings, await call.contextOf(settings))
    })
    const summary = { account: name, exit: result.exit, ...result.summary }
    out.record('account', summary)
    results.push({ account: name, exit: result.exit, summary })
  }
  const bad = results.filter(({ exit }) => exit !== EXIT.done)
  const { theme } = out
  out.line(
    bad.length === 0
      ? `\n${theme.ok(`${theme.marks.ok} ${plural(results.length, 'account')} backed up`)}`
      : `\n${theme.warn(`${theme.marks.warn} ${bad.map(({ account }) => safe(account)).join(', ')} of ${plural(results.length, 'account')} did not go well`)}`,
  )
  return {
    exit: bad[0]?.exit ?? EXIT.done,
    summary: { accounts: results.map(({ summary }) => summary), done: results.length - bad.length, failed: bad.length },
  }
}

async function attempt({ out, signal }: Call, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!isAppError(error) || signal.aborted) throw error
    const failed = describeFailure(error, false)
    showFailure(out, failed, (text) => text)
    return {
      exit: exitCodeOf(error.code),
      summary: { error: { code: failed.code, message: failed.message, hint: failed.hint } },
    }
  }
}
