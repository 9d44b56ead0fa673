import { expect } from 'vitest'
import type { CatalogReader } from '../../src/catalog/catalog.ts'
import { assetIdOf, CLOUD, collect, drop, each, put, storedSnapshot } from '../samples/history.ts'
import type { CatalogTest } from './catalog.ts'

const many = (count: number) => Array.from({ length: count }, (_, n) => ({ assetId: assetIdOf(n) }))

export const transactions = (test: CatalogTest): void => {
  test('a write that throws leaves nothing behind', async (catalog) => {
    const failing = catalog.write(async (tx) => {
      await tx.beginRun({ id: 'r', cloud: CLOUD, command: 'backup', startedAt: 'now' })
      await tx.addSnapshot(storedSnapshot(1), each(put({ assetId: assetIdOf(1) })))
      throw new Error('stop')
    })
    await expect(failing).rejects.toThrow('stop')
    expect(await catalog.read((tx) => tx.runs(null, 10))).toEqual([])
    expect(await catalog.read((tx) => tx.clouds())).toEqual([])
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put({ assetId: assetIdOf(1) }))))
    expect(await catalog.read((tx) => tx.currentCount(CLOUD))).toEqual({ assets: 1, bytes: 5 })
  })

  test('writes follow one another and a read sees every write begun before it', async (catalog) => {
    const begun = [1, 2, 3, 4].map((n) =>
      catalog.write(async (tx) => {
        await new Promise((resolve) => setTimeout(resolve, 2))
        await tx.addSnapshot(storedSnapshot(n), each([]))
      }),
    )
    const rows = await catalog.read((tx) => tx.snapshots(CLOUD))
    expect(rows.map((row) => row.seq)).toEqual([1, 2, 3, 4])
    await Promise.all(begun)
  })

  test('a read sees one state from its beginning to its end, and may have writes inside it', async (catalog) => {
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put({ assetId: assetIdOf(1) }))))
    const counts = await catalog.read(async (tx) => {
      const before = await tx.currentCount(CLOUD)
      await catalog.write((writer) => writer.addSnapshot(storedSnapshot(2), each(put({ assetId: assetIdOf(2) }))))
      return [before.assets, (await tx.currentCount(CLOUD)).assets]
    })
    expect(counts).toEqual([1, 1])
    expect((await catalog.read((tx) => tx.currentCount(CLOUD))).assets).toBe(2)
  })

  test('a stream lets other calls write between its rows', async (catalog) => {
    const states = many(1200)
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put(...states))))
    const seen: string[] = []
    for await (const row of catalog.stream((tx) => tx.versionsAt(CLOUD, 1, {}))) {
      if (seen.length === 700) await catalog.write((tx) => tx.addSnapshot(storedSnapshot(2), each(drop(row.assetId))))
      seen.push(row.assetId)
    }
    expect(new Set(seen).size).toBe(1200)
    expect((await catalog.read((tx) => tx.currentCount(CLOUD))).assets).toBe(1199)
  })

  test('a stream that is left early lets the catalog close', async (catalog) => {
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put(...many(10)))))
    for await (const _ of catalog.stream((tx) => tx.versionsAt(CLOUD, 1, {}))) break
  })

  test('a stream that outlives its transaction says so', async (catalog) => {
    await catalog.write((tx) => tx.addSnapshot(storedSnapshot(1), each(put(...many(3)))))
    const rows = await catalog.read(async (tx) => ({ late: tx.versionsAt(CLOUD, 1, {}) }))
    await expect(collect(rows.late)).rejects.toThrow('after its')
  })

  test('a reader that is kept and used later says so', async (catalog) => {
    let kept: CatalogReader | null = null
    await catalog.read(async (tx) => {
      kept = tx
    })
    await expect(async () => await kept?.clouds()).rejects.toThrow('after its')
  })
}
