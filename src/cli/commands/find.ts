import type { CliCommand } from '../command.ts'
import { LISTING_OPTIONS, list } from '../listing.ts'

export const find: CliCommand = {
  name: 'find',
  summary: 'search a snapshot for a text or a pattern',
  group: 'look',
  operands: [
    ['<TEXT>', 'part of a public_id, display name, folder, tag or format; with * or ?, a pattern for public_ids'],
  ],
  options: LISTING_OPTIONS,
  notes: `* stands for anything but /, ** for anything, ? for one character.

  cloudkeep find chair
  cloudkeep find 'products/**/front-*' --long`,
  run: (call) => {
    const text = call.operands[0] ?? ''
    return list(call, /[*?]/.test(text) ? [{ glob: text }, { text }] : [{ text }])
  },
}
