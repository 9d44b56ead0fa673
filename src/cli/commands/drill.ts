import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import type { Context } from '../../context.ts'
import type { Rehearsal } from '../../maintenance/drill/drill.ts'
import type { DrillRecord } from '../../maintenance/drill/record.ts'
import type { SampleSize } from '../../maintenance/drill/sample.ts'
import { AppError } from '../../model/errors.ts'
import { chooseCloud, isAskedFor } from '../account-choice.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { createDrillDisplay, renderDrill } from '../drill-report.ts'
import { EXIT } from '../exit-codes.ts'

export const drill: CliCommand = {
  name: 'drill',
  summary: 'rehearse a restore: bring a sample back, compare every byte, keep the evidence',
  group: 'check',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  options: [
    { flags: '--sample <N|P%|all>', help: 'how many assets of each account (20)' },
    {
      flags: '--to <DIR|URL>',
      help: 'a folder for scratch files, or a throw-away account: cloudinary://KEY:SECRET@CLOUD',
    },
    { flags: '--seed <TEXT>', help: 'draw the sample of an earlier drill again' },
  ],
  notes: `The largest asset, the oldest and one of each kind are always in the sample; the others are drawn by lot, those never
drilled before first. In a folder everything is removed again; in a throw-away account it stays, and what is there is
never overwritten. Exit 3 when anything could not be restored.

  cloudkeep drill
  cloudkeep drill --sample 5% --to /mnt/other-disk
  CLOUDKEEP_TARGET_URL=cloudinary://… cloudkeep drill --to target --sample 50`,
  outlivesPipe: true,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, options, signal } = call
  const sample = parseSample(options.text('sample') ?? '20')
  const ctx = await call.context()
  const seed = parseSeed(options.text('seed') ?? ctx.newId())
  const url = accountUrl(call)
  const clouds = await cloudsOf(call, ctx, url !== null)
  const [{ drill: rehearseAll }, vault] = await Promise.all([import('../../maintenance/drill/drill.ts'), ctx.vault()])
  const rehearsal = url === null ? await inFolder(call, ctx) : await inAccount(ctx, clouds[0] ?? '', url)
  const display = createDrillDisplay(out, call.now)
  const report = await rehearseAll(
    { vault, rehearsal, now: ctx.now, newId: ctx.newId, tool: ctx.tool, listen: display.listen },
    { clouds, sample, seed },
    signal,
  ).finally(async () => {
    display.stop()
    await rehearsal.close()
  })
  for (const record of report.accounts) {
    out.record('drill', record)
    for (const line of renderDrill(record, out.theme)) out.line(line)
  }
  const sum = (of: (record: DrillRecord) => number): number => report.accounts.reduce((all, one) => all + of(one), 0)
  const failed = sum((record) => record.failed)
  return {
    exit: failed > 0 ? EXIT.partial : EXIT.done,
    summary: {
      accounts: report.accounts.length,
      seed,
      restored: sum((record) => record.restored),
      bytes: sum((record) => record.bytes),
      failed,
      durationMs: report.durationMs,
    },
  }
}

function parseSample(text: string): SampleSize {
  if (text === 'all') return { kind: 'all' }
  const [, number, percent] = /^(\d{1,12}(?:\.\d{1,6})?)(%?)$/.exec(text) ?? []
  const value = Number(number)
  if (percent === '%' && value > 0 && value <= 100) return { kind: 'share', percent: value }
  if (percent === '' && Number.isInteger(value) && value > 0) return { kind: 'count', count: value }
  throw new AppError('USAGE', `--sample takes a number, a share such as 5%, or all; not "${text}"`)
}

function parseSeed(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text
  throw new AppError('USAGE', '--seed takes up to 64 letters, digits, - and _', {
    hint: 'the seed of a drill is printed with its result',
  })
}

/** Null: a folder. */
function accountUrl({ options, settings }: Call): string | null {
  const to = options.text('to')
  if (to === 'target') {
    if (settings.targetUrl !== null) return settings.targetUrl
    throw new AppError('USAGE', '--to target needs CLOUDKEEP_TARGET_URL')
  }
  return to !== undefined && /^cloudinary:/i.test(to) ? to : null
}

async function cloudsOf({ settings, signal }: Call, ctx: Context, isOne: boolean): Promise<readonly string[]> {
  const clouds = await (await ctx.vault()).clouds(signal)
  if (!isOne && clouds.length > 0 && !isAskedFor(settings.config)) return clouds
  return [await chooseCloud({ clouds: () => Promise.resolve(clouds) }, settings.config)]
}

async function inFolder({ options, settings }: Call, ctx: Context): Promise<Rehearsal> {
  const { openFolderRehearsal } = await import('../../maintenance/drill/folder.ts')
  const asked = options.text('to')
  const open = async (parent: string): Promise<Rehearsal> => {
    await mkdir(parent, { recursive: true })
    const concurrency = Math.min(settings.config.concurrency, 16)
    return await openFolderRehearsal({ vault: await ctx.vault(), now: ctx.now }, { parent, concurrency })
  }
  if (asked !== undefined) return await open(resolve(asked))
  // A vault that cannot be written is rehearsed elsewhere.
  return await open(await ctx.scratch()).catch(() => open(tmpdir()))
}

async function inAccount(ctx: Context, cloud: string, url: string): Promise<Rehearsal> {
  const [{ openAccountRehearsal }, { runRestoreCommand }] = await Promise.all([
    import('../../maintenance/drill/account.ts'),
    import('../../restore-command.ts'),
  ])
  const target = ctx.hands(url).reader.account.cloud
  if (target === cloud) {
    throw new AppError('USAGE', `${cloud} is the account itself, not a throw-away one`, {
      hint: 'give the URL of an account that holds nothing of value',
    })
  }
  return openAccountRehearsal({
    catalog: await ctx.catalog(),
    cloud,
    target,
    restore: (versions, listen, signal) =>
      runRestoreCommand(
        ctx,
        {
          ask: {
            cloud,
            what: { kind: 'versions', versions },
            at: null,
            options: {
              conflict: 'skip',
              metadataOnly: false,
              surroundings: true,
              dryRun: false,
              via: 'upload',
              undo: null,
            },
          },
          target: url,
        },
        listen,
        signal,
      ),
  })
}
