import { resolve } from 'node:path'
import type { SnapshotRow } from '../../catalog/catalog.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import { newestOf } from '../../restore/account/begin.ts'
import { folderPaths } from '../../restore/folder-paths.ts'
import { CONFLICT_POLICIES, type ConflictPolicy } from '../../restore/report.ts'
import { measure, select } from '../../restore/select.ts'
import type { Selection } from '../../restore/selection.ts'
import type { Vault } from '../../vault/vault.ts'
import { chooseCloud } from '../account-choice.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { safe } from '../format.ts'
import { heldRecord, isHeldFast, renderHeld } from '../protection-report.ts'
import { createRestoreDisplay } from '../restore-display.ts'
import { renderFolderReport, renderRestoreReport } from '../restore-report.ts'
import { readSelection } from '../restore-selection.ts'
import { openUrlMap } from '../url-map.ts'

const SIDECARS = ['json', 'xmp'] as const

export const restore: CliCommand = {
  name: 'restore',
  summary: 'bring assets back: to a folder, to their account, or to another one',
  group: 'look',
  operands: [['[ASSET[@VERSION]...]', 'assets, perhaps each with a version; none means everything']],
  options: [
    { flags: '--to <TARGET>', help: 'a folder; `account`, where they came from; or cloudinary://KEY:SECRET@CLOUD' },
    { flags: '--at <TIME|SNAPSHOT>', help: 'as of then (the newest snapshot)' },
    { flags: '--version <V>', help: 'which version of the one ASSET' },
    { flags: '--folder <F>', help: 'what was in this folder and below' },
    { flags: '--tag <T>', help: 'what had this tag' },
    { flags: '--search <TEXT>', help: 'what `find TEXT` finds' },
    { flags: '--gone', help: 'what was kept once and is not in the account any more' },
    { flags: '--metadata-only', help: 'tags, context, fields and access of what is there; no bytes, no names' },
    {
      flags: '--conflict <POLICY>',
      help: 'what is there and differs: skip, overwrite, newer (only what is older), rename (put beside it)',
      choices: CONFLICT_POLICIES,
    },
    { flags: '-n, --dry-run', help: 'print the plan; change nothing' },
    { flags: '--undo <RUN>', help: 'take a restore to an account back: its id, or last' },
    {
      flags: '--via <SOURCE>',
      help: 'bytes from Cloudinary’s own backup: auto, upload, backup',
      choices: ['auto', 'upload', 'backup'],
    },
    { flags: '--configuration', help: 'folders, presets, fields and the rest of the account too (everything: always)' },
    { flags: '--sidecar <KIND>', help: 'to a folder: json or xmp beside each file; repeatable', repeatable: true },
    { flags: '--url-map <FILE>', help: 'to an account: old and new addresses, as CSV' },
    { flags: '--concurrency <N>', help: 'transfers at a time, at most' },
    { flags: '--bwlimit <RATE>', help: 'bytes a second, such as 512K or 10M' },
    { flags: '--no-wait', help: 'end with exit 13 at the hourly API limit instead of waiting' },
  ],
  notes: `A restore to an account first keeps the present state, never overwrites unless told to, can be run again after any
interruption, and reads everything back at the end. The secret of another account is better given as
CLOUDKEEP_TARGET_URL, with --to target, than on the command line.

  cloudkeep restore products/chair@2 --to .
  cloudkeep restore --folder summer --at 2026-10-01 --to account -n
  cloudkeep restore --gone --to account
  cloudkeep restore --to target --conflict overwrite --url-map urls.csv
  cloudkeep restore --metadata-only --tag sale --at 2026-10-01 --to account
  cloudkeep restore --undo last --to account`,
  outlivesPipe: true,
  run,
}

type Target =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'account'; readonly url: string | null }

async function run(call: Call): Promise<Result> {
  const target = targetOf(call)
  if (target.kind === 'folder') return await toFolder(call, target.path)
  return await toAccount(call, target.url)
}

function targetOf({ options, settings }: Call): Target {
  const to = options.text('to') ?? (options.text('undo') === undefined ? undefined : 'account')
  if (to === undefined) {
    throw new AppError('USAGE', 'restore needs to know where to: --to DIR, --to account or --to cloudinary://…', {
      hint: 'cloudkeep restore --to ./restored puts everything into a folder',
    })
  }
  if (to === 'account') return { kind: 'account', url: null }
  if (to === 'target') {
    if (settings.targetUrl === null) throw new AppError('USAGE', '--to target needs CLOUDKEEP_TARGET_URL')
    return { kind: 'account', url: settings.targetUrl }
  }
  if (/^cloudinary:/i.test(to)) return { kind: 'account', url: to }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(to)) {
    throw new AppError('USAGE', `--to takes a folder, account, target or cloudinary://…, not ${to.split(':')[0]}://`)
  }
  return { kind: 'folder', path: resolve(to) }
}

const policyOf = ({ options }: Call): ConflictPolicy | undefined =>
  CONFLICT_POLICIES.find((policy) => policy === options.text('conflict'))

async function toAccount(call: Call, url: string | null): Promise<Result> {
  const { options, out, settings, signal } = call
  refuse(call, ['sidecar'], 'only a folder can hold sidecars')
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const { cloud, what, at } = await catalog.read(async (reader) => {
    const chosen = await chooseCloud(reader, settings.config)
    return { cloud: chosen, ...(await readSelection(call, reader, chosen)) }
  })
  await refuseNothing(call, { cloud, what, at })
  const metadataOnly = options.flag('metadataOnly')
  const asked = policyOf(call)
  const everything = what.kind === 'everything'
  const via = options.text('via')
  const mapPath = options.text('urlMap')
  const map = mapPath === undefined || options.flag('dryRun') ? null : openUrlMap(resolve(mapPath))
  const display = createRestoreDisplay(out, map)
  const { runRestoreCommand } = await import('../../restore-command.ts')
  const ask = {
    cloud,
    what,
    at,
    options: {
      // To ask for metadata is to ask for them to be replaced, as to ask for an undo is to ask for all of it.
      conflict: asked ?? (metadataOnly || options.text('undo') !== undefined ? 'overwrite' : 'skip'),
      metadataOnly,
      surroundings:
        !metadataOnly && options.text('undo') === undefined && (everything || options.flag('configuration')),
      dryRun: options.flag('dryRun'),
      via: via === 'upload' || via === 'backup' ? via : 'auto',
      undo: options.text('undo') ?? null,
    },
  } as const
  const report = await runRestoreCommand(ctx, { ask, target: url }, display.listen, signal).finally(() =>
    display.stop(),
  )
  await map?.close()
  for (const line of renderRestoreReport(report, {
    theme: out.theme,
    dryRun: ask.options.dryRun,
    map: map === null ? null : mapPath,
  }))
    out.line(line)
  for (const line of renderHeld(report, out.theme)) out.line(line)
  // Nobody asked for conflicts to be skipped: then what was skipped is something that was not restored.
  const isShort = !report.complete || !isHeldFast(report) || (asked === undefined && report.conflicts > 0)
  const impossible = ask.options.dryRun && report.totals.byAction.impossible > 0
  const { sealed: _, flagged: __, ...rest } = report
  return { exit: isShort || impossible ? EXIT.partial : EXIT.done, summary: { ...rest, ...heldRecord(report) } }
}

async function toFolder(call: Call, path: string): Promise<Result> {
  const { options, out, settings, signal } = call
  refuse(call, ['undo', 'via', 'configuration', 'urlMap', 'metadataOnly'], 'it is for restores to an account')
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const vault = await ctx.vault()
  const { cloud, what, at } = await catalog.read(async (reader) => {
    const chosen = await chooseCloud(reader, settings.config)
    return { cloud: chosen, ...(await readSelection(call, reader, chosen)) }
  })
  const snapshot = at ?? (await newestOf({ catalog }, cloud))
  await refuseNothing(call, { cloud, what, at })
  const asked = policyOf(call)
  const sidecars = options.list('sidecar').map((kind) => {
    const known = SIDECARS.find((one) => one === kind)
    if (known !== undefined) return known
    throw new AppError('USAGE', `there are json and xmp sidecars, not "${kind}"`)
  })
  const display = createRestoreDisplay(out)
  const lost = new Set<string>()
  const onLost = (sentence: string): void => {
    if (!lost.has(sentence)) out.say(`${out.talk.bad(out.talk.marks.bad)} ${safe(sentence)}`)
    lost.add(sentence)
  }
  const { restoreToFolder } = await import('../../restore/folder/to-folder.ts')
  const report = await restoreToFolder(
    { vault, now: ctx.now, listen: display.listenFolder },
    select({ vault, catalog, onLost }, { cloud, snapshot, what }, signal),
    {
      target: path,
      onConflict: asked ?? 'skip',
      sidecars: [...new Set(sidecars)],
      concurrency: Math.min(settings.config.concurrency, 16),
      dryRun: options.flag('dryRun'),
      ...(what.kind === 'everything' ? { folders: await emptyFolders(vault, snapshot, signal) } : {}),
    },
    signal,
  ).finally(() => display.stop())
  for (const line of renderFolderReport(report, { theme: out.theme, dryRun: options.flag('dryRun') })) out.line(line)
  const missing = report.missing.filter(({ outcome }) => !(outcome === 'conflict' && asked === 'skip'))
  const { missing: _, ...counts } = report
  return {
    exit: missing.length + lost.size > 0 ? EXIT.partial : EXIT.done,
    summary: { cloud, snapshot: snapshot.snapshot.id, ...counts, missing: report.missing.length, lost: [...lost] },
  }
}

/** A folder or tag that was mistyped must not look like a restore that went well, nor leave a trace of one. */
async function refuseNothing(
  call: Call,
  { cloud, what, at }: { readonly cloud: string; readonly what: Selection['what']; readonly at: SnapshotRow | null },
): Promise<void> {
  if (what.kind !== 'filter') return
  const ctx = await call.context()
  const deps = { vault: await ctx.vault(), catalog: await ctx.catalog() }
  const snapshot = at ?? (await newestOf(deps, cloud))
  const { assets } = await measure(deps, { cloud, snapshot, what }, call.signal)
  if (assets > 0) return
  const words = Object.entries(what.filter).map(([name, value]) => `${name} "${safe(String(value))}"`)
  const gone = await measure(deps, { cloud, snapshot, what: { kind: 'gone', filter: what.filter } }, call.signal)
  throw new AppError(
    'ASSET_NOT_FOUND',
    `nothing in the snapshot of ${snapshot.snapshot.takenAt} has ${words.join(' and ')}`,
    {
      hint:
        gone.assets > 0
          ? `${gone.assets} that had are gone since: --gone brings them back, or --at a time before`
          : 'cloudkeep ls and cloudkeep find show what there is; with dynamic folders the folder is not part of the public_id',
    },
  )
}

/** Folders without assets are part of an account as well. */
async function emptyFolders(vault: Vault, { snapshot }: SnapshotRow, signal: AbortSignal): Promise<readonly string[]> {
  const paths: string[] = []
  try {
    for await (const path of folderPaths(vault, snapshot.folders, signal)) paths.push(path)
  } catch (error) {
    if (!isAppError(error)) throw error
  }
  return paths
}

function refuse({ options }: Call, names: readonly string[], why: string): void {
  const given = names.find(
    (name) => options.text(name) !== undefined || options.flag(name) || options.list(name).length > 0,
  )
  if (given === undefined) return
  const flag = `--${given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  throw new AppError('USAGE', `${flag} does not go with this target: ${why}`)
}
