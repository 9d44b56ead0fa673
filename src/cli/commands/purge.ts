import type { CatalogReader, VersionRow } from '../../catalog/catalog.ts'
import { isDone, type PurgePlan } from '../../maintenance/purge/plan.ts'
import { AppError } from '../../model/errors.ts'
import { chooseCloud } from '../account-choice.ts'
import { type FoundAsset, findAsset, findVersion } from '../asset-ref.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { plural, safe } from '../format.ts'
import { planRecords, renderPlan, renderReport } from '../purge-report.ts'

export const purge: CliCommand = {
  name: 'purge',
  summary: 'remove chosen versions of assets for good',
  group: 'more',
  operands: [['<ASSET[@VERSION]...>', 'assets, each with the version to remove']],
  options: [
    { flags: '--version <V>', help: 'a version of the one ASSET, as in versions; repeatable', repeatable: true },
    { flags: '--all-versions', help: 'every version that cloudkeep versions shows' },
    { flags: '--this-asset-only', help: 'leave out the assets that bore the same name before it' },
    { flags: '--at-cloudinary', help: "also out of Cloudinary's own backup" },
    { flags: '--reason <TEXT>', help: 'why; kept in the log' },
    { flags: '--force', help: 'also what the account has now, though the next backup fetches it again' },
    { flags: '-n, --dry-run', help: 'show what would be removed and what would stay; remove nothing' },
    { flags: '--yes', help: 'remove without asking' },
  ],
  notes: `Removes the bytes: the object, bytes of derived assets, the file in the library, copies in the trash and in
quarantine. Bytes that another version has too stay for it, and are named. The log keeps what was purged, when and why,
so that verify knows that the absence is meant.

What stays: names, tags and other metadata of the versions, in the lists of the snapshots; whatever lies in copies of the
vault, in backups of its disk and in Cloudinary. Nothing overwrites the blocks of the disk.

Versions are best named by their ids, as cloudkeep versions shows them: a prune may shift the numbers.

  cloudkeep purge people/jane@4f2c91ab people/jane@7d03be11 --reason 'asked for by Jane, 2026-11-20' -n
  cloudkeep purge people/jane --all-versions --at-cloudinary`,
  outlivesPipe: true,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, options, signal, settings } = call
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const { cloud, versions } = await catalog.read(async (reader) => {
    const chosen = await chooseCloud(reader, settings.config)
    return { cloud: chosen, versions: await chosenVersions(call, reader, chosen) }
  })
  const atCloudinary = options.flag('atCloudinary')
  const { secrets } = settings
  if (atCloudinary && secrets.cloud !== null && secrets.cloud !== cloud) {
    throw new AppError('USAGE', `the credentials belong to "${secrets.cloud}", not to "${cloud}"`)
  }
  const { runPurgeCommand } = await import('../../purge-command.ts')
  const shown: { plan: PurgePlan | null } = { plan: null }
  const wish = { cloud, versions, atCloudinary, reason: options.text('reason') ?? '' }
  const confirm = (plan: PurgePlan): Promise<boolean> => {
    shown.plan = plan
    return agreed(call, plan)
  }
  const report = await runPurgeCommand(ctx, wish, confirm, signal)
  if (report === null) {
    if (shown.plan !== null && isDone(shown.plan)) out.line(out.theme.dim('nothing is left to be removed'))
    return { exit: EXIT.done, summary: { cloud, dryRun: options.flag('dryRun'), versions: 0, objects: 0, bytes: 0 } }
  }
  for (const line of renderReport(report, out.theme)) out.line(line)
  const exit = report.atCloudinary.failed.length > 0 ? EXIT.partial : EXIT.done
  return { exit, summary: { cloud, dryRun: false, ...report } }
}

/** The versions that operands and options name. Throws USAGE when they name none, or leave open which. */
async function chosenVersions(call: Call, reader: CatalogReader, cloud: string): Promise<readonly VersionRow[]> {
  const { operands, options } = call
  const words = options.list('version')
  const thisAssetOnly = options.flag('thisAssetOnly')
  if (words.length > 0 && operands.length !== 1) {
    throw new AppError('USAGE', '--version goes with one ASSET', { hint: 'of several, write ASSET@VERSION' })
  }
  const chosen: VersionRow[] = []
  for (const text of operands) {
    const found = await findAsset(reader, cloud, text, { thisAssetOnly })
    if (options.flag('allVersions')) chosen.push(...found.versions)
    else if (words.length > 0) for (const word of words) chosen.push(await versionOf(reader, cloud, { found, word }))
    else if (found.explicit) chosen.push(found.version)
    else {
      throw new AppError('USAGE', `which versions of "${safe(text)}" are to go?`, {
        hint: `cloudkeep versions lists them; say ASSET@N, --version N or --all-versions (${found.versions.length})`,
      })
    }
  }
  return chosen
}

async function versionOf(
  reader: CatalogReader,
  cloud: string,
  { found, word }: { readonly found: FoundAsset; readonly word: string },
): Promise<VersionRow> {
  const version = findVersion(found.versions, word, await reader.snapshots(cloud))
  if (version !== null) return version
  throw new AppError('VERSION_NOT_FOUND', `"${safe(found.version.publicId)}" has no version "${safe(word)}"`, {
    hint: `cloudkeep versions lists its ${found.versions.length}`,
  })
}

/** Shows the plan. True when it may be done, false when nobody wants it done; throws NOT_CONFIRMED. */
async function agreed(call: Call, plan: PurgePlan): Promise<boolean> {
  const { out, options } = call
  for (const [type, fields] of planRecords(plan)) out.record(type, fields)
  for (const line of renderPlan(plan, out.theme)) out.line(line)
  const current = plan.versions.filter(({ isCurrent }) => isCurrent)
  if (options.flag('dryRun')) {
    if (current.length > 0 && !options.flag('force'))
      out.say(out.talk.warn(`this needs --force: ${whyForce(current.length)}`))
    out.say(out.talk.dim('nothing was removed'))
    return false
  }
  if (isDone(plan)) return false
  if (current.length > 0 && !options.flag('force')) {
    throw new AppError('NOT_CONFIRMED', whyForce(current.length), {
      hint: 'delete or replace it in Cloudinary and run cloudkeep backup first; or give --force',
    })
  }
  if (!options.flag('yes')) await askFor(call, plan)
  return true
}

const whyForce = (count: number): string =>
  `${count === 1 ? 'one of these is what' : `${count} of these are what`} the account has now, and the next backup would fetch it again`

/** The name, typed again: a hand that slips does not type it. */
async function askFor({ out, ask }: Call, plan: PurgePlan): Promise<void> {
  const names = [...new Set(plan.versions.map(({ row }) => row.publicId))]
  const expected = names.length === 1 && names[0] !== undefined ? names[0] : `purge ${plan.versions.length}`
  const unconfirmed = (message: string, hint: string): AppError => new AppError('NOT_CONFIRMED', message, { hint })
  if (ask === null || out.json) {
    throw unconfirmed('nobody confirmed that these versions are to go for good', 'give --yes, or run it at a terminal')
  }
  const what = plural(plan.versions.length, 'version')
  const typed = await ask(`${what} will be gone for good. Type ${safe(expected)} to go on: `)
  if (typed.trim() !== safe(expected).trim()) throw unconfirmed('that was not it; nothing was removed', 'run it again')
}
