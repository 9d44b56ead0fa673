import type { Context } from '../../context.ts'
import { AppError } from '../../model/errors.ts'
import type { Place } from '../../places.ts'
import type { SealReport } from '../../vault-protection.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { plural, safe } from '../format.ts'
import { flagRecord, isHeldFast, renderFlagged, renderSealed } from '../protection-report.ts'

export const protect: CliCommand = {
  name: 'protect',
  summary: 'protect what is kept against removal: the immutable flag on a disk, new locks in a bucket',
  group: 'more',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  options: [{ flags: '--off', help: 'take the flag off a vault on a disk, so that prune and purge can remove again' }],
  notes: `On a disk every file that is written once gets the immutable flag, which needs root on Linux. It stays until it
is taken off, and what comes later has none: "immutable": true in the config file, CLOUDKEEP_IMMUTABLE or backup
--immutable give it to that too. Files of a library made of links are left without it.

In a bucket with a lock everything that the newest snapshots need is locked anew for all of its days, whatever is
remembered. A backup does that by itself as locks come near their end. Locks in a bucket cannot be taken off.

  cloudkeep protect /srv/vault`,
  outlivesPipe: true,
  run,
}

async function run(call: Call): Promise<Result> {
  const ctx = await call.context()
  const place = await ctx.place()
  const isOff = call.options.flag('off')
  if (place.flags === null) return isOff ? refuseOff(place) : await renew(call, ctx, place)
  const lock = await ctx.lock('protect')
  try {
    return await (isOff ? clearFlags : setFlags)(call, place.flags)
  } finally {
    await lock.release()
  }
}

function refuseOff({ name }: Place): never {
  throw new AppError('VAULT_SEALED', `locks in a bucket cannot be taken off, so nothing was changed in ${name}`, {
    hint: 'they end by themselves: cloudkeep status says when. Without lock= in the URL, and no "lock" in the config file, no new ones are made',
  })
}

async function setFlags({ out, signal, settings }: Call, flags: NonNullable<Place['flags']>): Promise<Result> {
  const hall = await import('../../vault-protection.ts')
  const report = await hall.setFlags(flags, { signal, full: true })
  const { theme } = out
  if (!report.isThere) {
    for (const note of report.notes)
      out.line(`${theme.warn(theme.marks.warn)} no file has the immutable flag: ${safe(note)}`)
    return { exit: EXIT.partial, summary: flagRecord(report) }
  }
  for (const line of renderFlagged(report, theme)) out.line(line)
  for (const note of report.notes) out.line(`  ${safe(note)}`)
  if (!settings.config.immutable)
    out.say(
      out.talk.dim('what later backups write has no flag: "immutable": true in the config file, or backup --immutable'),
    )
  return { exit: report.failed + report.linked > 0 ? EXIT.partial : EXIT.done, summary: flagRecord(report) }
}

async function clearFlags({ out, signal, settings }: Call, flags: NonNullable<Place['flags']>): Promise<Result> {
  const { cleared, failed, notes } = await flags.clear(signal)
  const { theme } = out
  const isDone = failed === 0
  out.line(
    isDone
      ? `${theme.ok(theme.marks.ok)} immutable flag: taken off ${plural(cleared, 'file')}`
      : `${theme.warn(theme.marks.warn)} immutable flag: taken off ${plural(cleared, 'file')}, ${plural(failed, 'file')} still have it`,
  )
  for (const note of notes) out.line(`  ${safe(note)}`)
  if (settings.config.immutable)
    out.say(out.talk.dim('the configuration says "immutable": the next backup sets it again'))
  return { exit: isDone ? EXIT.done : EXIT.partial, summary: { cleared, failed, notes } }
}

async function renew(call: Call, ctx: Context, place: Place): Promise<Result> {
  const { out, signal } = call
  const { hasLock, renewLocks } = await import('../../vault-protection.ts')
  if (!hasLock(place)) {
    throw new AppError('USAGE', `no lock is asked for in ${place.name}, so there is none to renew`, {
      hint: 'add lock=governance&lock-days=30 to the URL, or "lock" to the vault in the config file; the bucket needs object lock. See docs/protection.md',
    })
  }
  const lock = await ctx.lock('protect')
  try {
    const all: SealReport[] = []
    for (const cloud of await place.vault.clouds(signal)) {
      const listen = ({ message }: { readonly message: string }): void => out.say(out.talk.dim(message))
      const sealed = await renewLocks(ctx, place, { cloud, listen, signal }, 'afresh')
      if (sealed === null) continue
      all.push(sealed)
      out.record('locks', { cloud, ...sealed })
      out.line(out.theme.strong(safe(cloud)))
      for (const line of renderSealed(sealed, out.theme)) out.line(line)
    }
    const sealed = all.reduce((sum, each) => sum + each.sealed, 0)
    const failed = all.flatMap((each) => each.failed)
    const isDone = all.every((each) => isHeldFast({ sealed: each }))
    return { exit: isDone ? EXIT.done : EXIT.partial, summary: { sealed: { sealed, known: 0, failed } } }
  } finally {
    await lock.release()
  }
}
