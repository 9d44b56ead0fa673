import type { Config } from '../config/config.ts'
import { parseSpan } from '../lib/span.ts'
import type { PruneOptions } from '../maintenance/prune/plan.ts'
import type { SnapshotPolicy } from '../maintenance/prune/retention.ts'
import { parseGrace } from '../maintenance/prune/retention-time.ts'
import { isAskedFor } from './account-choice.ts'
import type { Call, OptionSpec } from './command.ts'

/** A day: longer than a copy or an import into the vault usually leaves unwritten what it is about to name. */
const DEFAULT_GRACE_MS = 24 * 3_600_000

export const RETENTION_OPTIONS: readonly OptionSpec[] = [
  { flags: '--keep-last <N>', help: 'the newest N snapshots' },
  { flags: '--keep-hourly <N>', help: 'the newest of each of N hours that have one' },
  { flags: '--keep-daily <N>', help: 'of each of N days' },
  { flags: '--keep-weekly <N>', help: 'of each of N weeks' },
  { flags: '--keep-monthly <N>', help: 'of each of N months' },
  { flags: '--keep-yearly <N>', help: 'of each of N years' },
  { flags: '--keep-within <TIME>', help: 'all that are younger' },
  {
    flags: '--keep-gone <TIME>',
    help: 'the last version of a gone asset, without its snapshot, so long after it was gone',
  },
  { flags: '--grace <TIME>', help: 'leave alone what changed since, and keep it so long in the trash (24h)' },
]

export const RETENTION_NOTES = `TIME is 36h, 30d, 8w, 6m (months), 2y, several together as in 1y6m, or forever. Hours, days and so on are those of UTC.
A flag wins over the same key in the section "retention" of the config file (keepLast, keepDaily, keepWithin, …), where
rules keep the versions of chosen assets longer:

  { "retention": { "keepDaily": 14, "keepMonthly": 12, "keepGone": "1y",
                   "rules": [{ "match": "folder:contracts", "keepWithin": "10y" }] } }

Whatever the rules: the newest snapshot, the last complete one and pinned ones stay.`

/** What flags and config file ask for together. */
export function readRetention({ options, settings }: Pick<Call, 'options' | 'settings'>): PruneOptions {
  const { retention } = settings.config
  const counts = {
    last: options.count('keepLast'),
    hourly: options.count('keepHourly'),
    daily: options.count('keepDaily'),
    weekly: options.count('keepWeekly'),
    monthly: options.count('keepMonthly'),
    yearly: options.count('keepYearly'),
  }
  const [within, gone, grace] = [options.text('keepWithin'), options.text('keepGone'), options.text('grace')]
  const given = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined))
  const snapshots: SnapshotPolicy = {
    ...retention.snapshots,
    ...given,
    ...(within !== undefined && { within: parseSpan(within) }),
  }
  return {
    policy: {
      snapshots,
      versions: { ...retention.versions, ...(gone !== undefined && { keepGone: parseSpan(gone) }) },
    },
    cloud: cloudAsked(settings.config),
    graceMs: grace === undefined ? (retention.graceMs ?? DEFAULT_GRACE_MS) : parseGrace(grace),
  }
}

/** Credentials that happen to be there do not narrow what is looked at. */
const cloudAsked = (config: Config): string | null => (isAskedFor(config) ? config.cloud : null)
