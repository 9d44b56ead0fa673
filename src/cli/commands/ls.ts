import type { CliCommand } from '../command.ts'
import { LISTING_OPTIONS, list } from '../listing.ts'

export const ls: CliCommand = {
  name: 'ls',
  summary: 'list what a snapshot holds',
  group: 'look',
  operands: [['[FOLDER]', 'a folder, or the beginning of public_ids']],
  options: LISTING_OPTIONS,
  notes: `  cloudkeep ls products --long
  cloudkeep ls --at 2026-10-01 --tag hero`,
  run: (call) => {
    const place = call.operands[0]?.replace(/^\/+/, '')
    if (!place) return list(call, [{}])
    const folder = { folder: place.replace(/\/+$/, '') }
    // `*` and `?` cannot be part of a prefix: in a glob they would mean something else.
    return list(call, /[*?]/.test(place) ? [folder, { glob: place }] : [folder, { glob: `${place}**` }])
  },
}
