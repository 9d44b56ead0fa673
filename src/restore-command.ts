import type { BackupListener } from './backup/report.ts'
import { runBackup } from './backup/run.ts'
import { fixed } from './backup-command.ts'
import type { AccountReader } from './cloudinary/reader.ts'
import type { Context } from './context.ts'
import { followTimetable } from './lib/timetable.ts'
import { AppError } from './model/errors.ts'
import { assureConsent } from './places.ts'
import type { RestoreAsk } from './restore/account/begin.ts'
import type { RestoreDeps, Taken } from './restore/account/run-state.ts'
import type { Strain } from './restore/account/transfer.ts'
import type { RestoreEvent, RestoreOptions, RestoreReport } from './restore/report.ts'
import { restoreToAccount } from './restore/run.ts'
import { type Held, holdFast, NOTHING_HELD } from './vault-protection.ts'

/** How many uploads at a time Cloudinary takes without complaint, and a little more; strain is heeded. */
const MOST_UPLOADS = 20

/**
 * Restores to an account: takes the lock, has the present state of the target kept first, restores, protects what was
 * kept, lets the lock go.
 * `target` is a `cloudinary://` URL, or null for the account of the credentials. A dry run takes no lock.
 */
export async function runRestoreCommand(
  context: Context,
  {
    ask,
    target,
  }: {
    readonly ask: Omit<RestoreAsk, 'options'> & { readonly options: RestoreWishes }
    readonly target: string | null
  },
  listen: (event: RestoreEvent) => void,
  signal: AbortSignal,
): Promise<RestoreReport & Held> {
  const strain: Strain = { listener: () => undefined }
  const hands = context.hands(target, listen, { onStrain: () => strain.listener() })
  const place = await context.place()
  const lock = ask.options.dryRun ? null : await context.lock('restore')
  try {
    // The present state of the target is kept first, and what keeps it there is written like a backup of it.
    if (!ask.options.dryRun) await assureConsent(place, [hands.reader.account.cloud], signal)
    const deps: RestoreDeps = {
      ...hands,
      vault: place.vault,
      catalog: await context.catalog(),
      snapshotTarget: (scope, until) => keepPresent(context, hands.reader, { scope, listen, signal: until }),
      scratch: await context.scratch(),
      bwlimit: followTimetable(context.config.bandwidth, context.now),
      now: context.now,
      newId: context.newId,
      tool: context.tool,
      listen,
    }
    const concurrency = Math.min(context.config.concurrency, MOST_UPLOADS)
    const report = await restoreToAccount(deps, { ...ask, options: { ...ask.options, concurrency } }, strain, signal)
    const { cloud } = hands.reader.account
    return {
      ...report,
      ...(ask.options.dryRun ? NOTHING_HELD : await holdFast(context, place, { cloud, listen, signal })),
    }
  } finally {
    await lock?.release()
  }
}

type RestoreWishes = Omit<RestoreOptions, 'concurrency'>

/** A backup of the target, or of some assets of it, as it is before a restore changes it. */
async function keepPresent(
  context: Context,
  reader: AccountReader,
  at: {
    readonly scope: Parameters<RestoreDeps['snapshotTarget']>[0]
    readonly listen: (event: RestoreEvent) => void
    readonly signal: AbortSignal
  },
): Promise<Taken> {
  const catalog = await context.catalog()
  const listen: BackupListener = (event) => {
    if (event.type === 'note' || event.type === 'retry' || event.type === 'waiting') at.listen(event)
    if (event.type === 'failure') {
      const { publicId, reason } = event.failure
      at.listen({ type: 'note', message: `the present state of ${publicId} could not be kept: ${reason}` })
    }
  }
  const report = await runBackup(
    {
      reader,
      vault: await context.vault(),
      catalog,
      library: await context.library(reader.account.cloud),
      scratch: await context.scratch(),
      ...fixed(context, listen),
    },
    {
      dryRun: false,
      full: false,
      // Whatever happened to the account is why somebody restores.
      yesMassChange: true,
      delete: false,
      include: [],
      exclude: [],
      concurrency: context.config.concurrency,
      details: 'spare',
      remote: false,
      derived: false,
      purpose: 'before-restore',
      ...(at.scope === null ? {} : { scope: at.scope }),
    },
    at.signal,
  )
  const all = await catalog.read((tx) => tx.snapshots(reader.account.cloud))
  const taken = all.find(({ snapshot }) => snapshot.id === report.snapshot)
  if (taken === undefined) throw new AppError('SNAPSHOT_NOT_FOUND', 'the present state of the target could not be kept')
  return { snapshot: taken, unkept: new Set(report.failures.map(({ assetId }) => assetId)) }
}
