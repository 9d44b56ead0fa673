import { parseRule } from '../backup/rules.ts'
import { parseSpan } from '../lib/span.ts'
import type { SnapshotPolicy } from '../maintenance/prune/retention.ts'
import { parseGrace } from '../maintenance/prune/retention-time.ts'
import type { VersionPolicy } from '../maintenance/prune/retention-versions.ts'
import { count, list, object, parsed, refusalAt, type Shape } from './shape.ts'

/** A section `retention` of the config file, checked. */
export interface RetentionSettings {
  readonly snapshots: SnapshotPolicy
  readonly versions: VersionPolicy
  /** Null when the section says nothing of it. */
  readonly graceMs: number | null
}

export const NO_RETENTION: RetentionSettings = { snapshots: {}, versions: { rules: [] }, graceMs: null }

const SPAN = '(?:[0-9]+[hdwmy])+|forever'
const keep = (of: string) => count(`Snapshots to keep: ${of}.`, { min: 0, max: Number.MAX_SAFE_INTEGER })
const span = (describe: string) =>
  parsed(
    { describe, wanted: 'a length of time such as 36h, 30d, 8w, 6m (months), 2y, or forever', pattern: SPAN },
    parseSpan,
  )

const versionRule = object(
  'How long the versions of some assets stay.',
  {
    match: parsed(
      {
        describe: 'A rule as for include and exclude, but without age: the assets that this is about.',
        wanted: 'a rule',
      },
      (text) => parseRule(text),
    ),
    keepWithin: span('Keep each of their versions so long, whether a snapshot names it or not.'),
    keepGone: span('Keep what is gone from the account so long.'),
  },
  ['match'],
)

const checkedRule: typeof versionRule = {
  schema: { ...versionRule.schema, anyOf: [{ required: ['keepWithin'] }, { required: ['keepGone'] }] },
  read: (value, at) => {
    const rule = versionRule.read(value, at)
    if (rule.keepWithin !== undefined || rule.keepGone !== undefined) return rule
    throw refusalAt(at, 'says neither keepWithin nor keepGone')
  },
}

const section = object('How long snapshots and versions stay. As flags spell it: keepLast is --keep-last.', {
  keepLast: keep('the newest ones'),
  keepHourly: keep('the last one of each of so many hours'),
  keepDaily: keep('the last one of each of so many days'),
  keepWeekly: keep('the last one of each of so many weeks'),
  keepMonthly: keep('the last one of each of so many months'),
  keepYearly: keep('the last one of each of so many years'),
  keepWithin: span('Keep all snapshots that are younger.'),
  keepGone: span('Keep versions of what is gone from the account so long.'),
  grace: parsed(
    {
      describe: 'How long a prune leaves objects alone that nothing names any more: hours, days or weeks, or 0.',
      wanted: 'a grace such as 24h, 3d or 1w, or 0',
      pattern: '0|(?:[0-9]+[hdw])+',
    },
    parseGrace,
  ),
  rules: list('What holds for some assets only.', checkedRule),
})

export const retentionShape: Shape<RetentionSettings> = {
  schema: section.schema,
  read: (value, at) => {
    const { keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, ...rest } = section.read(value, at)
    const { keepWithin: within, keepGone, grace, rules = [] } = rest
    const counts = { last: keepLast, hourly: keepHourly, daily: keepDaily, weekly: keepWeekly }
    return {
      snapshots: present({ ...counts, monthly: keepMonthly, yearly: keepYearly, within }),
      versions: { ...present({ keepGone }), rules },
      graceMs: grace ?? null,
    }
  },
}

/** Without the keys that say nothing. */
const present = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  // Only keys are left out.
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
