import { expect } from 'vitest'
import type { Catalog } from '../../src/catalog/catalog.ts'
import { assetIdOf, CLOUD, drop, each, put, storedSnapshot } from '../samples/history.ts'
import type { CatalogTest } from './catalog.ts'
import { begin } from './catalog-runs.ts'

const [A, B, C] = [assetIdOf(1), assetIdOf(2), assetIdOf(3)]

const claim = (catalog: Catalog, assetId: string, path: string, goneIsFree = false) =>
  catalog.write((tx) => tx.claimPath(CLOUD, 'r', { assetId, path, goneIsFree }))

const prepare = async (catalog: Catalog, path: string): Promise<void> => {
  await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put({ assetId: A, path }))))
  await begin(catalog)
  await catalog.write((tx) =>
    tx.saveSteps(
      'r',
      [A, B, C].map((assetId) => ({ assetId, kind: 'fetch', state: 'done', why: 'new', listHash: 'h', listRaw: '{}' })),
    ),
  )
}

export const paths = (test: CatalogTest): void => {
  test('a path belongs to one asset, whatever its case and composition', async (catalog) => {
    await prepare(catalog, 'Shop/Caf\u00e9.jpg')
    expect(await claim(catalog, B, 'Shop/Caf\u00e9.jpg')).toEqual({ kind: 'taken' })
    expect(await claim(catalog, B, 'shop/CAFE\u0301.JPG')).toEqual({ kind: 'taken' })
    expect(await claim(catalog, B, 'Shop/Caf\u00e9.png')).toEqual({ kind: 'free' })
    expect(await claim(catalog, A, 'shop/caf\u00e9.jpg')).toEqual({ kind: 'free' })
  })

  test('what is gone keeps its path, except from what has the same bytes', async (catalog) => {
    await prepare(catalog, 'a.jpg')
    const before = await catalog.read((tx) => tx.byAssetId(CLOUD, A))
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(2), each(drop(A))))
    const again = (object: string | null) =>
      catalog.write((tx) => tx.claimPath(CLOUD, 'r', { assetId: B, path: 'a.jpg', goneIsFree: false, object }))
    expect(await again('f'.repeat(64))).toEqual({ kind: 'taken' })
    expect(await again(null)).toEqual({ kind: 'taken' })
    expect(await again(before?.object ?? null)).toEqual({ kind: 'free' })
  })

  test('a claim reserves the path for the run, and repeating it is harmless', async (catalog) => {
    await prepare(catalog, 'a.jpg')
    expect(await claim(catalog, B, 'new.jpg')).toEqual({ kind: 'free' })
    expect(await claim(catalog, B, 'new.jpg')).toEqual({ kind: 'free' })
    expect(await claim(catalog, C, 'NEW.jpg')).toEqual({ kind: 'taken' })
    const [row] = await catalog.read((tx) =>
      tx.steps('r', { after: '', limit: 10 }).then((all) => all.filter((s) => s.assetId === B)),
    )
    expect(row?.path).toBe('new.jpg')
  })

  test('a file does not get the name of a folder, nor a folder the name of a file', async (catalog) => {
    await prepare(catalog, 'Docs/a')
    expect(await claim(catalog, B, 'docs')).toEqual({ kind: 'taken' })
    expect(await claim(catalog, B, 'docs/A/b/c')).toEqual({ kind: 'file-in-the-way', file: 'docs/A' })
    expect(await claim(catalog, B, 'Docs/a.b')).toEqual({ kind: 'free' })
    expect(await claim(catalog, C, 'Docs/a.b/x')).toEqual({ kind: 'file-in-the-way', file: 'Docs/a.b' })
    expect(await claim(catalog, C, 'Doc')).toEqual({ kind: 'free' })
  })

  test('the file of a gone asset keeps its name, unless gone files are removed', async (catalog) => {
    await prepare(catalog, 'a.jpg')
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(2), each(drop(A))))
    expect(await claim(catalog, B, 'a.jpg')).toEqual({ kind: 'taken' })
    expect(await claim(catalog, B, 'a.jpg', true)).toEqual({ kind: 'free' })
  })

  test('an asset that this run found gone counts as gone', async (catalog) => {
    await prepare(catalog, 'a.jpg')
    await catalog.write((tx) => tx.markGone('r', [A]))
    expect(await claim(catalog, B, 'a.jpg')).toEqual({ kind: 'taken' })
    expect(await claim(catalog, B, 'a.jpg', true)).toEqual({ kind: 'free' })
  })

  test('the name that an asset no longer has is free', async (catalog) => {
    await prepare(catalog, 'old.jpg')
    await catalog.write((tx) =>
      tx.addSnapshot(storedSnapshot(2), each(put({ assetId: A, publicId: 'x', path: 'new.jpg' }))),
    )
    expect(await claim(catalog, B, 'old.jpg')).toEqual({ kind: 'free' })
    expect(await claim(catalog, C, 'new.jpg')).toEqual({ kind: 'taken' })
  })
}
