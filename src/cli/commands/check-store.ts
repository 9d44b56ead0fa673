import { locationName } from '../../config/vault-location.ts'
import type { StoreCheck, StoreReport } from '../../maintenance/check-store/check-store.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, plural, safe } from '../format.ts'
import type { Theme } from '../theme.ts'

export const checkStoreCommand: CliCommand = {
  name: 'check-store',
  summary: 'whether a bucket or disk does what a vault needs, and which rights are missing; removes what it wrote',
  group: 'check',
  operands: [['[VAULT]', 'a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix']],
  options: [
    { flags: '--no-large', help: 'leave out the object of 20 MiB' },
    { flags: '--yes', help: 'go on where what is written stays locked for days' },
  ],
  notes: `Writes one or two objects under check/, reads them back, looks for one that is not there, lists, and removes. Credentials
that cannot remove are enough for a backup, and safer. With lock= in the URL what is written stays until the lock ends;
the large object is then left out.

  cloudkeep check-store 's3://my-bucket/vault?region=eu-central-1' --cloud my-cloud`,
  run,
}

const LARGE = 20 * 1024 * 1024

async function run(call: Call): Promise<Result> {
  const { out, options, settings, signal } = call
  const location = settings.config.vault
  const ctx = await call.context()
  const place = await ctx.look(location, { create: true })
  const { confirm } = await import('../confirm.ts')
  const isLocked = (place.store.traits.lock ?? null) !== null
  if (isLocked) {
    const days = place.store.traits.lock?.days ?? 0
    const what = `a small object will be written and stays locked for ${plural(days, 'day')}`
    await confirm(out, { what, isGiven: options.flag('yes'), signal })
  }
  const { checkStore } = await import('../../maintenance/check-store/check-store.ts')
  const name = locationName(location)
  out.say(out.talk.dim(`checking ${safe(name)}`))
  const report = await checkStore(
    place,
    {
      id: ctx.newId(),
      now: () => performance.now(),
      cloud: settings.config.cloud,
      large: isLocked || options.off('large') ? 0 : LARGE,
      listen: (check) => {
        out.record('check', check)
        for (const line of renderCheck(check, out.theme)) out.line(line)
      },
    },
    signal,
  )
  for (const line of conclusion(report, out.theme)) out.line(line)
  const { checks, ...rest } = report
  return { exit: report.ok ? EXIT.done : EXIT.failed, summary: { store: name, checks: checks.length, ...rest } }
}

function renderCheck({ name, status, message, hint }: StoreCheck, theme: Theme): string[] {
  const { marks } = theme
  const mark = {
    ok: theme.ok(marks.ok),
    refused: theme.warn(marks.warn),
    failed: theme.bad(marks.bad),
    skipped: theme.dim(marks.dot),
  }[status]
  return [
    `${mark} ${theme.strong(name.padEnd(12))} ${safe(message)}`,
    ...(hint === undefined ? [] : [`               ${theme.dim(safe(hint))}`]),
  ]
}

function conclusion(report: StoreReport, theme: Theme): string[] {
  const { up, down, left, ok } = report
  const speed = up === null || down === null ? [] : [`${formatBytes(up)}/s up, ${formatBytes(down)}/s down`]
  const stays =
    left.length === 0
      ? []
      : [
          `left behind, since it could not be removed: ${left.join(', ')}. A lifecycle rule or another key can remove it`,
        ]
  const verdict = ok
    ? theme.ok(`${theme.marks.ok} a vault can live here`)
    : theme.bad(`${theme.marks.bad} a vault cannot live here yet`)
  return ['', verdict, ...[...speed, ...stays].map((line) => `  ${theme.dim(line)}`)]
}
