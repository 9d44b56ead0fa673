/** What a computed asset looks like in full: a function of its index and nothing else. */
import { hash, hexOf } from '../random.ts'
import type { Asset } from '../state.ts'
import type { ContentSource } from './content.ts'
import type { Numbering } from './numbering.ts'
import { watchedSet } from './watched.ts'

const TAGS = [
  'spring',
  'summer',
  'autumn',
  'winter',
  'sale',
  'hero',
  'studio',
  'outdoor',
  'draft',
  'press',
  'archive',
  'web',
]
const SUBJECTS = ['chair', 'lamp', 'harbour', 'mountain', 'portrait', 'kettle', 'bicycle', 'garden', 'bridge', 'boat']
const WIDTHS = [640, 800, 1024, 1280, 1600, 2048]

export const makeVirtualAsset = (index: number, numbering: Numbering, contents: ContentSource): Asset => {
  const dice = (salt: number, sides: number): number => hash(index, salt, 0x5a) % sides
  const word = (words: readonly string[], salt: number): string => words[dice(salt, words.length)] ?? ''
  const resourceType = numbering.resourceType(index)
  const publicId = numbering.publicId(index)
  const createdAt = numbering.createdAt(index)
  const visual = resourceType === 'image' || (resourceType === 'video' && numbering.format(index) !== 'mp3')
  const width = visual ? (WIDTHS[dice(21, WIDTHS.length)] ?? 800) : null
  const displayName = publicId.slice(publicId.lastIndexOf('/') + 1)
  return {
    assetId: numbering.assetId(index),
    publicId,
    resourceType,
    type: numbering.type(index),
    format: resourceType === 'raw' ? null : numbering.format(index),
    version: Math.floor(createdAt / 1000),
    versionId:
      hexOf(hash(index, 1, 0x77)) +
      hexOf(hash(index, 2, 0x77)) +
      hexOf(hash(index, 3, 0x77)) +
      hexOf(hash(index, 4, 0x77)),
    createdAt,
    uploadedAt: createdAt,
    times: { updated: createdAt },
    content: contents.content(index),
    width,
    height: width === null ? null : Math.round((width * (2 + dice(22, 3))) / 4),
    pages: resourceType === 'image' ? 1 : null,
    duration: resourceType === 'video' ? 2 + dice(23, 300) / 10 : null,
    isAudio: resourceType === 'video' && !visual,
    assetFolder: numbering.folder(index),
    displayName,
    originalFilename: displayName.replace(/\.[^.]*$/, ''),
    tags: Array.from({ length: dice(24, 3) }, (_, n) => word(TAGS, 30 + n)).filter(
      (tag, at, all) => all.indexOf(tag) === at,
    ),
    context: dice(25, 4) === 0 ? { alt: `${word(SUBJECTS, 40)} number ${index}` } : {},
    metadata: {},
    accessMode: 'public',
    accessControl: null,
    moderation: [],
    coordinates: null,
    regions: null,
    backup: false,
    versions: [],
    related: watchedSet<string>([]),
    derived: [],
    extra: {},
    createdBy: 'sandbox',
  }
}
