import type { ReadWish } from '../../maintenance/verify/reading.ts'
import type { VerifyReport } from '../../maintenance/verify/report.ts'
import { AppError } from '../../model/errors.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { createVerifyDisplay } from '../verify-display.ts'
import { renderDifference, renderReport } from '../verify-report.ts'

export const verify: CliCommand = {
  name: 'verify',
  summary: 'check that everything is there, that its bytes are right, and mend what is not',
  group: 'check',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  options: [
    {
      flags: '--read <WHAT>',
      help: 'bytes to read back: none, all, or a part (5%, 30m, 2GB) that the next time goes on from (none)',
    },
    { flags: '--live', help: 'compare the account as it is now with its newest snapshot too' },
    { flags: '--repair', help: 'mend what --read finds: from the library, other vaults, the account, its backup' },
    { flags: '--from <VAULT>', help: 'another vault to repair from; repeatable', repeatable: true },
  ],
  notes: `  cloudkeep verify                       everything named is there with its length
  cloudkeep verify --read 5%             every day: over three weeks every byte is read
  cloudkeep verify --read all --repair --from /mnt/second
  A part is read in order of the objects' names and the place where it stopped is kept in the vault. Bad bytes are
  moved to quarantine/ in the vault and never deleted. Exit code 3 when errors remain.`,
  outlivesPipe: true,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, options, signal } = call
  const { parseReadWish } = await import('../../maintenance/verify/reading.ts')
  const read = options.text('read')
  const wish: ReadWish = parseReadWish(read ?? 'none')
  const repair = options.flag('repair')
  if (repair && read === undefined) {
    throw new AppError('USAGE', '--repair mends what --read finds, and nothing says what to read', {
      hint: 'add --read all, or --read none for what is missing or short',
    })
  }
  const from = options.list('from')
  if (from.length > 0 && !repair) throw new AppError('USAGE', '--from says where to repair from: add --repair')
  const context = await call.context()
  const { runVerifyCommand } = await import('../../verify-command.ts')
  const display = createVerifyDisplay(out, call.now, (finding) => renderDifference(finding, out.theme))
  let report: VerifyReport
  try {
    const wanted = { read: read ?? 'none', repair, from, live: options.flag('live') }
    report = await runVerifyCommand(context, wanted, display.listen, signal)
  } finally {
    display.stop()
  }
  for (const finding of report.findings) out.record('finding', finding)
  for (const repaired of report.repaired) out.record('repaired', repaired)
  for (const lost of report.lost) out.record('lost', lost)
  for (const line of renderReport(report, { wish, repair, theme: out.theme })) out.line(line)
  return { exit: report.errors > 0 ? EXIT.partial : EXIT.done, summary: summaryOf(report) }
}

function summaryOf({ findings, repaired, lost, ...counts }: VerifyReport): object {
  const warnings = findings.filter(({ severity }) => severity === 'warning').length
  return { ...counts, warnings, repaired: repaired.length, lost: lost.length }
}
