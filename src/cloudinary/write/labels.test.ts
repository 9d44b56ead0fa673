import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeAsset } from '../../../sandbox/make-asset.ts'
import type { CloudSettings } from '../../../sandbox/state.ts'
import {
  bodyOf,
  NEVER,
  nameOf,
  picture,
  startRig,
  storedAs,
  type WriterRig,
  wishFor,
} from '../../../test/writer-rig.ts'
import type { Json } from '../../model/json.ts'
import type { Labels } from '../writer.ts'

let rig: WriterRig
const start = async (settings: Partial<CloudSettings> = {}): Promise<void> => {
  rig = await startRig(settings)
  rig.cloud.fields.push(
    { external_id: 'text', type: 'string', label: 'Text', mandatory: false },
    { external_id: 'other', type: 'string', label: 'Other', mandatory: false },
    { external_id: 'number', type: 'integer', label: 'Number', mandatory: false },
    {
      external_id: 'list',
      type: 'set',
      label: 'List',
      datasource: {
        values: ['a', 'b', 'c|d', 'e=f', 'g"h', 'i\\j', 'k,l'].map((id) => ({ external_id: id, value: id })),
      },
    },
  )
}
const restart = async (settings: Partial<CloudSettings>): Promise<void> => {
  await rig.close()
  await start(settings)
}
beforeEach(() => start())
afterEach(() => rig.close())

const NASTY = [
  '=',
  '|',
  '\\',
  '\\\\',
  '\\=',
  ',',
  '&',
  '"',
  "'",
  '\n',
  '\r\n',
  '%26',
  '&a=b',
  '[',
  '[1]',
  '{"a":1}',
  'ü',
  '😀',
  ' ',
  '--',
]
const nasty = fc
  .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'grapheme', maxLength: 4 })), { maxLength: 5 })
  .map((parts) => parts.join(''))
const word = nasty.map((text) => `x${text}x`)
const tag = word.map((text) => text.replaceAll(',', ''))
const box = fc.tuple(fc.nat(999), fc.nat(999), fc.nat(999), fc.nat(999)).map((numbers) => [...numbers])

const anyLabels = fc.record(
  {
    tags: fc.uniqueArray(tag, { maxLength: 4 }),
    context: fc.dictionary(word, word, { maxKeys: 4 }),
    metadata: fc.record(
      {
        text: word,
        number: fc.integer({ min: 0, max: 1e6 }),
        list: fc.uniqueArray(fc.constantFrom('a', 'c|d', 'e=f', 'g"h', 'i\\j', 'k,l'), { minLength: 1 }),
      },
      { requiredKeys: [] },
    ),
    coordinates: fc.record({ faces: fc.array(box, { maxLength: 2 }), custom: fc.array(box, { maxLength: 1 }) }),
    regions: fc.dictionary(
      fc.constantFrom('left', 'right'),
      fc.array(
        fc.tuple(fc.nat(9), fc.nat(9)).map((pair) => [...pair]),
        { minLength: 2, maxLength: 2 },
      ),
      { maxKeys: 2 },
    ),
    accessControl: fc.constantFrom<Json>(
      null,
      [{ access_type: 'token' }],
      [{ access_type: 'anonymous', start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' }],
    ),
    displayName: word.map((text) => text.replaceAll('/', '')),
    folder: fc.constantFrom('', 'a', 'a/b & c', 'Ünï'),
  },
  { requiredKeys: [] },
)

/** What the account holds, in the words of labels; empty is left out. */
const heldBy = (publicId: string): Record<string, unknown> => {
  const asset = storedAs(rig.cloud, nameOf(publicId))
  const metadata = Object.fromEntries(
    Object.entries(asset.metadata).map(([id, value]) => [id, Array.isArray(value) ? [...value].sort() : value]),
  )
  return {
    tags: [...asset.tags].sort(),
    context: asset.context,
    metadata,
    coordinates: asset.coordinates,
    regions: nullIfEmpty(asset.regions),
    accessControl: asset.accessControl,
    displayName: asset.displayName,
    folder: asset.assetFolder,
  }
}

const nullIfEmpty = (value: object | null | undefined): object | null =>
  value === null || value === undefined || Object.keys(value).length === 0 ? null : value

const asHeld = (labels: Labels): Record<string, unknown> => {
  const out: Record<string, unknown> = { ...labels }
  if (labels.tags) out['tags'] = [...labels.tags].sort()
  if (labels.context) out['context'] = { ...labels.context }
  if (labels.metadata)
    out['metadata'] = Object.fromEntries(
      Object.entries(labels.metadata).map(([id, value]) => [id, Array.isArray(value) ? [...value].sort() : value]),
    )
  if (labels.coordinates !== undefined) {
    const { faces = [], custom = [] } = labels.coordinates as { faces?: Json[]; custom?: Json[] }
    out['coordinates'] = nullIfEmpty({
      ...(faces.length > 0 ? { faces } : {}),
      ...(custom.length > 0 ? { custom } : {}),
    })
  }
  if (labels.regions !== undefined) out['regions'] = nullIfEmpty(labels.regions as object)
  return out
}

const checkHeld = (publicId: string, labels: Labels): void => {
  const held = heldBy(publicId)
  const wanted = asHeld(labels)
  for (const [label, value] of Object.entries(wanted)) expect([label, held[label]]).toEqual([label, value])
}

const FULL: Labels = {
  tags: ['a', 'b'],
  context: { alt: 'x', caption: 'y' },
  metadata: { text: 't', number: 7, list: ['a', 'b'] },
  coordinates: { faces: [[1, 2, 3, 4]], custom: [[5, 6, 7, 8]] },
  regions: {
    left: [
      [1, 2],
      [3, 4],
    ],
  },
  accessControl: [{ access_type: 'token' }],
  folder: 'deep/folder',
  displayName: 'Shown',
}
const EMPTY: Labels = {
  tags: [],
  context: {},
  metadata: {},
  coordinates: null,
  regions: null,
  accessControl: null,
  folder: '',
  displayName: null,
}

const SERVICES: readonly [string, Partial<CloudSettings>][] = [
  ['as the documentation says', {}],
  ['that ignores empty parameters', { blanksIgnored: true }],
  ['whose answers show little', { terseAnswers: true }],
  ['that does both', { blanksIgnored: true, terseAnswers: true }],
]

describe.each(SERVICES)('on a service %s, labels', (_, settings) => {
  beforeEach(() => restart(settings))

  it('come with an upload, whatever is in them', async () => {
    let n = 0
    await fc.assert(
      fc.asyncProperty(anyLabels, async (labels) => {
        const id = `p${n++}`
        await rig.writer.upload(wishFor(id, { labels }), bodyOf(picture(id)), NEVER)
        checkHeld(id, labels)
      }),
      { numRuns: 15 },
    )
  })

  it('are set on an asset that has others, and the rest stays', async () => {
    const { assetId } = makeAsset(rig.cloud, { publicId: 'a' })
    await fc.assert(
      fc.asyncProperty(anyLabels, async (labels) => {
        const before = heldBy('a')
        const row = await rig.writer.relabel({ ...nameOf('a'), assetId }, labels, NEVER)
        checkHeld('a', labels)
        const after = heldBy('a')
        for (const label of Object.keys(before)) if (!(label in labels)) expect(after[label]).toEqual(before[label])
        if (labels.tags) expect([...row.facts.tags].sort()).toEqual([...labels.tags].sort())
      }),
      { numRuns: 15 },
    )
  })

  it('are cleared, each of them', async () => {
    await rig.writer.upload(wishFor('a', { labels: FULL }), bodyOf(picture()), NEVER)
    checkHeld('a', FULL)
    const asset = storedAs(rig.cloud, nameOf('a'))
    const row = await rig.writer.relabel(asset, EMPTY, NEVER)
    expect(heldBy('a')).toEqual({
      tags: [],
      context: {},
      metadata: {},
      coordinates: null,
      regions: null,
      accessControl: null,
      displayName: 'Shown',
      folder: '',
    })
    expect(row.facts).toMatchObject({ tags: [], context: null, metadata: null, accessControl: null, folder: '' })
  })

  it('are cleared one by one', async () => {
    for (const [label, value] of Object.entries(EMPTY)) {
      if (label === 'displayName') continue
      const id = `one-${label}`
      await rig.writer.upload(wishFor(id, { labels: FULL }), bodyOf(picture(id)), NEVER)
      await rig.writer.relabel(storedAs(rig.cloud, nameOf(id)), { [label]: value } as Labels, NEVER)
      const held = heldBy(id)
      const now = held[label] as object | string | null
      expect([label, now === null || Object.keys(now).length === 0]).toEqual([label, true])
      expect(label === 'tags' || held['tags']).toEqual(label === 'tags' ? true : ['a', 'b'])
    }
  })

  it('of what is replaced do not stay', async () => {
    await rig.writer.upload(wishFor('a', { labels: FULL }), bodyOf(picture('1')), NEVER)
    await rig.writer.upload(wishFor('a', { labels: { ...EMPTY, tags: ['new'] } }), bodyOf(picture('2')), NEVER)
    expect(heldBy('a')).toMatchObject({
      tags: ['new'],
      context: {},
      metadata: {},
      coordinates: null,
      regions: null,
      accessControl: null,
      folder: '',
    })
  })
})

describe('a relabelling', () => {
  it('costs no Admin call and one request when the answer shows all', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a' })
    await rig.writer.relabel(asset, { tags: ['x'], context: { a: 'b' }, folder: 'f' }, NEVER)
    expect([rig.writer.calls, rig.writer.uploads]).toEqual([0, 1])
  })

  it('leaves bytes and versions as they are', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a', moderation: [] })
    const { version, versions, content } = asset
    await rig.writer.relabel(asset, { ...FULL, moderation: [{ kind: 'manual', status: 'rejected' }] }, NEVER)
    expect([asset.version, asset.versions.length, asset.content]).toEqual([version, versions.length, content])
  })

  it('of what is not there says so', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a' })
    const gone = rig.writer.relabel({ ...nameOf('b'), assetId: asset.assetId }, { tags: ['x'] }, NEVER)
    await expect(gone).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
    const other = rig.writer.relabel({ ...nameOf('a'), assetId: 'f'.repeat(32) }, { metadata: {} }, NEVER)
    await expect(other).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
  })

  it('survives lost answers', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a' })
    rig.sandbox.faults.seed(3)
    rig.sandbox.faults.add({ probability: 0.3, fault: { kind: 'reset', processed: true } })
    for (let n = 0; n < 10; n++)
      await rig.writer.relabel(asset, { tags: [`${n}`], metadata: { text: `${n}` }, context: {} }, NEVER)
    expect([asset.tags, asset.metadata]).toEqual([['9'], { text: '9' }])
  })

  it('leaves a value that the account insists on, and shows it', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a', metadata: { must: 'x', text: 'y' } })
    rig.cloud.fields.push({ external_id: 'must', type: 'string', label: 'Must', mandatory: true })
    const row = await rig.writer.relabel(asset, { metadata: {}, tags: ['t'] }, NEVER)
    expect(row.facts.metadata).toMatchObject({ must: 'x' })
    expect(row.facts.tags).toEqual(['t'])
  })

  it.each(['public', 'authenticated', null])('sets the legacy access mode to %s', async (accessMode) => {
    for (const before of ['public', 'authenticated'] as const) {
      const asset = makeAsset(rig.cloud, { publicId: `a-${before}`, accessMode: before })
      const row = await rig.writer.relabel(asset, { accessMode }, NEVER)
      expect([asset.accessMode, row.facts.accessMode]).toEqual([accessMode ?? 'public', accessMode ?? 'public'])
    }
  })

  it('in fixed folder mode asks for no folder', async () => {
    await restart({ folderMode: 'fixed' })
    const asset = makeAsset(rig.cloud, { publicId: 'x/y' })
    await rig.writer.relabel(asset, { folder: 'x', tags: ['t'] }, NEVER)
    expect([rig.writer.calls, asset.tags]).toEqual([0, ['t']])
  })
})

describe('moderation', () => {
  const STATES = ['approved', 'rejected', 'pending'] as const
  it.each(STATES)('%s is reached by an upload', async (status) => {
    for (const kind of ['manual', 'aws_rek']) {
      const labels: Labels = { moderation: [{ kind, status }] }
      await rig.writer.upload(wishFor(kind, { labels }), bodyOf(picture(kind)), NEVER)
      const { moderation } = storedAs(rig.cloud, nameOf(kind))
      // An approval by a paid analysis leaves no trace and orders no new one.
      const expected = kind === 'aws_rek' && status === 'approved' ? [] : [{ kind: 'manual', status }]
      expect(moderation).toMatchObject(expected)
      expect(moderation).toHaveLength(expected.length)
    }
  })

  it.each(STATES)('%s is reached from every state, on any service', async (status) => {
    for (const [, settings] of SERVICES) {
      await restart(settings)
      for (const before of [null, ...STATES]) {
        const publicId = `from-${before}`
        const moderation = before === null ? [] : [{ kind: 'manual', status: before, updatedAt: 1 }]
        const asset = makeAsset(rig.cloud, { publicId, moderation })
        const row = await rig.writer.relabel(asset, { moderation: [{ kind: 'manual', status }] }, NEVER)
        expect(asset.moderation).toMatchObject([{ kind: 'manual', status }])
        expect(row.facts.moderation).toEqual([{ kind: 'manual', status }])
      }
    }
  })

  it('none is a rejected asset approved', async () => {
    const asset = makeAsset(rig.cloud, {
      publicId: 'a',
      moderation: [{ kind: 'manual', status: 'rejected', updatedAt: 1 }],
    })
    await rig.writer.relabel(asset, { moderation: [] }, NEVER)
    expect(asset.moderation).toMatchObject([{ status: 'approved' }])
  })
})
