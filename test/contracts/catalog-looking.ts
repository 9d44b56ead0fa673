import { expect } from 'vitest'
import type { Catalog, VersionFilter } from '../../src/catalog/catalog.ts'
import { assetIdOf, CLOUD, collect, drop, each, put, type State, storedSnapshot } from '../samples/history.ts'
import type { CatalogTest } from './catalog.ts'

const addStates = async (catalog: Catalog, states: readonly State[]): Promise<void> => {
  await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put(...states))))
}

const named = (...publicIds: readonly string[]): State[] =>
  publicIds.map((publicId, n) => ({ assetId: assetIdOf(n), publicId, displayName: 'd' }))

const find = async (catalog: Catalog, filter: VersionFilter): Promise<string[]> =>
  (await catalog.read((tx) => collect(tx.versionsAt(CLOUD, 1, filter)))).map((row) => row.publicId)

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** Names that a careless index would mix up, cut short, or sort by the rules of some language. */
const HARD_NAMES = [
  'caf\u00e9', // composed
  'cafe\u0301', // the same to the eye, decomposed
  'CAF\u00c9',
  'a',
  'A',
  'a ',
  "it's",
  '"quoted"',
  '100%_sure!',
  'back\\slash',
  'tab\tand\nline',
  'nul\0inside',
  'nul',
  'one\u0001two',
  'half \ud83d alone',
  '\u{1f600}',
  '\uffee',
  "'; drop table versions; --",
  'x'.repeat(300),
]

export const looking = (test: CatalogTest): void => {
  test('names come back byte for byte, and are found by their bytes alone', async (catalog) => {
    await addStates(catalog, named(...HARD_NAMES))
    const all = await find(catalog, {})
    expect([...all].sort()).toEqual([...HARD_NAMES].sort())
    for (const [n, publicId] of HARD_NAMES.entries()) {
      const found = await catalog.read((tx) => tx.byPublicId(CLOUD, publicId))
      expect(found.map((row) => row.assetId)).toEqual([assetIdOf(n)])
    }
  })

  test('many names are looked up at once, as of any snapshot', async (catalog) => {
    await addStates(catalog, named(...HARD_NAMES))
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(2), each(drop(assetIdOf(0)))))
    const wanted = [...HARD_NAMES, ...Array.from({ length: 600 }, (_, n) => `nobody ${n}`)]
    const at = (seq: number) => catalog.read((tx) => tx.bearers(CLOUD, seq, wanted))
    expect((await at(1)).map(({ publicId }) => publicId).sort()).toEqual([...HARD_NAMES].sort())
    expect((await at(2)).map(({ publicId }) => publicId).sort()).toEqual(HARD_NAMES.slice(1).sort())
    expect(await catalog.read((tx) => tx.bearers('nobody', 1, wanted))).toEqual([])
  })

  test('versions come in the order of their bytes, page after page', async (catalog) => {
    const names = Array.from(
      { length: 1300 },
      (_, n) => `${['\uffee', '\u{1f600}', 'z', 'A', 'é'][n % 5]}${n % 7}/${n}`,
    )
    await addStates(catalog, named(...names))
    expect(await find(catalog, {})).toEqual([...names].sort(byBytes))
  })

  test('equal names are told apart by asset and a page goes on exactly after its last row', async (catalog) => {
    const states = Array.from({ length: 30 }, (_, n) => ({ assetId: assetIdOf(n), publicId: `same${n % 2}` }))
    await addStates(catalog, states)
    const seen: string[] = []
    let after: VersionFilter['after']
    for (;;) {
      const filter: VersionFilter = { limit: 7, ...(after === undefined ? {} : { after }) }
      const page = await catalog.read((tx) => collect(tx.versionsAt(CLOUD, 1, filter)))
      if (page.length === 0) break
      seen.push(...page.map((row) => row.assetId))
      after = page.at(-1)
    }
    const order = (state: State) => `${state.publicId}${state.assetId}`
    expect(seen).toEqual([...states].sort((a, b) => (order(a) < order(b) ? -1 : 1)).map((state) => state.assetId))
  })

  test('filters narrow by type, tag and folder', async (catalog) => {
    await addStates(catalog, [
      { assetId: assetIdOf(1), publicId: 'one', tags: ['red', 'a "b"'], folder: 'shop' },
      { assetId: assetIdOf(2), publicId: 'two', tags: ['redder'], folder: 'shop/shoes', resourceType: 'video' },
      { assetId: assetIdOf(3), publicId: 'three', tags: ['Red'], folder: 'shopping', type: 'private' },
      { assetId: assetIdOf(4), publicId: 'four', folder: '' },
    ])
    expect(await find(catalog, { resourceType: 'video' })).toEqual(['two'])
    expect(await find(catalog, { type: 'private' })).toEqual(['three'])
    expect(await find(catalog, { tag: 'red' })).toEqual(['one'])
    expect(await find(catalog, { tag: 'a "b"' })).toEqual(['one'])
    expect(await find(catalog, { folder: 'shop' })).toEqual(['one', 'two'])
    expect(await find(catalog, { folder: 'shop/' })).toEqual(['one', 'two'])
    expect(await find(catalog, { folder: '' })).toEqual(['four', 'one', 'three', 'two'])
    expect(await find(catalog, { folder: 'shop', resourceType: 'image', tag: 'red' })).toEqual(['one'])
  })

  test('text is found anywhere and in any case', async (catalog) => {
    await addStates(catalog, [
      { assetId: assetIdOf(1), publicId: 'Summer_01', displayName: 'x' },
      { assetId: assetIdOf(2), publicId: 'b', displayName: 'Late SUMMER', format: 'png' },
      { assetId: assetIdOf(3), publicId: 'c', folder: 'Été/2026', tags: ['100%'] },
      { assetId: assetIdOf(4), publicId: 'd', tags: ['midsummer'] },
    ])
    expect(await find(catalog, { text: 'summer' })).toEqual(['Summer_01', 'b', 'd'])
    expect(await find(catalog, { text: 'éTÉ' })).toEqual(['c'])
    expect(await find(catalog, { text: 'e\u0301te\u0301' })).toEqual(['c'])
    expect(await find(catalog, { text: '0%' })).toEqual(['c'])
    expect(await find(catalog, { text: 'r_0' })).toEqual(['Summer_01'])
    expect(await find(catalog, { text: 'PNG' })).toEqual(['b'])
    expect(await find(catalog, { text: '","' })).toEqual([])
  })

  test('globs match public_ids, a star stays in its folder', async (catalog) => {
    await addStates(catalog, named('a/b/c', 'a/b', 'a/x.b', 'ab', 'a*b', 'a/[b]', 'ä/\u{1f600}'))
    expect(await find(catalog, { glob: 'a/*' })).toEqual(['a/[b]', 'a/b', 'a/x.b'])
    expect(await find(catalog, { glob: 'a/**' })).toEqual(['a/[b]', 'a/b', 'a/b/c', 'a/x.b'])
    expect(await find(catalog, { glob: '**b' })).toEqual(['a*b', 'a/b', 'a/x.b', 'ab'])
    expect(await find(catalog, { glob: 'a?b' })).toEqual(['a*b'])
    expect(await find(catalog, { glob: 'a/[b]' })).toEqual(['a/[b]'])
    expect(await find(catalog, { glob: 'ä/?' })).toEqual(['ä/\u{1f600}'])
    expect(await find(catalog, { glob: 'b' })).toEqual([])
  })

  test('a public_id finds every asset that ever bore it, what is there first', async (catalog) => {
    const [first, second, third] = [assetIdOf(1), assetIdOf(2), assetIdOf(3)]
    await addStates(catalog, [{ assetId: first, publicId: 'logo' }])
    const add = (n: number, changes: ReturnType<typeof put>) =>
      catalog.write((tx) => tx.addSnapshot(storedSnapshot(n), each(changes)))
    await add(2, [...drop(first), ...put({ assetId: second, publicId: 'logo', resourceType: 'raw' })])
    await add(
      3,
      put({ assetId: second, publicId: 'old-logo', resourceType: 'raw' }, { assetId: third, publicId: 'logo' }),
    )
    await catalog.read(async (tx) => {
      const all = await tx.byPublicId(CLOUD, 'logo')
      expect(all.map((row) => row.assetId)).toEqual([third, second, first])
      expect((await tx.byPublicId(CLOUD, 'logo', { resourceType: 'raw' })).map((row) => row.assetId)).toEqual([second])
      expect((await tx.byAssetId(CLOUD, second))?.publicId).toBe('old-logo')
      expect((await tx.byAssetId(CLOUD, first))?.untilSeq).toBe(2)
    })
  })

  test('a path finds the asset that has it now, else the last that had it', async (catalog) => {
    const [first, second] = [assetIdOf(1), assetIdOf(2)]
    await addStates(catalog, [{ assetId: first, path: 'Shop/Logo.png' }])
    const at = async (path: string) => (await catalog.read((tx) => tx.byPath(CLOUD, path)))?.assetId ?? null
    expect([await at('Shop/Logo.png'), await at('shop/logo.PNG'), await at('shop')]).toEqual([first, first, null])
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(2), each(drop(first))))
    expect(await at('Shop/Logo.png')).toBe(first)
    await catalog.write((tx) =>
      tx.addSnapshot(storedSnapshot(3), each(put({ assetId: second, path: 'Shop/Logo.png' }))),
    )
    expect(await at('Shop/Logo.png')).toBe(second)
  })

  test('assets with bytes but without details are told, page by page', async (catalog) => {
    await addStates(catalog, [
      { assetId: assetIdOf(1) },
      { assetId: assetIdOf(2), hasDetails: true },
      { assetId: assetIdOf(3), bytes: null },
      { assetId: assetIdOf(4) },
    ])
    const wanted = [assetIdOf(1), assetIdOf(4)].sort()
    const page = (after: string, limit: number) => catalog.read((tx) => tx.withoutDetails(CLOUD, after, limit))
    expect((await page('', 10)).map((known) => known.assetId)).toEqual(wanted)
    expect((await page(wanted[0] ?? '', 1)).map((known) => known.assetId)).toEqual([wanted[1]])
  })
}
