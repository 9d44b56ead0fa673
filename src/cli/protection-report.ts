import type { FlagReport, Held, ProtectionStatus, SealReport } from '../vault-protection.ts'
import { formatCount, plural, safe, wrap } from './format.ts'
import type { Output } from './output.ts'
import type { Theme } from './theme.ts'

const MOST_FAILURES = 20

export const isHeldFast = ({ sealed }: Pick<Held, 'sealed'>): boolean => sealed === null || sealed.failed.length === 0

/** The fields that a summary carries of what was protected; none where nothing was asked for. */
export const heldRecord = ({ sealed, flagged }: Held): object => ({
  ...(sealed === null ? {} : { sealed }),
  ...(flagged === null ? {} : { immutable: flagRecord(flagged) }),
})

export const flagRecord = ({ flagged, already, failed, linked, notes }: FlagReport): object => ({
  flagged,
  already,
  failed,
  linked,
  notes,
})

/** What a person reads of locks and flags after a run; nothing where nothing was asked for. */
export function renderHeld({ sealed, flagged }: Held, theme: Theme): string[] {
  const lines = [
    ...(sealed === null ? [] : renderSealed(sealed, theme)),
    ...(flagged === null || !flagged.isThere ? [] : renderFlagged(flagged, theme)),
  ]
  return lines.length === 0 ? [] : ['', ...lines]
}

/** The section of `status`: sentences of what was seen, and of what was not. */
export function renderProtection(
  { sentences }: Pick<ProtectionStatus, 'sentences'>,
  { theme, width }: Pick<Output, 'theme' | 'width'>,
): string[] {
  const room = width === null ? null : width - 2
  return [
    '',
    theme.strong('protection'),
    ...sentences.flatMap((each) => wrap(safe(each), room).map((line) => `  ${line}`)),
  ]
}

export function renderSealed({ sealed, known, failed }: SealReport, theme: Theme): string[] {
  const { marks } = theme
  const renewed = sealed === 0 ? 'none needed to be renewed' : `${formatCount(sealed)} renewed`
  if (failed.length === 0) return [`${theme.ok(marks.ok)} locks: ${renewed}, ${formatCount(known)} last long enough`]
  const shown = failed.slice(0, MOST_FAILURES)
  const more = failed.length - shown.length
  return [
    `${theme.warn(marks.warn)} locks: ${renewed}, ${theme.bad(formatCount(failed.length))} could not be, and may end too early`,
    ...shown.flatMap(({ key, code, reason }) => [
      `  ${theme.bad(marks.bad)} ${safe(key)}`,
      `    ${theme.dim(`${code}  ${safe(reason)}`)}`,
    ]),
    ...(more > 0 ? [theme.dim(`  and ${plural(more, 'more', 'more')}; --json names them`)] : []),
    `${theme.accent('next')}  cloudkeep protect   tries again`,
  ]
}

export function renderFlagged({ flagged, already, failed, linked }: FlagReport, theme: Theme): string[] {
  const { marks } = theme
  const mark = failed + linked === 0 ? theme.ok(marks.ok) : theme.warn(marks.warn)
  const without = failed + linked === 0 ? '' : `, ${plural(failed + linked, 'file')} without it`
  return [`${mark} immutable flag: ${plural(flagged, 'file')} got it, ${formatCount(already)} had it${without}`]
}
