import { expect, test } from 'vitest'
import { AppError } from '../../model/errors.ts'
import type { Store } from '../../vault/store.ts'
import { createMemoryStore } from '../../vault/stores/memory.ts'
import { type CheckOptions, checkStore, type StoreCheck } from './check-store.ts'

const options = (told: StoreCheck[] = []): CheckOptions => ({
  id: 'x1',
  now: () => performance.now(),
  cloud: null,
  large: 100_000,
  listen: (check) => told.push(check),
})

const keysOf = async (store: Store): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys
}

const signal = new AbortController().signal
const refuse = (): never => {
  throw new AppError('STORE_REFUSED', 'no right to do that', { hint: 's3:Something' })
}

test('a store that keeps its promises passes and is left as it was', async () => {
  const store = createMemoryStore()
  const told: StoreCheck[] = []
  const report = await checkStore({ store, bucket: null }, options(told), signal)
  expect(report).toMatchObject({ ok: true, canRemove: true, left: [] })
  expect(told.map(({ name, status }) => `${name}: ${status}`)).toEqual([
    'write: ok',
    'create once: ok',
    'read: ok',
    'read a part: ok',
    'absence: ok',
    'list: ok',
    'large: ok',
    'remove: ok',
  ])
  expect(await keysOf(store)).toEqual([])
})

test('credentials that cannot remove suffice, and what stays is named', async () => {
  const store: Store = { ...createMemoryStore(), delete: async () => refuse() }
  const report = await checkStore({ store, bucket: null }, options(), signal)
  expect(report).toMatchObject({ ok: true, canRemove: false, left: ['check/x1/small', 'check/x1/large'] })
})

test('credentials that cannot write end it with the missing right', async () => {
  const store: Store = { ...createMemoryStore(), put: async () => refuse() }
  const report = await checkStore({ store, bucket: null }, options(), signal)
  expect(report).toMatchObject({ ok: false, canRemove: null })
  expect(report.checks).toEqual([
    { name: 'write', status: 'refused', message: 'no right to do that', hint: 's3:Something' },
  ])
})

test('a store that overwrites what was to be created only once is not good enough', async () => {
  const memory = createMemoryStore()
  const store: Store = { ...memory, put: (key, body, at) => memory.put(key, body, at) }
  const report = await checkStore({ store, bucket: null }, options(), signal)
  expect(report.ok).toBe(false)
  expect(report.checks.find(({ name }) => name === 'create once')).toMatchObject({ status: 'failed' })
})

test('an interrupt clears up before it ends', async () => {
  const store = createMemoryStore()
  const stop = new AbortController()
  const listen = ({ name }: StoreCheck): void => {
    if (name === 'read') stop.abort(new AppError('INTERRUPTED', 'Ctrl-C'))
  }
  await expect(checkStore({ store, bucket: null }, { ...options(), listen }, stop.signal)).rejects.toMatchObject({
    code: 'INTERRUPTED',
  })
  expect(await keysOf(store)).toEqual([])
})

test('a bucket without the consent of its owner is not good enough', async () => {
  const store = createMemoryStore()
  const bucket = {
    store,
    hasConsent: async () => false,
    giveConsent: async () => undefined,
    protection: async () => ({ canRemove: null, keepsVersions: null, objects: null, notes: [] }),
    removeLeftovers: async () => 0,
  }
  const report = await checkStore({ store, bucket }, { ...options(), cloud: 'shop' }, signal)
  expect(report.ok).toBe(false)
  expect(report.checks.find(({ name }) => name === 'consent')).toMatchObject({
    status: 'failed',
    message: expect.stringContaining('.wellknown/cloudinary/shop'),
  })
})
