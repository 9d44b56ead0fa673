import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AccountRow, BackupHistory, BackupSigns, BackupVersion } from '../../cloudinary/reader.ts'
import type { AssetFacts } from '../../model/asset.ts'
import type { Entry } from '../../model/entry.ts'
import { choose } from './current-assets.ts'
import { type Candidate, compareCandidates, isBackedUp, type Known, mayHoldMore, sortOut } from './decide.ts'
import { lineOf } from './line.ts'

const facts: AssetFacts = {
  assetId: 'a'.repeat(32),
  publicId: 'shoe',
  resourceType: 'image',
  type: 'upload',
  format: 'jpg',
  cldVersion: 3,
  bytes: 30,
  etag: null,
  width: 7,
  height: 7,
  duration: null,
  pages: null,
  folder: 'now',
  displayName: 'now',
  createdAt: '2026-01-01T00:00:00Z',
  uploadedAt: '2026-01-03T00:00:00+00:00',
  updatedAt: '2026-01-09T00:00:00Z',
  tags: ['now'],
  context: { custom: { now: 'x' } },
  metadata: null,
  accessMode: 'public',
  accessControl: null,
  moderation: [],
  coordinates: null,
  regions: null,
  originalFilename: 'now',
  status: null,
  isAudio: null,
  secureUrl: 'https://res.cloudinary.com/now.jpg',
}
const row = (more: Partial<AccountRow> = {}): AccountRow => ({ facts, raw: {}, hash: '', placeholder: false, ...more })
const version = (n: number, more: Partial<BackupVersion> = {}): BackupVersion => ({
  versionId: `v${n}`,
  cldVersion: n,
  format: 'jpg',
  size: n * 10,
  time: `2026-01-0${n}T00:00:00.000Z`,
  restorable: true,
  raw: {},
  hash: String(n),
  ...more,
})
const history = (versions: readonly BackupVersion[], more: Partial<AccountRow> = {}): BackupHistory => ({
  row: row(more),
  versions,
  unreadable: 0,
})
const known = (n: number, more: Partial<Known> = {}): Known => ({
  cldVersion: n,
  object: 'o',
  versionId: null,
  purged: null,
  ...more,
})
const verdicts = (of: BackupHistory, has: readonly Known[]): string[] => sortOut(of, has).map(({ verdict }) => verdict)

describe('of the versions in a backup', () => {
  const three = history([version(1), version(2), version(3)])

  it('those are fetched that the vault has not, whichever way it knows them', () => {
    expect(verdicts(three, [known(3)])).toEqual(['fetch', 'fetch', 'kept'])
    expect(verdicts(three, [known(99, { versionId: 'v1' }), known(3)])).toEqual(['kept', 'fetch', 'kept'])
  })

  it('the present one is left to a backup, unless the asset is deleted', () => {
    expect(verdicts(three, [])).toEqual(['fetch', 'fetch', 'current'])
    expect(verdicts(history(three.versions, { placeholder: true }), [])).toEqual(['fetch', 'fetch', 'fetch'])
  })

  it('a state that was recorded without bytes does not count as kept', () => {
    expect(verdicts(three, [known(1, { object: null })])[0]).toBe('fetch')
  })

  it('what was purged is left alone, unless it was kept again since', () => {
    const purged = { purged: { at: '2026-02-01T00:00:00Z', reason: '' } }
    expect(verdicts(three, [known(1, purged)])[0]).toBe('purged')
    expect(verdicts(three, [known(1, { ...purged, object: null })])[0]).toBe('purged')
    expect(verdicts(three, [known(1, purged), known(1)])[0]).toBe('kept')
  })

  it('those that cannot be had are not asked for, unless the vault has them anyway', () => {
    const lost = history([version(1, { restorable: false }), version(2, { restorable: false }), version(3)])
    expect(verdicts(lost, [known(2)])).toEqual(['not-restorable', 'kept', 'current'])
  })

  it('without a number none is taken for another one without a number', () => {
    const silent = history([version(1, { cldVersion: null }), version(2, { cldVersion: null })], { placeholder: true })
    expect(verdicts(silent, [known(0, { versionId: 'v2' })])).toEqual(['fetch', 'kept'])
  })

  it('each lasted from its upload to the next one', () => {
    const spans = (of: BackupHistory) =>
      sortOut(of, []).map(({ since, until }) => [since?.slice(8, 10), until?.slice(8, 10)])
    expect(spans(three)).toEqual([
      ['01', '02'],
      ['02', '03'],
      ['03', undefined],
    ])
    // The bytes of now were uploaded without a backup.
    expect(spans(history([version(1), version(2)]))).toEqual([
      ['01', '02'],
      ['02', '03'],
    ])
    expect(spans(history([version(1), version(2)], { placeholder: true }))).toEqual([
      ['01', '02'],
      ['02', undefined],
    ])
    expect(spans(history([version(1, { time: null })]))).toEqual([[undefined, undefined]])
  })
})

it('an imported version claims nothing for its time that is only known of now', () => {
  const kept = { object: 'f'.repeat(64), size: 10, md5: 'e'.repeat(32), proof: 'length' } as const
  const judged = { version: version(1), since: 'x', until: null }
  const { entry } = lineOf(facts, judged, kept, '2026-03-01T00:00:00Z')
  expect(JSON.stringify(entry)).not.toContain('now')
  expect(entry).toMatchObject({
    publicId: 'shoe',
    cldVersion: 1,
    size: 10,
    facts: { bytes: 10, etag: null, width: null },
  })
  const again = lineOf(facts, judged, kept, '2026-04-01T00:00:00Z')
  expect(again.entry.version).toBe(entry.version)
  const other = lineOf(facts, { ...judged, version: version(1, { hash: 'other' }) }, kept, '2026-03-01T00:00:00Z')
  expect(other.entry.version).not.toBe(entry.version)
})

describe('a call is spared', () => {
  const entry = (more: Partial<AssetFacts> = {}): Entry => ({
    ...facts,
    version: '0'.repeat(16),
    object: 'o',
    size: 30,
    md5: null,
    proof: null,
    path: null,
    capturedAt: '',
    listHash: '',
    facts: { ...facts, ...more },
    raw: {},
  })
  const signs = (more: Partial<BackupSigns> = {}): BackupSigns => ({
    backedUp: true,
    bytes: null,
    versions: null,
    ...more,
  })
  const once = { uploadedAt: '2026-01-01T00:00:00+00:00' }

  it('where nothing says that there is a backup', () => {
    expect(isBackedUp(entry(), signs())).toBe(true)
    expect(isBackedUp(entry(), signs({ backedUp: false, bytes: 1 }))).toBe(true)
    expect(isBackedUp(entry(), signs({ backedUp: false }))).toBe(false)
    expect(isBackedUp(entry(), signs({ backedUp: false, bytes: 0 }))).toBe(false)
    expect(isBackedUp({ type: 'fetch' }, signs())).toBe(false)
  })

  it('where both times and lengths say that the first upload is the present one, and it is here', () => {
    expect(mayHoldMore(entry(once), signs({ bytes: 30 }), [])).toBe(false)
    expect(mayHoldMore(entry(), signs({ bytes: 30 }), [])).toBe(true)
    expect(mayHoldMore(entry(once), signs({ bytes: 31 }), [])).toBe(true)
    expect(mayHoldMore(entry(once), signs(), [])).toBe(true)
    expect(mayHoldMore(entry({ uploadedAt: null }), signs({ bytes: 30 }), [])).toBe(true)
    expect(mayHoldMore({ ...entry(once), object: null }, signs({ bytes: 30 }), [])).toBe(true)
  })

  it('where details name nothing that is not here', () => {
    const versions = [version(1), version(3)]
    expect(mayHoldMore(entry(), signs({ versions }), [known(1), known(3)])).toBe(false)
    expect(mayHoldMore(entry(), signs({ versions }), [known(3)])).toBe(true)
    expect(mayHoldMore(entry(), signs({ versions: [version(2, { restorable: false })] }), [known(3)])).toBe(true)
  })
})

it('pages of candidates hold each of them once and in order, in whatever order they come', async () => {
  const candidate = fc.record({
    assetId: fc.stringMatching(/^[a-f]{1,3}$/),
    changedAt: fc.integer({ min: 0, max: 3 }),
    sure: fc.boolean(),
  })
  const many = fc.uniqueArray(candidate, { selector: ({ assetId }) => assetId, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(many, fc.integer({ min: 1, max: 7 }), async (some, most) => {
      const all = some.map((one): Candidate => ({ ...facts, ...one, olderBytes: 1 }))
      async function* each(): AsyncIterable<Candidate> {
        yield* all
      }
      const read: Candidate[] = []
      for (;;) {
        const { page, assets, olderBytes } = await choose(each(), read.at(-1) ?? null, most)
        expect([assets, olderBytes]).toEqual([all.length - read.length, all.length - read.length])
        if (page.length === 0) break
        read.push(...page)
      }
      expect(read).toEqual(all.toSorted(compareCandidates))
    }),
    { numRuns: 60 },
  )
})
