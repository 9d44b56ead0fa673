import { beforeEach, describe, expect, it } from 'vitest'
import { takeSnapshot } from '../test/samples/shelf.ts'
import { heldAmong } from './held-keys.ts'
import { AppError } from './model/errors.ts'
import type { Protection } from './model/protection.ts'
import type { Place } from './places.ts'
import { createVault } from './vault/create.ts'
import { createMemoryStore } from './vault/stores/memory.ts'
import type { Vault } from './vault/vault.ts'
import { protectionStatus } from './vault-protection.ts'

const NOW = new Date('2026-11-22T06:00:00Z')
const { signal } = new AbortController()

let vault: Vault
beforeEach(async () => {
  vault = await createVault(createMemoryStore(), { now: NOW, id: 'v', tool: 'test' })
  await takeSnapshot(vault, { id: 's', takenAt: NOW.toISOString() }, [{ assetId: 'a'.repeat(32), bytes: 'one' }])
})

/** A bucket that answers so when it is asked what protects these keys. */
const placeThat = (protection: Place['protection']): Place => ({
  ...{
    location: { kind: 'local', path: '/nowhere' },
    name: 's3://b/vault',
    vault,
    bare: vault,
    raw: vault.store,
    root: null,
    work: '/w',
  },
  bucket: {
    store: vault.store,
    hasConsent: () => Promise.resolve(true),
    giveConsent: () => Promise.resolve(),
    protection,
    removeLeftovers: () => Promise.resolve(0),
  },
  lockRoot: '/w',
  flags: null,
  lockMemory: () => Promise.reject(new Error('nobody asks')),
  protection,
})

const found = (changes: Partial<Protection> = {}): Protection => ({
  ...{ canRemove: true, keepsVersions: true, objects: null, notes: [] },
  ...changes,
})
const locked = (keys: readonly string[], until: Readonly<Record<string, string>>): Protection => {
  const ends = keys.flatMap((key) => until[key] ?? []).sort()
  const counts = { looked: keys.length, protected: ends.length }
  const span = { earliest: ends[0] ?? null, latest: ends.at(-1) ?? null }
  return found({ objects: { kind: 'object-lock', mode: 'compliance', ...counts, ...span } })
}

describe('what status tells of protection', () => {
  it('is that it is unknown, after a while, where the place does not answer', async () => {
    const place = placeThat(() => new Promise<Protection>(() => undefined))
    const began = Date.now()
    const status = await protectionStatus({ now: () => NOW }, place, { budgetMs: 1000, signal })
    expect(Date.now() - began).toBeLessThan(5000)
    expect(status).toEqual({
      protection: null,
      looked: [],
      sentences: ['It is unknown what protects this vault: s3://b/vault did not answer within 1 second.'],
    })
  })

  it('is that it is unknown, with the reason, where looking fails', async () => {
    const place = placeThat(() => Promise.reject(new AppError('STORE_UNAVAILABLE', 'no connection')))
    const { protection, sentences } = await protectionStatus({ now: () => NOW }, place, { budgetMs: 9000, signal })
    expect(protection).toBeNull()
    expect(sentences).toEqual(['It is unknown what protects this vault: no connection.'])
  })

  it('is never that it is protected where these credentials may not look', async () => {
    const place = placeThat(() => Promise.resolve(found({ canRemove: null, keepsVersions: null })))
    const { sentences } = await protectionStatus({ now: () => NOW }, place, { budgetMs: 9000, signal })
    expect(sentences[0]).toMatch(/^It is unknown what protects single objects/)
    expect(sentences.join(' ')).not.toContain('locked')
  })

  it('ends with the interruption of whoever asked', async () => {
    const place = placeThat((_, until) => {
      until?.throwIfAborted()
      return Promise.resolve(found())
    })
    const asking = protectionStatus({ now: () => NOW }, place, { budgetMs: 9000, signal: AbortSignal.abort() })
    await expect(asking).rejects.toThrow()
  })
})

describe('what is held of many keys', () => {
  const until = { b: '2026-12-01T00:00:00.000Z', e: '2026-12-09T00:00:00.000Z' }
  const keys = ['a', 'b', 'c', 'd', 'e']

  it('is found with the last of their ends', async () => {
    const place = placeThat((some) => Promise.resolve(locked(some, until)))
    expect(await heldAmong(place, keys, signal)).toEqual({ keys: ['b', 'e'], kind: 'object-lock', latest: until.e })
  })

  it('is one look where none or all are', async () => {
    const looks: number[] = []
    const place = placeThat((some) => {
      looks.push(some.length)
      return Promise.resolve(locked(some, some.includes('a') ? {} : until))
    })
    expect(await heldAmong(place, ['a', 'c', 'd'], signal)).toBeNull()
    expect(await heldAmong(place, ['b', 'e'], signal)).toMatchObject({ keys: ['b', 'e'] })
    expect(looks).toEqual([3, 2])
  })

  it('is nothing to ask where these credentials cannot remove: that is said', async () => {
    const place = placeThat(() => Promise.resolve(found({ canRemove: false })))
    await expect(heldAmong(place, keys, signal)).rejects.toMatchObject({
      code: 'VAULT_SEALED',
      hint: expect.stringContaining('other credentials'),
    })
  })
})
