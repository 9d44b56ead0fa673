import type { ImportEvent, ImportOptions, ImportReport } from '../../backup/import-history/report.ts'
import type { CatalogReader } from '../../catalog/catalog.ts'
import type { AssetIdentity } from '../../model/asset.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import type { Held } from '../../vault-protection.ts'
import { findAsset } from '../asset-ref.ts'
import { renderFailure } from '../backup-report.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatCount, formatDuration, plural, safe } from '../format.ts'
import { createImportDisplay, estimateText } from '../import-display.ts'
import { vaultFlag } from '../path-shown.ts'
import { heldRecord, isHeldFast, renderHeld } from '../protection-report.ts'
import { renderFacts } from '../table.ts'
import type { Theme } from '../theme.ts'

export const importHistory: CliCommand = {
  name: 'import-history',
  summary: "bring in the versions and deleted assets that Cloudinary's own backup still holds",
  group: 'keep',
  operands: [['[ASSET...]', 'only these: public_id, resource_type/type/public_id, asset_id or library path']],
  options: [
    { flags: '-n, --dry-run', help: 'estimate calls, bytes and hours; ask for no asset and write nothing' },
    { flags: '--deleted-only', help: 'only assets that were deleted from the account' },
    { flags: '--all', help: 'also ask for assets that have no sign of older versions, and for those asked before' },
    { flags: '--limit-calls <N>', help: 'stop after so many Admin API calls; the next run goes on' },
    { flags: '--concurrency <N>', help: 'assets at a time, at most (8)' },
    { flags: '--bwlimit <RATE>', help: 'bytes a second, such as 512K or 10M' },
    { flags: '--api-reserve <N>', help: 'Admin API calls an hour to leave for others' },
    { flags: '--no-wait', help: 'end with exit 13 at the hourly API limit instead of waiting' },
  ],
  notes: `Costs one Admin API call an asset: deleted ones first, then those that were replaced, newest first. It can be
stopped at any time, and the next run goes on. Assets without a backup at Cloudinary cost nothing. While it runs, or
waits for the API limit, no backup can: where those run by the clock, give --no-wait or --limit-calls.

  cloudkeep import-history -n
  cloudkeep import-history --limit-calls 200
  cloudkeep import-history products/shoe_7`,
  outlivesPipe: true,
  run,
}

const MOST_FAILURES = 20

async function run(call: Call): Promise<Result> {
  const { out, settings, signal } = call
  const ctx = await call.context()
  const options = await readImportOptions(call, async (fn) => (await ctx.catalog()).read(fn))
  const { runImportCommand } = await import('../../backup-command.ts')
  const display = createImportDisplay(out, call.now)
  let report: ImportReport & Held
  try {
    report = await runImportCommand(ctx, options, (event: ImportEvent) => display.listen(event), signal)
  } finally {
    display.stop()
  }
  const place = {
    vaultFlag: vaultFlag(settings.config),
    dryRun: options.dryRun,
    verbose: out.verbose,
    width: out.width,
  }
  for (const line of renderReport(report, out.theme, place)) out.line(line)
  for (const line of renderHeld(report, out.theme)) out.line(line)
  const isAll = report.failed === 0 && isHeldFast(report)
  return { exit: isAll ? EXIT.done : EXIT.partial, summary: { ...summaryOf(report), ...heldRecord(report) } }
}

type Read = <T>(fn: (tx: CatalogReader) => Promise<T>) => Promise<T>

async function readImportOptions({ operands, options, settings, context }: Call, read: Read): Promise<ImportOptions> {
  const deletedOnly = options.flag('deletedOnly')
  if (deletedOnly && operands.length > 0) {
    throw new AppError('USAGE', 'give either assets or --deleted-only', {
      hint: 'assets that the vault does not know are looked for among the deleted ones anyway',
    })
  }
  const assets: AssetIdentity[] = []
  const names: string[] = []
  const cloud = operands.length === 0 ? '' : (await context()).reader().account.cloud
  for (const text of operands) {
    const asset = await identify(read, cloud, text)
    if (asset === null) names.push(text)
    else assets.push(asset)
  }
  return {
    dryRun: options.flag('dryRun'),
    deletedOnly,
    all: options.flag('all'),
    assets,
    names,
    limitCalls: options.count('limitCalls') ?? null,
    concurrency: settings.config.concurrency,
  }
}

/** Null when the vault does not know it: it may have been deleted before the first backup. */
async function identify(read: Read, cloud: string, text: string): Promise<AssetIdentity | null> {
  try {
    const { version } = await read((tx) => findAsset(tx, cloud, text))
    const { assetId, publicId, resourceType, type } = version
    if (resourceType !== 'image' && resourceType !== 'video' && resourceType !== 'raw') return null
    return { assetId, publicId, resourceType, type }
  } catch (error) {
    if (isAppError(error, 'ASSET_NOT_FOUND')) return null
    throw error
  }
}

interface Place {
  readonly vaultFlag: string
  readonly dryRun: boolean
  readonly verbose: boolean
  readonly width: number | null
}

function renderReport(report: ImportReport, theme: Theme, place: Place): string[] {
  const lines = ['', headline(report, theme, place)]
  lines.push('', ...(place.dryRun ? estimateLines(report, theme) : countLines(report, theme)))
  const shown = place.verbose ? report.failures : report.failures.slice(0, MOST_FAILURES)
  if (shown.length > 0) {
    lines.push('', theme.strong('could not be imported'))
    lines.push(...shown.flatMap((failure) => renderFailure(failure, theme, place.width)))
    const more = report.failures.length - shown.length
    if (more > 0) lines.push(theme.dim(`  and ${formatCount(more)} more; --verbose names them all`))
  }
  const next = nextStep(report, place)
  return next === null ? lines : [...lines, '', `${theme.accent('next')}  ${next}`]
}

function headline(report: ImportReport, theme: Theme, { dryRun }: Place): string {
  const { marks } = theme
  const verdict = dryRun
    ? theme.accent(`${marks.dot} dry run, nothing was asked for`)
    : report.failed > 0
      ? theme.warn(`${marks.warn} imported what could be had`)
      : report.finished
        ? theme.ok(`${marks.ok} all that Cloudinary's backup holds is here`)
        : theme.accent(`${marks.dot} stopped at --limit-calls`)
  const facts = [theme.strong(safe(report.cloud)), formatDuration(report.durationMs)]
  return `${verdict}  ${facts.join(theme.dim(`  ${marks.dot}  `))}`
}

function estimateLines({ estimate, apiCalls }: ImportReport, theme: Theme): string[] {
  const facts: [string, string | null][] = [
    ['  deleted assets', estimate.deleted === null ? 'unknown' : formatCount(estimate.deleted)],
    ['  replaced assets', formatCount(estimate.current)],
    ['  to expect', estimateText(estimate) || null],
    ['  api', `${plural(apiCalls, 'call')} for this estimate`],
  ]
  return renderFacts(facts, theme.dim)
}

function countLines(report: ImportReport, theme: Theme): string[] {
  const some = (count: number, note = ''): string | null => (count === 0 ? null : `${formatCount(count)}${note}`)
  const note = (text: string): string => theme.dim(`  ${text}`)
  return renderFacts(
    [
      ['  assets asked', formatCount(report.assetsAsked)],
      ['  versions found', formatCount(report.versionsFound)],
      [
        '  imported',
        `${formatCount(report.imported)}${report.imported > 0 ? note(formatBytes(report.importedBytes)) : ''}`,
      ],
      ['  here already', some(report.alreadyKept)],
      ['  purged', some(report.purged, note('removed on purpose, left alone'))],
      ['  present state', some(report.leftToBackup, note('newer than the last snapshot; cloudkeep backup keeps it'))],
      ['  not restorable', some(report.notRestorable, note('Cloudinary says that it cannot give them out now'))],
      ['  failed', report.failed > 0 ? theme.bad(formatCount(report.failed)) : null],
      ['  api', plural(report.apiCalls, 'call')],
    ],
    theme.dim,
  )
}

function nextStep(report: ImportReport, place: Place): string | null {
  const { vaultFlag: vault } = place
  const again = `cloudkeep import-history${vault}`
  if (place.dryRun) return (report.estimate.deleted ?? 1) + report.estimate.current > 0 ? `${again}   does it` : null
  if (report.failed > 0) return `${again}   tries again what failed`
  if (!report.finished) return `${again}   goes on from here`
  return report.imported > 0 ? `cloudkeep versions${vault} ASSET   shows them beside the others` : null
}

function summaryOf(report: ImportReport): object {
  const { cloud, assetsAsked, versionsFound, imported, importedBytes, alreadyKept, notRestorable, failed } = report
  const counts = { cloud, assetsAsked, versionsFound, imported, importedBytes, alreadyKept, notRestorable, failed }
  const { apiCalls, durationMs, purged, leftToBackup, finished, estimate, failures } = report
  return { ...counts, apiCalls, durationMs, purged, leftToBackup, finished, estimate, failures }
}
