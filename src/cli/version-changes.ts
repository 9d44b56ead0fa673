import type { VersionRow } from '../catalog/catalog.ts'
import { formatBytes, safe } from './format.ts'

/** What differs between a version and the one before it, in words: `replaced, 1.2 MiB → 1.3 MiB; tags +new -old`. */
export function whatChanged(before: VersionRow | null, after: VersionRow): string {
  if (before === null) return after.change
  const parts: string[] = []
  const moved = (name: string, from: string | null, to: string | null): void => {
    if (from !== to) parts.push(`${name} ${shown(from)} → ${shown(to)}`)
  }
  if (before.object !== after.object) {
    parts.push(before.size === after.size ? 'other bytes of the same size' : `${sizeOf(before)} → ${sizeOf(after)}`)
  }
  moved('public_id', before.publicId, after.publicId)
  moved('type', before.type, after.type)
  moved('folder', before.folder, after.folder)
  moved('display name', before.displayName, after.displayName)
  moved('format', before.format, after.format)
  const added = after.tags.filter((tag) => !before.tags.includes(tag))
  const removed = before.tags.filter((tag) => !after.tags.includes(tag))
  if (added.length + removed.length > 0) {
    parts.push(`tags ${[...added.map((tag) => `+${safe(tag)}`), ...removed.map((tag) => `-${safe(tag)}`)].join(' ')}`)
  }
  return parts.length === 0 ? after.change : `${after.change}: ${parts.join(', ')}`
}

const shown = (text: string | null): string => (text === null ? 'none' : text === '' ? '/' : safe(text))
const sizeOf = (row: VersionRow): string => (row.size === null ? 'no bytes' : formatBytes(row.size))
