import { createCloud } from '../sandbox/cloud.ts'
import { makeAsset } from '../sandbox/make-asset.ts'
import { createRandom, type Random } from '../sandbox/random.ts'
import { placeConfiguration } from '../sandbox/sample/configuration.ts'
import type { Asset, Cloud, CloudSettings } from '../sandbox/state.ts'
import type { RestoreEvent, RestoreReport } from '../src/restore/report.ts'
import { runRestoreCommand } from '../src/restore-command.ts'
import type { Rig } from './rig.ts'

type Asked = Parameters<typeof runRestoreCommand>[1]['ask']

export interface Restored extends RestoreReport {
  readonly events: readonly RestoreEvent[]
}

/** Restores with the rig's program, in this process; everything, to the account of origin, if nothing else is said. */
export async function restore(
  rig: Rig,
  given: Partial<Omit<Asked, 'options'>> & { options?: Partial<Asked['options']>; to?: string } = {},
  signal = new AbortController().signal,
): Promise<Restored> {
  const events: RestoreEvent[] = []
  const context = rig.context()
  try {
    const { options, to, ...rest } = given
    const report = await runRestoreCommand(
      context,
      {
        target: to ?? null,
        ask: {
          cloud: rig.cloud.name,
          what: { kind: 'everything' },
          at: null,
          ...rest,
          options: {
            conflict: 'skip',
            metadataOnly: false,
            surroundings: false,
            dryRun: false,
            via: 'auto',
            undo: null,
            ...options,
          },
        },
      },
      (event) => events.push(event),
      signal,
    )
    return { ...report, events }
  } finally {
    await context.close()
  }
}

/** A second, empty account on the rig's server; returns it with its CLOUDINARY_URL. */
export function addCloud(rig: Rig, name: string, settings: Partial<CloudSettings> = {}): { cloud: Cloud; url: string } {
  const cloud = createCloud({ name, settings: { rateLimit: 100_000, ...settings } })
  rig.sandbox.world.clouds.set(name, cloud)
  return { cloud, url: rig.sandbox.cloudinaryUrl(name) }
}

const PNG_HEAD = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')

/** A PNG as far as anybody looks: 40 by 30, and the text makes it like no other. */
export const png = (text: string): Buffer => {
  const size = Buffer.alloc(17)
  size.writeUInt32BE(40, 0)
  size.writeUInt32BE(30, 4)
  return Buffer.concat([PNG_HEAD, size, Buffer.from(text)])
}

export const addImage = (cloud: Cloud, publicId: string, more: Partial<Asset> = {}): Asset =>
  makeAsset(cloud, { publicId, format: 'png', width: 40, height: 30, bytes: png(publicId), ...more })

const WORDS = [
  'summer',
  'a=b|c',
  'back\\slash',
  'naïve café',
  '日本語',
  'quote "x"',
  'amp & co',
  "it's",
  'x'.repeat(200),
]

/** Fills an account with assets of every type and with every label that can be restored. */
export function fillRandomly(cloud: Cloud, seed: number, count: number): void {
  const random = createRandom(seed)
  placeConfiguration(cloud, Date.now())
  cloud.fields.push(
    { type: 'string', external_id: 'item_code', label: 'Item code', mandatory: false },
    { type: 'integer', external_id: 'item_year', label: 'Item year', mandatory: false },
  )
  for (let i = 0; i < count; i += 1) addRandom(cloud, random, i)
  const all = [...cloud.shelf.scan()]
  const [first, second] = all
  if (first !== undefined && second !== undefined) {
    first.related.add(second.assetId)
    second.related.add(first.assetId)
  }
}

function addRandom(cloud: Cloud, random: Random, i: number): void {
  const resourceType = random.pick(['image', 'image', 'image', 'raw'] as const)
  const type = random.pick(['upload', 'upload', 'private', 'authenticated'])
  const folder = random.pick(['', 'shop', 'shop/new', 'archive'])
  const name = `${random.pick(['chair', 'table', 'Ünïcode', 'with space', 'dot.ted'])}-${i}`
  const publicId = `${folder === '' ? '' : `${folder}/`}${name}${resourceType === 'raw' ? '.txt' : ''}`
  const bytes = resourceType === 'raw' ? Buffer.from(`${publicId}\n${random.hex(64)}`) : png(random.hex(64))
  const isDynamic = cloud.settings.folderMode === 'dynamic'
  const word = () => random.pick(WORDS)
  makeAsset(cloud, {
    publicId,
    resourceType,
    type,
    bytes,
    ...(resourceType === 'image' ? { format: 'png', width: 40, height: 30 } : {}),
    ...(isDynamic ? { assetFolder: random.pick(['', 'shop', 'elsewhere']), displayName: `shown ${i}` } : {}),
    tags: random.chance(0.6) ? [...new Set([word(), word()])].map((tag) => tag.slice(0, 100)) : [],
    context: random.chance(0.6) ? { alt: word(), caption: word() } : {},
    metadata: random.chance(0.5) ? { item_code: word(), item_year: 2000 + i } : {},
    accessControl: random.chance(0.2)
      ? [{ access_type: 'anonymous', start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' }]
      : null,
    moderation: random.chance(0.2)
      ? [{ kind: 'manual', status: random.pick(['approved', 'pending', 'rejected']), updatedAt: Date.now() }]
      : [],
    coordinates:
      resourceType === 'image' && random.chance(0.3) ? { faces: [[1, 2, 3, 4]], custom: [[5, 6, 7, 8]] } : null,
    originalFilename: random.pick(['IMG_1', 'scan', 'Ünï']),
  })
}

/** Takes everything out of an account, as a script gone wild would. `trace` false: as if there had never been a backup. */
export function wipe(cloud: Cloud, { trace }: { readonly trace: boolean }): void {
  for (const asset of [...cloud.shelf.scan()]) {
    if (trace && asset.versions.length > 0) asset.content = null
    else cloud.shelf.remove(asset.assetId)
  }
  for (const part of [cloud.folders, cloud.presets, cloud.transformations, cloud.mappings, cloud.triggers]) part.clear()
  for (const [name, profile] of cloud.profiles) if (!profile.predefined) cloud.profiles.delete(name)
  cloud.fields.length = 0
  cloud.rules.length = 0
}
