import type { Call, CliCommand, Result } from '../command.ts'
import type { Check } from '../doctor/check.ts'
import { EXIT } from '../exit-codes.ts'
import { pad, plural, safe } from '../format.ts'
import { shortPath } from '../path-shown.ts'
import type { Theme } from '../theme.ts'

export const doctor: CliCommand = {
  name: 'doctor',
  summary: 'check this machine, the vault’s disk, the network and the credentials',
  group: 'check',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings, signal } = call
  const counts = { ok: 0, warn: 0, fail: 0, skipped: 0 }
  const see = (check: Check): void => {
    counts[check.status] += 1
    out.record('check', check)
    for (const line of render(check, out.theme)) out.line(line)
  }
  const { configFile } = settings
  see({
    name: 'config',
    status: 'ok',
    message: `${configFile === null ? 'no config file' : safe(shortPath(configFile))}; cloudkeep config show tells all`,
  })
  // Loaded when asked for: an HTTP client is no part of what `--help` should wait for.
  const { examineMachine } = await import('../doctor/machine.ts')
  const { examinePlace } = await import('../doctor/place.ts')
  const { examineAccount } = await import('../doctor/account.ts')
  for (const examine of [examineMachine, examinePlace, examineAccount]) {
    for await (const check of examine({ settings, signal, context: call.context, now: call.now })) see(check)
    signal.throwIfAborted()
  }
  out.line()
  if (counts.fail > 0) out.line(out.theme.bad(`${plural(counts.fail, 'problem')} in the way of a backup`))
  else if (counts.warn > 0) out.line(out.theme.warn(`ready, with ${plural(counts.warn, 'warning')}`))
  else out.line(out.theme.ok('ready for a backup'))
  return { exit: counts.fail > 0 ? EXIT.failed : EXIT.done, summary: counts }
}

function render(check: Check, theme: Theme): string[] {
  const { marks } = theme
  const mark = {
    ok: theme.ok(marks.ok),
    warn: theme.warn(marks.warn),
    fail: theme.bad(marks.bad),
    skipped: theme.dim(marks.dot),
  }[check.status]
  const lines = [`${mark} ${theme.dim(pad(check.name, 12))} ${check.message}`]
  if (check.hint !== undefined) lines.push(`${' '.repeat(15)}${theme.accent('hint')}  ${check.hint}`)
  return lines
}
