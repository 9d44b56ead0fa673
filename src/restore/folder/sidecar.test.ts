import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fillNastyNames } from '../../../sandbox/nasty.ts'
import { createRig, readNewest } from '../../../test/rig.ts'
import { createKept, inTurn, type Kept } from '../../../test/samples/kept.ts'
import { sampleEntry } from '../../../test/samples/manifest.ts'
import { parseXml, textsOf } from '../../../test/strict-xml.ts'
import type { AssetFacts } from '../../model/asset.ts'
import type { Entry } from '../../model/entry.ts'
import type { Chosen } from '../selection.ts'
import type { FolderOptions, FolderReport } from './report.ts'
import { jsonSidecar } from './sidecar.ts'
import { restoreToFolder } from './to-folder.ts'
import { xmpSidecar } from './xmp.ts'

const entryWith = (facts: Partial<AssetFacts>, changes: Partial<Entry> = {}): Entry => {
  const entry = sampleEntry(changes)
  return { ...entry, facts: { ...entry.facts, ...facts } }
}

const NASTY = 'a & b <c> "d" \'e\' ]]> \u0000\u0007\u001b\ufffe\uffff \ud800 \u{1F980} \r\n\t\u202e end'
/** As XML 1.0 can hold it. */
const READ = 'a & b <c> "d" \'e\' ]]> \ufffd\ufffd\ufffd\ufffd\ufffd \ufffd \u{1F980} \r\n\t\u202e end'

describe('an XMP sidecar', () => {
  it('holds tags, title, description and times where photograph programs look for them', () => {
    const entry = entryWith({
      tags: ['red', 'chair'],
      context: { custom: { alt: 'a red chair', caption: 'Chair', other: 'x' } },
      uploadedAt: '2026-01-02T03:04:05Z',
    })
    const xml = parseXml(xmpSidecar(entry))
    expect(textsOf(xml, 'dc:subject')).toEqual(['red', 'chair'])
    expect(textsOf(xml, 'dc:title')).toEqual(['Chair'])
    expect(textsOf(xml, 'dc:description')).toEqual(['a red chair'])
    expect(textsOf(xml, 'xmp:CreateDate')).toEqual(['2025-10-01T06:26:40.000Z'])
    expect(textsOf(xml, 'xmp:ModifyDate')).toEqual(['2026-01-02T03:04:05.000Z'])
    expect(textsOf(xml, 'photoshop:DateCreated')).toEqual(['2025-10-01T06:26:40.000Z'])
    expect(textsOf(xml, 'cloudkeep:publicId')).toEqual([entry.publicId])
    expect(textsOf(xml, 'cloudkeep:assetId')).toEqual([entry.assetId])
  })

  it('is well-formed whatever the account holds', () => {
    const entry = entryWith(
      {
        tags: [NASTY, '', '__proto__'],
        context: { custom: { alt: NASTY, caption: NASTY } },
        createdAt: 'yesterday',
        folder: NASTY,
      },
      { publicId: NASTY },
    )
    const xml = parseXml(xmpSidecar(entry))
    expect(textsOf(xml, 'dc:subject')).toEqual([READ, '', '__proto__'])
    expect(textsOf(xml, 'dc:description')).toEqual([READ])
    expect(textsOf(xml, 'cloudkeep:publicId')).toEqual([READ])
    expect(textsOf(xml, 'xmp:CreateDate')).toEqual([])
  })

  it.each([null, 'text', 3, [], {}, { custom: null }, { custom: { alt: 3 } }, { custom: ['x'] }])(
    'of an asset with the context %j has no description',
    (context) => {
      const xml = parseXml(xmpSidecar(entryWith({ context, tags: [] })))
      expect([...textsOf(xml, 'dc:description'), ...textsOf(xml, 'dc:subject')]).toEqual([])
    },
  )
})

describe('a JSON sidecar', () => {
  it('holds what is known of the version, in Cloudinary’s words', () => {
    const entry = entryWith(
      { coordinates: { faces: [[1, 2, 3, 4]] }, folder: 'shoes' },
      { object: 'a'.repeat(64), size: 7 },
    )
    const parsed: unknown = JSON.parse(jsonSidecar(entry, { purged: false }))
    expect(parsed).toMatchObject({
      public_id: entry.publicId,
      type: 'upload',
      tags: ['shoe', 'red'],
      context: { custom: { alt: 'A shoe' } },
      metadata: { sku_id: 'S-7' },
      folder: 'shoes',
      created_at: '2025-10-01T06:26:40Z',
      secure_url: entry.facts.secureUrl,
      coordinates: { faces: [[1, 2, 3, 4]] },
      version_id: entry.version,
      sha256: 'a'.repeat(64),
      purged: false,
    })
  })
})

describe('sidecars in a folder', () => {
  let kept: Kept
  beforeEach(async () => {
    kept = await createKept()
  })
  afterEach(() => kept.close())
  const restore = (chosen: readonly Chosen[], options: Partial<FolderOptions> = {}): Promise<FolderReport> =>
    restoreToFolder(
      { vault: kept.vault, now: () => new Date(), listen: () => undefined },
      inTurn(chosen),
      { target: kept.target, onConflict: 'skip', sidecars: ['json', 'xmp'], concurrency: 8, dryRun: false, ...options },
      new AbortController().signal,
    )

  it('lie beside their files; an asset without bytes has its JSON', async () => {
    const chosen = [
      await kept.keep('a/Chair.jpg', 'a chair'),
      await kept.keep('record.jpg', '', { object: null, size: null }),
      { ...(await kept.keep('purged.jpg', 'purged')), purged: true },
    ]
    const report = await restore(chosen)
    expect(report).toMatchObject({ sidecars: 4, counts: { restored: 1, 'no-bytes': 1, purged: 1 } })
    const files = (await readdir(kept.target, { recursive: true })).sort()
    expect(files).toEqual([
      'a',
      'a/Chair.jpg',
      'a/Chair.jpg.json',
      'a/Chair.jpg.xmp',
      'purged.jpg.json',
      'record.jpg.json',
    ])
    expect(JSON.parse(await readFile(join(kept.target, 'purged.jpg.json'), 'utf8'))).toMatchObject({ purged: true })
    expect(await restore(chosen)).toMatchObject({ sidecars: 0, counts: { 'already-there': 1 } })
  })

  it('never take the place of an asset that is called like one, in either order', async () => {
    const [chair, json] = [await kept.keep('Chair.jpg', 'a chair'), await kept.keep('Chair.jpg.json', '{"mine":1}')]
    for (const chosen of [
      [chair, json],
      [json, chair],
    ]) {
      await rm(kept.target, { recursive: true, force: true })
      expect((await restore(chosen)).missing).toEqual([])
      const files = await readdir(kept.target)
      const texts = await Promise.all(files.map((name) => readFile(join(kept.target, name), 'utf8')))
      expect(files).toHaveLength(6)
      expect(texts.filter((text) => text === '{"mine":1}')).toHaveLength(1)
      expect((await restore(chosen)).counts['already-there']).toBe(2)
    }
  })

  it('that somebody else wrote stay and are named, and those beside another file are not written', async () => {
    const chosen = [await kept.keep('Chair.jpg', 'a chair'), await kept.keep('Table.jpg', 'a table')]
    await restore(chosen, { sidecars: [] })
    await writeFile(join(kept.target, 'Chair.jpg.xmp'), 'my own work')
    await writeFile(join(kept.target, 'Table.jpg'), 'my own table')
    const report = await restore(chosen)
    expect(report.missing.map((file) => file.path).sort()).toEqual(['Chair.jpg.xmp', 'Table.jpg'])
    expect(await readFile(join(kept.target, 'Chair.jpg.xmp'), 'utf8')).toBe('my own work')
    expect(await readdir(kept.target)).not.toContain('Table.jpg.json')
  })
})

describe.each(['fixed', 'dynamic'] as const)('an account of awkward names with %s folders', (folderMode) => {
  it('comes back whole into a folder, every file with its own bytes, and nothing outside of it', async () => {
    const rig = await createRig({ settings: { folderMode } })
    const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-nasty-'))
    try {
      fillNastyNames(rig.cloud)
      await rig.backup()
      const { entries } = await readNewest(rig.vault, 'testcloud')
      const vault = await rig.context().vault()
      const target = join(folder, 'out')
      const run = (): Promise<FolderReport> =>
        restoreToFolder(
          {
            vault,
            now: () => new Date(),
            listen: (event) => event.type === 'file' && told.set(event.file.assetId, event.file.path),
          },
          inTurn(entries.map((entry) => ({ entry, purged: false }))),
          { target, onConflict: 'skip', sidecars: ['json', 'xmp'], concurrency: 16, dryRun: false },
          new AbortController().signal,
        )
      const told = new Map<string, string | null>()
      const report = await run()
      const withBytes = entries.filter((entry) => entry.object !== null)
      expect(report.counts.restored).toBe(withBytes.length)
      expect(report.counts.failed + report.counts.conflict).toBe(0)
      for (const entry of withBytes) {
        const file = join(target, told.get(entry.assetId) ?? '')
        expect((await stat(file)).size).toBe(entry.size)
        expect(await readFile(file)).toEqual(
          await readFile(join(rig.vault, 'objects', entry.object?.slice(0, 2) ?? '', entry.object ?? '')),
        )
      }
      for (const name of await readdir(target, { recursive: true }))
        if (name.endsWith('.xmp')) parseXml(await readFile(join(target, name), 'utf8'))
      expect(await readdir(folder)).toEqual(['out'])
      expect((await run()).counts['already-there']).toBe(withBytes.length)
    } finally {
      await rig.close()
      await rm(folder, { recursive: true })
    }
  })
})
