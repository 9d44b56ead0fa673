import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Fault } from '../../../sandbox/faults.ts'
import { makeAsset } from '../../../sandbox/make-asset.ts'
import {
  bodyOf,
  bytesOf,
  NEVER,
  nameOf,
  picture,
  startRig,
  storedAs,
  type WriterRig,
  wishFor,
} from '../../../test/writer-rig.ts'

let rig: WriterRig
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const UPLOAD = /\/upload$/
const PROCESSED: readonly Fault[] = [
  { kind: 'reset', processed: true },
  { kind: 'status', status: 502, body: 'html', processed: true },
  { kind: 'status', status: 500, body: 'json', processed: true },
  { kind: 'html' },
  { kind: 'empty' },
  { kind: 'truncate', at: 0.5 },
  { kind: 'stall' },
]
const NOT_PROCESSED: readonly Fault[] = [
  { kind: 'reset' },
  { kind: 'status', status: 503 },
  { kind: 'status', status: 504, body: 'empty' },
]

describe('an upload whose answer was lost', () => {
  it.each(PROCESSED)('leaves one version and its labels, after %j', async (fault) => {
    const writer = rig.again({ timeouts: { headersMs: 100, bodyMs: 300 } })
    rig.sandbox.faults.add({ pathMatch: UPLOAD, times: 1, fault })
    const wish = wishFor('a/b', { labels: { tags: ['x'], context: { k: 'v' } } })
    const { row, existing } = await writer.upload(wish, bodyOf(picture('1')), NEVER)
    const asset = storedAs(rig.cloud, wish.name)
    expect(asset.versions).toHaveLength(1)
    expect([existing, row.facts.assetId, row.facts.tags]).toEqual([false, asset.assetId, ['x']])
    expect(writer.uploads).toBe(1)
  })

  it.each(PROCESSED)('onto an asset leaves one version more, after %j', async (fault) => {
    const writer = rig.again({ timeouts: { headersMs: 100, bodyMs: 300 } })
    const asset = makeAsset(rig.cloud, { publicId: 'a', bytes: picture('old'), createdAt: Date.now() - 60_000 })
    rig.sandbox.faults.add({ pathMatch: UPLOAD, times: 1, fault })
    await writer.upload(wishFor('a'), bodyOf(picture('new')), NEVER)
    expect(asset.versions).toHaveLength(2)
    expect(bytesOf(asset)).toEqual(picture('new'))
  })

  it.each(NOT_PROCESSED)('and that did not arrive is sent again, after %j', async (fault) => {
    rig.sandbox.faults.add({ pathMatch: UPLOAD, times: 2, fault })
    await rig.writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
    expect(storedAs(rig.cloud, nameOf('a')).versions).toHaveLength(1)
    expect(rig.writer.uploads).toBe(3)
  })

  it('is not mixed up with the same bytes from before', async () => {
    const bytes = picture('same')
    const asset = makeAsset(rig.cloud, { publicId: 'a', bytes, createdAt: Date.now() - 60_000 })
    const before = asset.version
    rig.sandbox.faults.add({ pathMatch: UPLOAD, times: 1, fault: { kind: 'reset' } })
    const { row } = await rig.writer.upload(wishFor('a'), bodyOf(bytes), NEVER)
    expect(row.facts.cldVersion).toBeGreaterThan(before)
  })

  it('and that must not replace is known for its own', async () => {
    rig.sandbox.faults.add({ pathMatch: UPLOAD, times: 1, fault: { kind: 'reset', processed: true } })
    const { existing } = await rig.writer.upload(wishFor('a', { overwrite: false }), bodyOf(picture()), NEVER)
    expect(existing).toBe(false)
    const again = await rig.writer.upload(wishFor('a', { overwrite: false }), bodyOf(picture()), NEVER)
    expect(again.existing).toBe(true)
  })

  it('is not sent again while nobody can say whether it arrived', async () => {
    rig.sandbox.faults.add({ pathMatch: UPLOAD, fault: { kind: 'reset', processed: true } })
    rig.sandbox.faults.add({ area: 'admin', fault: { kind: 'status', status: 503 } })
    const call = rig.writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
    await expect(call).rejects.toMatchObject({ code: 'API_UNAVAILABLE', permanent: false })
    expect(rig.writer.uploads).toBe(1)
  })

  it('on the last try is found all the same', async () => {
    const writer = rig.again({ retry: { tries: 1, firstMs: 1, maxMs: 2 } })
    rig.sandbox.faults.add({ pathMatch: UPLOAD, fault: { kind: 'reset', processed: true } })
    await writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
    expect(storedAs(rig.cloud, nameOf('a')).versions).toHaveLength(1)
  })

  it('ends with an interruption', async () => {
    const controller = new AbortController()
    rig.sandbox.faults.add({ pathMatch: UPLOAD, fault: { kind: 'latency', ms: 2000 } })
    setTimeout(() => controller.abort(), 50)
    const call = rig.writer.upload(wishFor('a'), bodyOf(picture()), controller.signal)
    await expect(call).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('too many at a time', () => {
  it('are waited out, and told', async () => {
    rig.sandbox.faults.add({ area: 'upload', times: 5, fault: { kind: 'rate-limit', status: 420 } })
    await rig.writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
    expect([rig.strains.count, rig.writer.uploads]).toEqual([5, 6])
    expect(storedAs(rig.cloud, nameOf('a')).versions).toHaveLength(1)
  })

  it('are slept off until the time that the refusal names', async () => {
    rig.sandbox.faults.add({ area: 'upload', times: 1, fault: { kind: 'rate-limit', resetMs: 300 } })
    await rig.writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
    expect(rig.events).toMatchObject([{ type: 'waiting', why: 'limit' }])
    const impatient = rig.again({ wait: false })
    rig.sandbox.faults.add({ area: 'upload', fault: { kind: 'rate-limit', resetMs: 60_000 } })
    const call = impatient.upload(wishFor('b'), bodyOf(picture()), NEVER)
    await expect(call).rejects.toMatchObject({ code: 'API_LIMIT', resumeAt: expect.any(Number), permanent: false })
  })

  it('that never end are an error that may pass', async () => {
    rig.sandbox.faults.add({ area: 'upload', fault: { kind: 'rate-limit', status: 429 } })
    const call = rig.writer.upload(wishFor('a'), bodyOf(picture()), NEVER)
    await expect(call).rejects.toMatchObject({ code: 'API_LIMIT', permanent: false })
    expect(rig.cloud.shelf.size).toBe(0)
  })

  it('do not lose or double any of many uploads', async () => {
    rig.sandbox.faults.seed(7)
    rig.sandbox.faults.add({ area: 'upload', probability: 0.3, fault: { kind: 'rate-limit' } })
    rig.sandbox.faults.add({ area: 'upload', probability: 0.2, fault: { kind: 'reset', processed: true } })
    rig.sandbox.faults.add({ area: 'upload', probability: 0.1, fault: { kind: 'reset' } })
    const names = Array.from({ length: 40 }, (_, n) => `many/${n}`)
    await Promise.all(names.map((id) => rig.writer.upload(wishFor(id), bodyOf(picture(id)), NEVER)))
    for (const id of names) {
      const asset = storedAs(rig.cloud, nameOf(id))
      expect([asset.versions.length, bytesOf(asset).equals(picture(id))]).toEqual([1, true])
    }
  })
})

describe('an upload in chunks', () => {
  const MIB = 1024 * 1024
  const bytes = randomBytes(12 * MIB)
  const name = nameOf('big/file.bin', { resourceType: 'raw' })
  const inChunks = { chunkBytes: 5 * MIB, chunkAbove: 5 * MIB }
  const send = async (more: { labels?: { tags: string[] } } = {}) => {
    const body = bodyOf(bytes)
    const writer = rig.again(inChunks)
    const answer = await writer.upload(wishFor('', { name, ...more }), body, NEVER)
    return { answer, body, writer }
  }
  beforeEach(() => {
    rig.cloud.settings.mediaLimits.raw = 100 * MIB
  })

  it('arrives whole, from pieces that are read one after the other', async () => {
    const { body, writer, answer } = await send({ labels: { tags: ['x'] } })
    const asset = storedAs(rig.cloud, name)
    expect(bytesOf(asset).equals(bytes)).toBe(true)
    expect([asset.tags, asset.versions.length, answer.existing]).toEqual([['x'], 1, false])
    expect(body.opened).toEqual([
      { start: 0, end: 5 * MIB - 1 },
      { start: 5 * MIB, end: 10 * MIB - 1 },
      { start: 10 * MIB, end: 12 * MIB - 1 },
    ])
    expect([writer.uploads, rig.cloud.uploads.size]).toEqual([3, 0])
  })

  it.each([0, 1, 2])('survives the loss of the answer to chunk %i', async (after) => {
    rig.sandbox.faults.add({ area: 'upload', after, times: 1, fault: { kind: 'reset', processed: true } })
    await send()
    const asset = storedAs(rig.cloud, name)
    expect([asset.versions.length, bytesOf(asset).equals(bytes)]).toEqual([1, true])
  })

  it.each([0, 1, 2])('sends chunk %i again when it did not arrive', async (after) => {
    rig.sandbox.faults.add({ area: 'upload', after, times: 2, fault: { kind: 'status', status: 503 } })
    const { writer } = await send()
    expect(bytesOf(storedAs(rig.cloud, name)).equals(bytes)).toBe(true)
    expect(writer.uploads).toBe(5)
  })

  it('begins anew, once, when the account forgot what it had', async () => {
    rig.sandbox.faults.add({ area: 'upload', after: 2, times: 1, fault: { kind: 'status', status: 503 } })
    const forget = setInterval(() => {
      const upload = [...rig.cloud.uploads.values()][0]
      if (upload === undefined || upload.received.size < 2 || rig.sandbox.faults.applied === 0) return
      rig.cloud.uploads.clear()
      clearInterval(forget)
    }, 1)
    const slow = { ...inChunks, retry: { firstMs: 100, maxMs: 100 } }
    await rig.again(slow).upload(wishFor('', { name }), bodyOf(bytes), NEVER)
    clearInterval(forget)
    expect(bytesOf(storedAs(rig.cloud, name)).equals(bytes)).toBe(true)
  })
})
