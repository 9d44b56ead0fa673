import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backUp, removeAsset } from '../../../sandbox/backups/versions.ts'
import { contentOf, makeAsset, newId } from '../../../sandbox/make-asset.ts'
import type { Asset } from '../../../sandbox/state.ts'
import { bodyOf, bytesOf, NEVER, nameOf, picture, startRig, type WriterRig, wishFor } from '../../../test/writer-rig.ts'
import { inTurn, json, type ScriptedServer, startScriptedServer } from '../testing.ts'

let rig: WriterRig
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const LOST = { kind: 'reset', processed: true } as const

describe('a rename', () => {
  it('keeps id, bytes and versions, and may change the type', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a/b', tags: ['x'], context: { k: 'v' } })
    const row = await rig.writer.rename(nameOf('a/b'), { publicId: 'c/d e', type: 'private' }, NEVER)
    expect(row.facts).toMatchObject({
      assetId: asset.assetId,
      publicId: 'c/d e',
      type: 'private',
      tags: ['x'],
      context: { custom: { k: 'v' } },
    })
    expect(asset).toMatchObject({ publicId: 'c/d e', type: 'private' })
    expect(asset.versions).toHaveLength(1)
  })

  it('onto a name that is taken, or kept for a deleted asset, is refused', async () => {
    makeAsset(rig.cloud, { publicId: 'a' })
    makeAsset(rig.cloud, { publicId: 'taken' })
    makeAsset(rig.cloud, { publicId: 'reserved' }).content = null
    for (const publicId of ['taken', 'reserved']) {
      const call = rig.writer.rename(nameOf('a'), { publicId, type: 'upload' }, NEVER)
      await expect(call).rejects.toMatchObject({ code: 'UPLOAD_REFUSED', message: new RegExp(publicId) })
    }
  })

  it('of nothing says so', async () => {
    const call = rig.writer.rename(nameOf('none'), { publicId: 'b', type: 'upload' }, NEVER)
    await expect(call).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
  })

  it.each([LOST, { kind: 'status', status: 502, body: 'html', processed: true }, { kind: 'reset' }] as const)(
    'is done once, after %j',
    async (fault) => {
      const asset = makeAsset(rig.cloud, { publicId: 'a' })
      rig.sandbox.faults.add({ area: 'upload', times: 1, fault })
      const row = await rig.writer.rename(nameOf('a'), { publicId: 'b', type: 'upload' }, NEVER)
      expect([row.facts.assetId, asset.publicId]).toEqual([asset.assetId, 'b'])
    },
  )
})

describe('a deletion', () => {
  it('takes the asset that is meant', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a', backup: false })
    expect(await rig.writer.destroy(asset, NEVER)).toBe(true)
    expect(rig.cloud.shelf.size).toBe(0)
    expect(await rig.writer.destroy(asset, NEVER)).toBe(false)
    expect(rig.writer.calls).toBe(2)
  })

  it('leaves another asset that has the name by now, and the same under another name', async () => {
    const other = makeAsset(rig.cloud, { publicId: 'a' })
    expect(await rig.writer.destroy({ ...nameOf('a'), assetId: newId() }, NEVER)).toBe(false)
    expect(await rig.writer.destroy({ ...nameOf('b'), assetId: other.assetId }, NEVER)).toBe(false)
    const moved = makeAsset(rig.cloud, { publicId: 'elsewhere' })
    expect(await rig.writer.destroy({ ...nameOf('a'), assetId: moved.assetId }, NEVER)).toBe(false)
    for (const asset of [other, moved]) expect(asset.content).not.toBeNull()
  })

  it('whose answer was lost is known to be done', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a' })
    rig.sandbox.faults.add({ area: 'upload', times: 1, fault: LOST })
    expect(await rig.writer.destroy(asset, NEVER)).toBe(true)
    expect(asset.content).toBeNull()
  })
})

/** An asset with that many versions before the present one. */
const withVersions = (publicId: string, count: number): Asset => {
  const asset = makeAsset(rig.cloud, { publicId, bytes: picture('0'), createdAt: Date.now() - 90_000 })
  for (let n = 1; n <= count; n++) {
    Object.assign(asset, { content: contentOf(picture(`${n}`)), versionId: newId(), version: asset.version + 1 })
    backUp(asset)
  }
  return asset
}

describe('versions of the service’s own backup', () => {
  it('come back, given or the latest, each with its own answer', async () => {
    const old = withVersions('old', 2)
    const gone = withVersions('gone', 1)
    const bare = makeAsset(rig.cloud, { publicId: 'bare', backup: false })
    removeAsset(rig.sandbox.world, rig.cloud, gone)
    const restored = await rig.writer.restoreVersions(
      [
        { assetId: old.assetId, versionId: old.versions[0]?.versionId ?? '' },
        { assetId: gone.assetId, versionId: null },
        { assetId: bare.assetId, versionId: null },
        { assetId: newId(), versionId: newId() },
      ],
      NEVER,
    )
    expect(restored.map(({ reason }) => reason)).toEqual([null, null, 'no_backup', 'no_backup'])
    expect(restored[0]?.row?.facts).toMatchObject({ assetId: old.assetId, publicId: 'old' })
    expect([bytesOf(old), bytesOf(gone)]).toEqual([picture('0'), picture('1')])
  })

  it('come back once, although the answer was lost', async () => {
    const assets = [withVersions('a', 1), withVersions('b', 1)]
    const wishes = assets.map(({ assetId, versions }) => ({ assetId, versionId: versions[0]?.versionId ?? '' }))
    rig.sandbox.faults.add({ pathMatch: /restore$/, times: 1, fault: LOST })
    const restored = await rig.writer.restoreVersions(wishes, NEVER)
    expect(restored.map(({ row }) => row?.facts.publicId)).toEqual(['a', 'b'])
    for (const asset of assets) expect(asset.versions).toHaveLength(3)
  })

  it('cost two calls for a hundred', async () => {
    const wishes = Array.from({ length: 100 }, (_, n) => ({
      assetId: withVersions(`p${n}`, 0).assetId,
      versionId: null,
    }))
    await rig.writer.restoreVersions(wishes, NEVER)
    expect(rig.writer.calls).toBe(2)
    await expect(rig.writer.restoreVersions([...wishes, ...wishes], NEVER)).rejects.toThrow(RangeError)
    expect(await rig.writer.restoreVersions([], NEVER)).toEqual([])
  })

  it('are deleted, and those that are not are told with the reason', async () => {
    const asset = withVersions('a', 2)
    const [first = '', second = ''] = asset.versions.map(({ versionId }) => versionId)
    const other = newId()
    expect(await rig.writer.deleteVersions(asset.assetId, [first], NEVER)).toEqual({ deleted: [first], failed: [] })
    expect(await rig.writer.deleteVersions(asset.assetId, [second, other], NEVER)).toEqual({
      deleted: [second],
      failed: [{ versionId: other, reason: `Version not found - ${other}` }],
    })
    expect(asset.versions).toHaveLength(1)
    await expect(rig.writer.deleteVersions(newId(), [first], NEVER)).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
    })
  })

  it('are known to be deleted when the answer was lost, the last of a deleted asset too', async () => {
    const asset = withVersions('a', 1)
    removeAsset(rig.sandbox.world, rig.cloud, asset)
    const ids = asset.versions.map(({ versionId }) => versionId)
    for (const id of ids) {
      rig.sandbox.faults.add({ area: 'admin', method: 'DELETE', times: 1, fault: LOST })
      expect(await rig.writer.deleteVersions(asset.assetId, [id], NEVER)).toEqual({ deleted: [id], failed: [] })
    }
    expect(rig.cloud.shelf.size).toBe(0)
  })
})

describe('folders and relations', () => {
  it('are made with what is above them, and may be there', async () => {
    for (const path of ['a/b & c/d', 'a/b & c/d', 'a']) await rig.writer.createFolder(path, NEVER)
    expect([...rig.cloud.folders.keys()].sort()).toEqual(['a', 'a/b & c', 'a/b & c/d'])
    await expect(rig.writer.createFolder('a//b', NEVER)).rejects.toMatchObject({ code: 'API_REFUSED' })
  })

  it('go both ways, more than fit into one call, again and again', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a/b' })
    const others = Array.from({ length: 23 }, (_, n) =>
      makeAsset(rig.cloud, { publicId: `other/${n}`, resourceType: 'raw', type: 'private' }),
    )
    for (let round = 0; round < 2; round++) await rig.writer.relate(asset, others, NEVER)
    expect(asset.related.size).toBe(23)
    expect(others[22]?.related.has(asset.assetId)).toBe(true)
    const missing = rig.writer.relate(asset, [nameOf('none')], NEVER)
    await expect(missing).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND', message: /none/ })
  })
})

it('Admin calls keep to the hour that the account has', async () => {
  rig.cloud.settings.rateLimit = 3
  const writer = rig.again({ wait: false })
  for (let n = 0; n < 3; n++) await writer.createFolder(`f${n}`, NEVER)
  await expect(writer.createFolder('more', NEVER)).rejects.toMatchObject({ code: 'API_LIMIT' })
})

describe('a service of another kind', () => {
  let server: ScriptedServer
  const asset = { asset_id: newId(), public_id: 'a', resource_type: 'image', type: 'upload', version: 1, bytes: 33 }
  beforeEach(async () => {
    server = await startScriptedServer()
  })
  afterEach(() => server.close())

  it('that refuses Basic gets a signature, by SHA-256 if it must, and from then on at once', async () => {
    server.answer((seen, response) => {
      const signature = /name="signature"\r\n\r\n([0-9a-f]+)/.exec(seen.body)?.[1] ?? ''
      if (signature.length === 64) json(response, asset)
      else json(response, { error: { message: 'Invalid Signature' } }, 401)
    })
    const writer = rig.again({ uploadPrefix: server.url })
    for (let n = 0; n < 2; n++) await writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
    expect(writer.uploads).toBe(4)
    expect(server.seen.map(({ headers }) => headers.authorization !== undefined)).toEqual([true, false, false, false])
  })

  it('that takes all chunks and makes nothing of them is not asked for ever', async () => {
    server.answer((seen, response) =>
      seen.method === 'POST'
        ? json(response, { done: false, bytes: 1 })
        : json(response, { error: { message: 'Resource not found - a' } }, 404),
    )
    const writer = rig.again({ uploadPrefix: server.url, chunkBytes: 20, chunkAbove: 20 })
    const call = writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
    await expect(call).rejects.toMatchObject({ code: 'API_UNEXPECTED', permanent: false })
    expect(writer.uploads).toBe(4)
  })

  it('that answers an error with 200, or a proxy’s 413, has refused', async () => {
    server.answer(
      inTurn(
        (_, response) => json(response, { error: { message: 'no room' } }),
        (_, response) => response.writeHead(413, { 'content-type': 'text/html' }).end('<html>too large</html>'),
      ),
    )
    const writer = rig.again({ uploadPrefix: server.url })
    for (const message of [/no room/, /413/]) {
      const call = writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
      await expect(call).rejects.toMatchObject({ code: 'UPLOAD_REFUSED', message })
    }
    expect(writer.uploads).toBe(2)
  })
})
