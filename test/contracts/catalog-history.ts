import { expect } from 'vitest'
import type { Catalog } from '../../src/catalog/catalog.ts'
import type { EntryChange } from '../../src/model/entry.ts'
import { assetIdOf, CLOUD, collect, drop, each, entryOf, put, storedSnapshot } from '../samples/history.ts'
import type { CatalogTest } from './catalog.ts'

const [A, B] = [assetIdOf(1), assetIdOf(2)]

/** Adds snapshots 1, 2, … with these changes. */
const add = async (catalog: Catalog, ...snapshots: readonly EntryChange[][]): Promise<void> => {
  for (const [i, changes] of snapshots.entries()) {
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(i + 1), each(changes)))
  }
}

const changesOf = async (catalog: Catalog, assetId: string) =>
  (await catalog.read((tx) => tx.versionsOf(CLOUD, assetId))).map((v) => [v.change, v.fromSeq, v.untilSeq])

export const history = (test: CatalogTest): void => {
  test('an empty catalog answers, and knows nothing', async (catalog) => {
    await catalog.read(async (tx) => {
      expect(await tx.clouds()).toEqual([])
      expect(await tx.snapshots('nobody')).toEqual([])
      expect(await tx.lastSnapshot('nobody')).toBeNull()
      expect(await tx.known('nobody', [A])).toEqual(new Map())
      expect(await tx.currentCount('nobody')).toEqual({ assets: 0, bytes: 0 })
      expect(await collect(tx.versionsAt('nobody', 1, {}))).toEqual([])
      expect(await collect(tx.diff('nobody', 0, 1))).toEqual([])
      expect(await tx.byAssetId('nobody', A)).toBeNull()
    })
  })

  test('heads come back whole, in order, with the last and the last complete one', async (catalog) => {
    const heads = [storedSnapshot(1), storedSnapshot(2, { complete: false, partialReasons: ['guard'] })]
    for (const head of heads) await catalog.write((tx) => tx.addSnapshot(head, each([])))
    await catalog.read(async (tx) => {
      expect(await tx.snapshots(CLOUD)).toEqual(heads.map((head, i) => ({ ...head, seq: i + 1 })))
      expect(await tx.snapshotKeys(CLOUD)).toEqual(heads.map((head) => head.key))
      expect((await tx.lastSnapshot(CLOUD))?.seq).toBe(2)
      expect((await tx.lastSnapshot(CLOUD, 'complete'))?.seq).toBe(1)
    })
  })

  test('adding a snapshot that is there does nothing, and does not even read its changes', async (catalog) => {
    await add(catalog, put({ assetId: A }))
    const never: AsyncIterable<EntryChange> = {
      [Symbol.asyncIterator]: () => {
        throw new Error('read')
      },
    }
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), never))
    expect(await catalog.read((tx) => tx.currentCount(CLOUD))).toEqual({ assets: 1, bytes: 5 })
  })

  test('each account counts its own snapshots', async (catalog) => {
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put({ assetId: A }))))
    const other = storedSnapshot(5, { cloud: 'other' })
    await catalog.write((tx) => tx.addSnapshot(other, each(put({ assetId: A, bytes: 'other' }, { assetId: B }))))
    await catalog.read(async (tx) => {
      expect(await tx.clouds()).toEqual([CLOUD, 'other'])
      expect((await tx.lastSnapshot('other'))?.seq).toBe(1)
      expect((await tx.currentCount(CLOUD)).assets).toBe(1)
      expect((await tx.currentCount('other')).assets).toBe(2)
    })
  })

  test('a version says what made it', async (catalog) => {
    const first = { assetId: A, bytes: 'one', publicId: 'a', folder: 'f', displayName: 'd' }
    await add(
      catalog,
      put(first),
      put({ ...first, bytes: 'two' }),
      put({ ...first, bytes: 'two', publicId: 'b' }),
      put({ ...first, bytes: 'two', publicId: 'b', folder: 'g' }),
      put({ ...first, bytes: 'two', publicId: 'b', folder: 'g', displayName: 'e' }),
      put({ ...first, bytes: 'two', publicId: 'b', folder: 'g', displayName: 'e', type: 'private' }),
      put({ ...first, bytes: 'two', publicId: 'b', folder: 'g', displayName: 'e', type: 'private', tags: ['t'] }),
    )
    const kinds = ['new', 'replaced', 'renamed', 'renamed', 'renamed', 'renamed', 'relabelled']
    expect(await changesOf(catalog, A)).toEqual(kinds.map((kind, i) => [kind, i + 1, i === 6 ? null : i + 2]))
  })

  test('what comes back after it was gone is new', async (catalog) => {
    await add(catalog, put({ assetId: A }), drop(A), put({ assetId: A }))
    expect(await changesOf(catalog, A)).toEqual([
      ['new', 1, 2],
      ['new', 3, null],
    ])
  })

  test('details and a path that are added later make no new version', async (catalog) => {
    await add(catalog, put({ assetId: A }), put({ assetId: A, hasDetails: true, path: 'a.jpg' }))
    const [only, ...rest] = await catalog.read((tx) => tx.versionsOf(CLOUD, A))
    expect(rest).toEqual([])
    expect(only).toMatchObject({ fromSeq: 1, untilSeq: null, hasDetails: true, path: 'a.jpg' })
    expect(await catalog.read((tx) => tx.currentCount(CLOUD))).toEqual({ assets: 1, bytes: 5 })
  })

  test('going twice is going once, and what was never there cannot go', async (catalog) => {
    await add(catalog, put({ assetId: A }), drop(A, B), drop(A))
    expect(await changesOf(catalog, A)).toEqual([['new', 1, 2]])
    expect(await catalog.read((tx) => tx.changeCounts(CLOUD))).toEqual([
      { seq: 2, change: 'gone', count: 1 },
      { seq: 1, change: 'new', count: 1 },
    ])
  })

  test('known tells all that decides, and leaves out what is gone', async (catalog) => {
    const state = { assetId: A, bytes: 'x', path: 'p/x.jpg', folder: 'p', displayName: 'x', hasDetails: true }
    await add(catalog, put(state, { assetId: B }), drop(B))
    const entry = entryOf(state)
    const known = await catalog.read((tx) => tx.known(CLOUD, [A, B, assetIdOf(3)]))
    expect([...known.keys()]).toEqual([A])
    const { assetId, version, publicId, resourceType, type, cldVersion, object, size, md5, proof, listHash, path } =
      entry
    const { etag, bytes, folder, displayName, updatedAt } = entry.facts
    expect(known.get(A)).toEqual({
      ...{ assetId, version, publicId, resourceType, type, cldVersion, object, size, md5, proof, listHash, path },
      ...{ etag, bytes, folder, displayName, updatedAt, hasDetails: true },
    })
  })

  test('sums of the current versions follow every change', async (catalog) => {
    const video = { assetId: B, resourceType: 'video' as const, bytes: '1234567890' }
    await add(
      catalog,
      put({ assetId: A }, video),
      put({ ...video, bytes: '12' }),
      put({ ...video, type: 'private', bytes: null }),
      drop(A),
    )
    await catalog.read(async (tx) => {
      expect(await tx.knownPartitions(CLOUD)).toEqual([{ resourceType: 'video', type: 'private', assets: 1 }])
      expect(await tx.currentCount(CLOUD)).toEqual({ assets: 1, bytes: 0 })
    })
  })

  test('replaced assets are counted once each, after a snapshot', async (catalog) => {
    await add(
      catalog,
      put({ assetId: A }, { assetId: B }),
      put({ assetId: A, bytes: '2' }),
      put({ assetId: A, bytes: '3' }, { assetId: B, tags: ['t'] }),
    )
    const since = (seq: number) => catalog.read((tx) => tx.replacedSince(CLOUD, seq))
    expect([await since(0), await since(1), await since(2), await since(3)]).toEqual([1, 1, 1, 0])
  })

  test('a forgotten account can be added again, and its runs stay', async (catalog) => {
    await add(catalog, put({ assetId: A }))
    await catalog.write((tx) => tx.beginRun({ id: 'r', cloud: CLOUD, command: 'backup', startedAt: 'now' }))
    await catalog.write((tx) => tx.saveFailures('snapshot1', []))
    await catalog.write((tx) => tx.forgetAccount(CLOUD))
    expect(await catalog.read((tx) => tx.clouds())).toEqual([])
    expect((await catalog.read((tx) => tx.openRun(CLOUD)))?.id).toBe('r')
    await add(catalog, put({ assetId: B }))
    expect(await catalog.read((tx) => tx.currentCount(CLOUD))).toEqual({ assets: 1, bytes: 5 })
    expect(await catalog.read((tx) => collect(tx.currentIds(CLOUD, '')))).toEqual([B])
  })

  test('failures come back as they were saved, once', async (catalog) => {
    await add(catalog, [])
    const failure = { assetId: A, publicId: 'ü', resourceType: 'image', type: 'upload', code: 'X', reason: 'why' }
    await catalog.write((tx) => tx.saveFailures('snapshot1', [failure, { ...failure, assetId: B }]))
    await catalog.write((tx) => tx.saveFailures('snapshot1', [failure]))
    expect(await catalog.read((tx) => tx.failures('snapshot1'))).toEqual([failure])
  })
}
