import type { SnapshotRow } from '../catalog/catalog.ts'
import { AppError } from '../model/errors.ts'

/**
 * Finds the snapshot that a word means: `latest`, `first`, an id or the beginning of one, or a time, which means the
 * newest snapshot at or before it. `2026-10` and `2026-10-01` mean the end of that month or day; a time without a zone
 * is local. Throws SNAPSHOT_NOT_FOUND, or USAGE when the beginning of an id fits several.
 */
export function findSnapshot(snapshots: readonly SnapshotRow[], word: string): SnapshotRow {
  const found = matchSnapshot(snapshots, word)
  if (found) return found
  const first = snapshots[0]
  const time = parseTime(word)
  if (time !== null && first) {
    throw new AppError('SNAPSHOT_NOT_FOUND', `there is no snapshot at or before ${word}`, {
      hint: `the first one was taken at ${first.snapshot.takenAt}`,
    })
  }
  throw new AppError('SNAPSHOT_NOT_FOUND', `there is no snapshot "${word}"`, {
    hint: first
      ? 'cloudkeep snapshots lists them; a date such as 2026-10-01 works too'
      : 'cloudkeep backup makes the first one',
  })
}

/** Like `findSnapshot`, but null when nothing fits. */
export function matchSnapshot(snapshots: readonly SnapshotRow[], word: string): SnapshotRow | null {
  if (word === 'latest') return snapshots.at(-1) ?? null
  if (word === 'first') return snapshots[0] ?? null
  const exact = snapshots.find((row) => row.snapshot.id === word)
  if (exact) return exact
  const time = parseTime(word)
  if (time !== null) return snapshots.findLast((row) => Date.parse(row.snapshot.takenAt) <= time) ?? null
  if (!/^[0-9a-z]{2,}$/i.test(word)) return null
  const begin = snapshots.filter((row) => row.snapshot.id.startsWith(word.toLowerCase()))
  if (begin.length > 1) {
    throw new AppError('USAGE', `"${word}" is the beginning of ${begin.length} snapshot ids`, {
      hint: begin
        .slice(0, 5)
        .map((row) => row.snapshot.id)
        .join(', '),
    })
  }
  return begin[0] ?? null
}

/** Milliseconds since the epoch; null when the word is no time. A day or a month is its last millisecond, local time. */
export function parseTime(word: string): number | null {
  const day = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/.exec(word)
  if (day) {
    const [year, month] = [Number(day[1]), Number(day[2])]
    if (month < 1 || month > 12) return null
    if (day[3] === undefined) return new Date(year, month, 1).getTime() - 1
    const next = new Date(year, month - 1, Number(day[3]) + 1)
    const same = new Date(year, month - 1, Number(day[3]))
    return same.getMonth() === month - 1 && same.getDate() === Number(day[3]) ? next.getTime() - 1 : null
  }
  if (!/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/.test(word)) return null
  const time = Date.parse(word.replace(' ', 'T'))
  if (Number.isNaN(time)) return null
  // `12:03` means all of that minute, as `2026-10-01` means all of that day.
  return /\d{2}:\d{2}:\d{2}/.test(word) ? time + 999 : time + 59_999
}
