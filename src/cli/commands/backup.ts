import type { BackupOptions, BackupReport } from '../../backup/report.ts'
import type { Config, Settings } from '../../config/config.ts'
import type { Context } from '../../context.ts'
import { AppError } from '../../model/errors.ts'
import type { Held } from '../../vault-protection.ts'
import { isAskedFor } from '../account-choice.ts'
import { renderBackupReport } from '../backup-report.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { feedCopies } from '../copy-feed.ts'
import { EXIT } from '../exit-codes.ts'
import { shortPlace, vaultFlag } from '../path-shown.ts'
import { createBackupDisplay } from '../progress.ts'
import { heldRecord, isHeldFast, renderHeld } from '../protection-report.ts'

const DETAILS_POLICIES = ['spare', 'all', 'none'] as const satisfies readonly BackupOptions['details'][]

export const backup: CliCommand = {
  name: 'backup',
  summary: 'keep what is new or changed in the account; makes the vault when the place is empty',
  group: 'keep',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  options: [
    { flags: '-n, --dry-run', help: 'scan and tell what would be done; write nothing' },
    { flags: '--all', help: 'every account of the config file, one after the other' },
    { flags: '--delete', help: 'take files of gone assets out of the library (their objects stay in the vault)' },
    { flags: '--full', help: 'read the whole search index and check every library file' },
    { flags: '--include <RULE>', help: 'keep only what a rule names; repeatable', repeatable: true },
    { flags: '--exclude <RULE>', help: 'leave out what a rule names; repeatable', repeatable: true },
    { flags: '--concurrency <N>', help: 'transfers at a time, at most (48)' },
    { flags: '--bwlimit <RATE>', help: 'bytes a second, such as 512K or 10M' },
    { flags: '--api-reserve <N>', help: 'Admin API calls an hour to leave for others' },
    { flags: '--yes-mass-change', help: 'accept a change that the guard would stop' },
    { flags: '--no-wait', help: 'end with exit 13 at the hourly API limit instead of waiting' },
    {
      flags: '--details <WHEN>',
      help: 'details of every asset (a call each): with calls to spare, all, or none',
      choices: DETAILS_POLICIES,
    },
    { flags: '--remote', help: 'also download remotely fetched assets' },
    { flags: '--derived', help: 'also download derived assets' },
    { flags: '--allow-copies', help: 'fill the library with copies where the disk knows no links' },
    {
      flags: '--immutable',
      help: 'afterwards give the files on a disk the immutable flag (as root); no links in the library',
    },
  ],
  notes: `RULE is a pattern for public_ids, or public_id: resource_type: type: folder: tag: format: and a pattern, size: or age: and a
comparison (size:>100M, age:<2y). * stands for anything but /, ** for anything, ? for one character.

  cloudkeep backup /srv/vault --exclude 'folder:drafts' --exclude 'tag:temp'
  cloudkeep backup --bwlimit 10M --api-reserve 200`,
  outlivesPipe: true,
  run,
}

async function run(call: Call): Promise<Result> {
  if (!call.options.flag('all')) return await backUp(call, call.settings, await call.context())
  const { backUpAll } = await import('../backup-all.ts')
  return await backUpAll(call, backUp)
}

/** One account into its vault, and from there into the vaults that the config file names as copies. */
async function backUp(call: Call, settings: Settings, ctx: Context): Promise<Result> {
  const { out, signal } = call
  const { secrets, config } = settings
  if (isAskedFor(config) && secrets.cloud !== null && secrets.cloud !== config.cloud) {
    throw new AppError('USAGE', `the credentials belong to "${secrets.cloud}", not to "${config.cloud ?? ''}"`, {
      hint: 'set CLOUDINARY_URL for the account to back up, or leave --cloud out',
    })
  }
  const options = readBackupOptions(call, config)
  const { runBackupCommand } = await import('../../backup-command.ts')
  const display = createBackupDisplay(out)
  let report: BackupReport & Held
  try {
    report = await runBackupCommand(ctx, options, (event) => display.listen(event), signal)
  } finally {
    display.stop()
  }
  if (!out.json) {
    const vault = shortPlace(config.vault)
    for (const line of renderBackupReport(report, out.theme, {
      vault,
      vaultFlag: vaultFlag(config),
      dryRun: options.dryRun,
      verbose: out.verbose,
      width: out.width,
    }))
      out.line(line)
    for (const line of renderHeld(report, out.theme)) out.line(line)
  }
  const copies = options.dryRun || report.guard ? [] : await feedCopies(call, ctx)
  const exit = exitOf(report, options)
  const isFed = copies.every(({ ok }) => ok)
  return {
    exit: exit === EXIT.done && !isFed ? EXIT.partial : exit,
    summary: { ...summaryOf(report), ...(copies.length === 0 ? {} : { copies }) },
  }
}

function readBackupOptions({ options }: Call, { rules, concurrency }: Config): BackupOptions {
  const asked = options.text('details')
  const details = DETAILS_POLICIES.find((policy) => policy === asked) ?? 'spare'
  return {
    dryRun: options.flag('dryRun'),
    full: options.flag('full'),
    yesMassChange: options.flag('yesMassChange'),
    delete: options.flag('delete'),
    include: [...rules.include, ...options.list('include')],
    exclude: [...rules.exclude, ...options.list('exclude')],
    overrides: rules.overrides,
    concurrency,
    details,
    remote: options.flag('remote'),
    derived: options.flag('derived'),
  }
}

function exitOf(report: BackupReport & Held, options: BackupOptions): number {
  if (report.guard) return EXIT.guard
  if (options.dryRun) return report.totals.failed > 0 ? EXIT.partial : EXIT.done
  return report.complete && isHeldFast(report) ? EXIT.done : EXIT.partial
}

/** The last NDJSON line of a backup; its first fourteen fields are the contract, the rest came later. */
function summaryOf(report: BackupReport & Held): object {
  const { totals } = report
  return {
    cloud: report.cloud,
    snapshot: report.snapshot,
    complete: report.complete,
    scanned: totals.scanned,
    fetched: totals.fetched,
    fetchedBytes: totals.fetchedBytes,
    unchanged: totals.unchanged,
    relabelled: totals.relabelled,
    renamed: totals.renamed,
    gone: totals.gone,
    failed: totals.failed,
    excluded: totals.excluded,
    apiCalls: report.apiCalls,
    durationMs: report.durationMs,
    recorded: totals.recorded,
    partialReasons: report.partialReasons,
    excludedBy: report.excludedBy,
    failures: report.failures,
    guard: report.guard,
    library: report.library,
    ...heldRecord(report),
  }
}
