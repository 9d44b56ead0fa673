import { resolve } from 'node:path'
import type { VersionFilter } from '../../catalog/catalog.ts'
import type { ExportTarget } from '../../export/export-to.ts'
import { EXPORT_FORMATS, type ExportFormat, type ExportSource } from '../../export/report.ts'
import { AppError } from '../../model/errors.ts'
import type { Selection } from '../../restore/selection.ts'
import { chooseCloud } from '../account-choice.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { createExportDisplay } from '../export-display.ts'
import { renderExportReport } from '../export-report.ts'
import { readSelection } from '../restore-selection.ts'
import { findSnapshot } from '../snapshot-ref.ts'

export const exporting: CliCommand = {
  name: 'export',
  summary: 'take originals and metadata out as plain files: a folder, a zip file or a BagIt bag',
  group: 'look',
  operands: [['[ASSET[@VERSION]...]', 'assets, perhaps each with a version; none means everything']],
  options: [
    { flags: '--to <PATH>', help: 'a folder, or for zip a file; - for stdout (zip only)' },
    {
      flags: '--format <FORMAT>',
      help: 'tree, zip or bagit (tree; zip when PATH ends in .zip)',
      choices: EXPORT_FORMATS,
    },
    { flags: '--at <SNAPSHOT>', help: 'as of a snapshot id or a date (latest)' },
    { flags: '--folder <F>', help: 'what was in this folder and below' },
    { flags: '--tag <T>', help: 'what had this tag' },
    { flags: '--search <TEXT>', help: 'what `find TEXT` finds' },
    { flags: '--gone', help: 'what was kept once and is not in the account any more' },
  ],
  notes: `Every byte is checked while it is read; what is damaged is named and left out. Run again, an export to a folder is
completed. Whoever gets it needs no cloudkeep: a README says what is where.

  cloudkeep export --to ./everything
  cloudkeep export --to summer.zip --folder campaigns/summer
  cloudkeep export --format bagit --to /archive/2026-10 --at 2026-10-01
  cloudkeep export --format zip --to - | ssh host 'cat > everything.zip'`,
  outlivesPipe: true,
  run,
}

/** Files at a time. */
const AT_A_TIME = 16

async function run(call: Call): Promise<Result> {
  const { out, settings, signal } = call
  const { target, format } = targetOf(call)
  const ctx = await call.context()
  const source = await sourceOf(call)
  const { exportTo } = await import('../../export/export-to.ts')
  const display = createExportDisplay(out, call.now)
  const concurrency = Math.min(AT_A_TIME, settings.config.concurrency)
  const told = { onProgress: display.update, onBytes: display.passed }
  const { tool, now } = ctx
  const report = await exportTo(source, { format, target, concurrency, tool, now, ...told }, signal).finally(() =>
    display.stop(),
  )
  for (const each of report.leftOut) out.record('left-out', each)
  const shown = 'path' in target ? (call.options.text('to') ?? '') : 'stdout'
  // With the zip on stdout there is no place for anything else there.
  const say = 'path' in target ? out.line : out.say
  const theme = 'path' in target ? out.theme : out.talk
  for (const line of renderExportReport(report, { theme, target: shown, format })) say(line)
  const { leftOut, ...counts } = report
  const damaged = leftOut.filter(({ code }) => code !== 'purged').length
  return {
    exit: damaged > 0 ? EXIT.partial : EXIT.done,
    summary: { format, target: shown, ...counts, leftOut: leftOut.length, damaged },
  }
}

function targetOf({ options, out }: Call): { readonly target: ExportTarget; readonly format: ExportFormat } {
  const to = options.text('to')
  if (to === undefined || to === '') {
    throw new AppError('USAGE', 'export needs to know where to: --to PATH', {
      hint: 'cloudkeep export --to ./everything',
    })
  }
  const asked = EXPORT_FORMATS.find((format) => format === options.text('format'))
  const format = asked ?? (/\.zip$/iu.test(to) ? 'zip' : 'tree')
  if (to !== '-') return { target: { path: resolve(to) }, format }
  if (format !== 'zip')
    throw new AppError('USAGE', `only a zip can go to stdout, not a ${format}`, { hint: 'add --format zip' })
  if (out.json) throw new AppError('USAGE', '--to - and --json both want stdout', { hint: 'give --to FILE' })
  if (out.width !== null)
    throw new AppError('USAGE', 'a zip file does not belong on a terminal', { hint: 'give --to FILE' })
  const { stdout } = out
  // Waits until the pipe has taken it: a slow reader must not make a video pile up in memory.
  const sink = (bytes: Uint8Array): Promise<void> =>
    new Promise((done, failed) => {
      stdout.write(bytes, (error) => (error ? failed(unread(error)) : done()))
    })
  return { target: { sink }, format }
}

const unread = (cause: Error): AppError =>
  new AppError('STORE_UNAVAILABLE', 'whoever read the zip file from stdout stopped reading', { cause })

async function sourceOf(call: Call): Promise<ExportSource> {
  const { settings, signal } = call
  const ctx = await call.context()
  const [vault, catalog] = [await ctx.vault(), await ctx.catalog()]
  const { cloud, what, snapshot } = await catalog.read(async (reader) => {
    const chosen = await chooseCloud(reader, settings.config)
    const wanted = await readSelection(call, reader, chosen)
    return {
      cloud: chosen,
      what: wanted.what,
      snapshot: wanted.at ?? findSnapshot(await reader.snapshots(chosen), 'latest'),
    }
  })
  const { select, measure } = await import('../../restore/select.ts')
  const selection: Selection = { cloud, snapshot, what }
  const deps = { vault, catalog }
  return {
    vault,
    cloud,
    snapshot: snapshot.snapshot,
    selection: wordsOf(what),
    isWhole: what.kind === 'everything',
    mayCollide: what.kind === 'gone' || what.kind === 'versions',
    chosen: (onLost) => select({ ...deps, onLost }, selection, signal),
    expected: await measure(deps, selection, signal),
  }
}

/** Names a selection, so that the same one is known again when it is continued. */
function wordsOf(what: Selection['what']): string {
  if (what.kind === 'everything') return 'everything'
  if (what.kind === 'versions') {
    const names = what.versions.map(({ publicId, version }) => `${publicId}@${version}`)
    return names.length === 1 ? `the asset ${names[0]}` : `the assets ${names.join(', ')}`
  }
  const filter = filterWords(what.filter)
  if (what.kind === 'filter') return `everything ${filter}`
  return filter === '' ? 'everything gone from the account' : `everything gone from the account ${filter}`
}

const filterWords = ({ folder, tag, text }: VersionFilter): string =>
  [
    folder === undefined ? '' : `in the folder ${folder === '' ? '(root)' : folder}`,
    tag === undefined ? '' : `with the tag ${tag}`,
    text === undefined ? '' : `found by ${text}`,
  ]
    .filter((words) => words !== '')
    .join(' ')
