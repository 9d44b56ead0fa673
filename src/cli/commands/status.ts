import { hostname } from 'node:os'
import { join } from 'node:path'
import type { CatalogReader } from '../../catalog/catalog.ts'
import { formatBucketUrl } from '../../config/bucket-url.ts'
import type { Context } from '../../context.ts'
import { chooseCloud, isAskedFor } from '../account-choice.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { safe, wrap } from '../format.ts'
import { shortPlace, vaultFlag } from '../path-shown.ts'
import { renderProtection } from '../protection-report.ts'
import { downloadSpeed, runbookAccount } from '../runbook-facts.ts'
import { renderStanding, type Standing, type StatusFrame, sentenceOf, standingRecord } from '../status-report.ts'

export const status: CliCommand = {
  name: 'status',
  summary: 'is everything restorable, as of when, when was that proven, and what to do',
  group: 'look',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  options: [
    { flags: '--check', help: 'exit 3 unless everything is restorable; for monitoring' },
    { flags: '--runbook', help: 'print what to do on the day on which the account is gone, as Markdown' },
  ],
  notes: `Restorable means: the newest complete snapshot can be read, every object that it names is there with its length, and
nothing that a check or a rehearsal found wrong is left unmended. Bytes are read by cloudkeep verify --read and by
cloudkeep drill. Looking is no failure: without --check the exit code is 0 whatever is found.`,
  run,
}

async function run(call: Call): Promise<Result> {
  const { settings, options, signal } = call
  const ctx = await call.context()
  const vault = shortPlace(settings.config.vault)
  const { latestProofs } = await import('../../maintenance/proofs.ts')
  const frame: StatusFrame = {
    proofs: await latestProofs(await ctx.vault(), signal),
    vaultFlag: vaultFlag(settings.config),
    now: call.now(),
  }
  const standings = await standingsOf(call, ctx, frame)
  const isOk = standings.length > 0 && standings.every(({ verdict }) => verdict.ok)
  if (options.flag('runbook')) await printRunbook(call, ctx, { standings, frame })
  else {
    print(call, { standings, frame, vault, isOk })
    await printProtection(call, ctx)
  }
  const { verify, everyByte, drill, cycle } = frame.proofs
  return {
    exit: options.flag('check') && !isOk ? EXIT.partial : EXIT.done,
    summary: {
      accounts: standings.length,
      restorable: isOk,
      asOf: standings.map(({ verdict }) => verdict.asOf).reduce(earlier, standings[0]?.verdict.asOf ?? null),
      lastVerify: verify,
      everyByte,
      readingSince: cycle?.startedAt ?? null,
      lastDrill: drill,
    },
  }
}

/** Whoever asks how things stand waits no longer for what is only good to know. */
const PROTECTION_BUDGET_MS = 10_000

/** Looked up now and not remembered: what somebody took off yesterday must not be said to be there. */
async function printProtection({ out, signal }: Call, ctx: Context): Promise<void> {
  const { protectionStatus } = await import('../../vault-protection.ts')
  const status = await protectionStatus(ctx, await ctx.place(), { budgetMs: PROTECTION_BUDGET_MS, signal })
  out.record('protection', { ...status })
  for (const line of renderProtection(status, out)) out.line(line)
}

interface Seen {
  readonly standings: readonly Standing[]
  readonly frame: StatusFrame
}

function print({ out }: Call, { standings, frame, vault, isOk }: Seen & { vault: string; isOk: boolean }): void {
  const { theme } = out
  for (const sentence of headline(standings, frame))
    for (const line of wrap(sentence, out.width)) out.line(isOk ? theme.ok(line) : theme.warn(line))
  out.line(`${theme.dim('vault')}  ${theme.strong(safe(vault))}`)
  for (const standing of standings) {
    out.record('account', standingRecord(standing, frame))
    for (const line of renderStanding(standing, frame, theme)) out.line(line)
  }
  if (standings.length === 0) out.line(`\n${theme.accent('next')}  cloudkeep backup${frame.vaultFlag}`)
}

async function printRunbook({ out }: Call, ctx: Context, { standings, frame }: Seen): Promise<void> {
  const { renderRunbook } = await import('../runbook.ts')
  const { identity } = await ctx.vault()
  const { vault: location } = ctx.config
  const isBucket = location.kind === 'bucket'
  const path = isBucket ? formatBucketUrl(location.place) : location.path
  const facts = {
    now: frame.now,
    tool: ctx.tool,
    vault: { path, isBucket, encryption: identity.encryption, id: identity.id, host: hostname() },
    accounts: standings.map((standing) => runbookAccount(standing, frame)),
  }
  const lines = renderRunbook(facts)
  out.record('runbook', { facts, markdown: `${lines.join('\n')}\n` })
  for (const line of lines) out.line(line)
}

/** Of several accounts the vault can promise only what the oldest promises. */
const earlier = (one: string | null, other: string | null): string | null =>
  one === null || other === null ? null : one < other ? one : other

/** A sentence an account; one that is alone needs no name. */
function headline(standings: readonly Standing[], frame: StatusFrame): readonly string[] {
  if (standings.length === 0) return ['Nothing can be restored yet: there is no snapshot.']
  return standings.map((standing) => {
    const sentence = sentenceOf(standing, frame)
    return standings.length === 1 ? sentence : `${standing.cloud}: ${sentence}`
  })
}

async function standingsOf(call: Call, ctx: Context, frame: StatusFrame): Promise<readonly Standing[]> {
  const { config } = call.settings
  const catalog = await ctx.catalog()
  const clouds = await catalog.read(async (reader) =>
    isAskedFor(config) ? [await chooseCloud(reader, config)] : await cloudsOf(reader, config.cloud),
  )
  const all: Standing[] = []
  for (const cloud of clouds) all.push(await standingOf(call, ctx, { cloud, frame }))
  return all
}

/** The accounts with snapshots, and the one of the credentials when a run of it has begun. */
async function cloudsOf(reader: CatalogReader, own: string | null): Promise<readonly string[]> {
  const clouds = await reader.clouds()
  if (own === null || clouds.includes(own)) return clouds
  return (await reader.runs(own, 1)).length > 0 ? [...clouds, own] : clouds
}

async function standingOf(
  { signal }: Call,
  ctx: Context,
  { cloud, frame }: { readonly cloud: string; readonly frame: StatusFrame },
): Promise<Standing> {
  const [{ lookAtRestorability }, { judgeRestorability }, { recentDrills }, { countHistory }] = await Promise.all([
    import('../../maintenance/restorable/restorable.ts'),
    import('../../maintenance/restorable/verdict.ts'),
    import('../../maintenance/drill/record.ts'),
    import('../../maintenance/restorable/point.ts'),
  ])
  const vault = await ctx.vault()
  const memory = join((await ctx.place()).work, `restorable-${cloud}.json`)
  const look = await lookAtRestorability(vault, cloud, { now: new Date(frame.now), memory }, signal)
  const { verify, everyByte } = frame.proofs
  const drills = await recentDrills(vault, { cloud, since: everyByte?.at ?? null }, signal)
  const indexed = await (await ctx.catalog()).read((reader) => indexedOf(reader, cloud))
  const { damagedSnapshots } = indexed
  return {
    ...indexed,
    ...(await countHistory(vault, cloud, signal)),
    cloud,
    look,
    lastDrill: drills[0] ?? null,
    verdict: judgeRestorability({ look, lastVerify: verify, everyByte, drills, damagedSnapshots }),
  }
}

/** Failures named on a terminal. */
const NAMED = 3

async function indexedOf(reader: CatalogReader, cloud: string) {
  const snapshots = await reader.snapshots(cloud)
  const counts = await reader.changeCounts(cloud)
  const last = snapshots.at(-1) ?? null
  let gone = 0
  if (last !== null) for await (const _ of reader.goneAt(cloud, last.seq, {})) gone += 1
  const failures = last === null || last.snapshot.failures === null ? [] : await reader.failures(last.snapshot.id)
  return {
    last,
    lastComplete: await reader.lastSnapshot(cloud, 'complete'),
    snapshots: snapshots.length,
    downloadBytesPerSecond: downloadSpeed(snapshots),
    versions: counts.reduce((sum, each) => sum + (each.change === 'gone' ? 0 : each.count), 0),
    runs: await reader.runs(cloud, 5),
    open: await reader.openRun(cloud),
    gone,
    failed: failures.slice(0, NAMED).map(({ publicId }) => publicId),
    damagedSnapshots: (await reader.damagedSnapshots(cloud)).map(({ key }) => key),
  }
}
