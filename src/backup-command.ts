import { join } from 'node:path'
import type { ImportListener, ImportOptions, ImportReport } from './backup/import-history/report.ts'
import { importHistory } from './backup/import-history/run.ts'
import type { BackupListener, BackupOptions, BackupReport } from './backup/report.ts'
import { runBackup } from './backup/run.ts'
import type { Context } from './context.ts'
import { preferMemory } from './lib/memory.ts'
import { followTimetable } from './lib/timetable.ts'
import { assureConsent, type Place } from './places.ts'
import { type Held, holdFast, NOTHING_HELD } from './vault-protection.ts'

/** Parts of uploads that nobody finished for so long are of no use to anybody. */
const LEFTOVER_MS = 7 * 24 * 3_600_000

/**
 * Takes the lock, backs up, sees to it that what the snapshot needs stays protected, lets the lock go. A dry run takes none
 * and makes no vault.
 */
export async function runBackupCommand(
  context: Context,
  options: BackupOptions,
  listen: BackupListener,
  signal: AbortSignal,
): Promise<BackupReport & Held> {
  const reader = context.reader(listen)
  if (options.dryRun) {
    const { end, ...rehearsal } = await context.rehearsal(signal)
    try {
      const deps = { reader, ...rehearsal, library: null, ...fixed(context, listen) }
      return { ...(await runBackup(deps, options, signal)), ...NOTHING_HELD }
    } finally {
      await end()
    }
  }
  const { cloud } = reader.account
  const place = await context.place('create')
  await assureConsent(place, [cloud], signal)
  const lock = await context.lock('backup')
  try {
    await clearUp(context, place, { listen, signal })
    const deps = {
      reader,
      vault: place.vault,
      catalog: await context.catalog(),
      library: await context.library(cloud),
      scratch: await context.scratch(),
    }
    const report = await runBackup({ ...deps, ...fixed(context, watchSize(listen)) }, options, signal)
    return { ...report, ...(await holdFast(context, place, { cloud, listen, signal })) }
  } finally {
    await lock.release()
  }
}

interface Telling {
  readonly listen: BackupListener
  readonly signal: AbortSignal
}

/** What cannot be cleared away costs money and no data, so it is told and goes on. */
async function clearUp({ now }: Context, { bucket }: Place, { listen, signal }: Telling): Promise<void> {
  if (bucket === null) return
  try {
    const removed = await bucket.removeLeftovers(new Date(now().getTime() - LEFTOVER_MS), signal)
    if (removed > 0) listen({ type: 'note', message: `${removed} unfinished uploads of earlier runs were removed` })
  } catch (error) {
    if (signal.aborted) throw error
    const why = error instanceof Error ? error.message : String(error)
    listen({ type: 'note', message: `unfinished uploads of earlier runs could not be looked for: ${why}` })
  }
}

/** Accounts from this size on are long runs, in which memory matters more than the last bit of speed. */
const LARGE_ACCOUNT = 5000

const watchSize =
  (listen: BackupListener): BackupListener =>
  (event) => {
    if (event.type === 'estimate' && (event.estimate.assets ?? LARGE_ACCOUNT) >= LARGE_ACCOUNT) preferMemory()
    listen(event)
  }

export const fixed = ({ config, now, newId, tool }: Context, listen: BackupListener) => ({
  bwlimit: followTimetable(config.bandwidth, now),
  scratchLimit: config.scratchLimit,
  now,
  newId,
  tool,
  listen,
})

/** Takes the lock, brings in what Cloudinary's own backup holds, protects it, lets the lock go. A dry run takes none. */
export async function runImportCommand(
  context: Context,
  options: ImportOptions,
  listen: ImportListener,
  signal: AbortSignal,
): Promise<ImportReport & Held> {
  const reader = context.reader(listen)
  const { cloud } = reader.account
  const place = await context.place()
  const lock = options.dryRun ? null : await context.lock('import-history')
  try {
    if (!options.dryRun) await assureConsent(place, [cloud], signal)
    const { config, tool, now, newId } = context
    const journal = join(place.work, `import-${cloud}`)
    const scratch = await context.scratch()
    const deps = { reader, vault: place.vault, catalog: await context.catalog(), scratch, journal }
    const ways = { bwlimit: followTimetable(config.bandwidth, now), now, newId, tool, listen }
    const report = await importHistory({ ...deps, ...ways }, options, signal)
    const held = options.dryRun ? NOTHING_HELD : await holdFast(context, place, { cloud, listen, signal })
    return { ...report, ...held }
  } finally {
    await lock?.release()
  }
}
