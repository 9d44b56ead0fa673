import { describe, expect, test } from 'vitest'
import { collect } from '../../test/contracts/store.ts'
import { AppError } from '../model/errors.ts'
import { memoryBody, textBody } from './body.ts'
import { type Persistence, type ResumableBytes, repeat, steady } from './steady.ts'
import type { Body, Bytes, Store } from './store.ts'
import { createMemoryStore } from './stores/memory.ts'

const away = (): AppError => new AppError('STORE_UNAVAILABLE', 'the line is cut', { permanent: false, hint: 'wait' })
const HOW: Persistence = { timing: { tries: 4, firstMs: 0, maxMs: 0 } }

/** Fails so many times before each success. */
const failing = (times: number, error: () => Error = away): { fail(): void; tries: number } => {
  const state = {
    tries: 0,
    fail: () => {
      state.tries += 1
      if (state.tries <= times) throw error()
    },
  }
  return state
}

async function* breaking(bytes: Uint8Array, after: number): Bytes {
  yield bytes.subarray(0, after)
  if (after < bytes.length) throw away()
}

const BYTES = Buffer.from(Array.from({ length: 100 }, (_, at) => at))

/** Every answer breaks off after so many bytes. */
const storeWithBreaks = (after: number): Store & { opened: number } => {
  const store = createMemoryStore()
  const broken = {
    ...store,
    opened: 0,
    get: async (key: string, signal?: AbortSignal, range?: { start: number; end: number }): Promise<Bytes> => {
      broken.opened += 1
      return breaking(await collect(await store.get(key, signal, range)), after)
    },
  }
  return broken
}

describe('repeat', () => {
  test('does again what may pass, and tells the work which try it is', async () => {
    const tries: number[] = []
    const line = failing(3)
    await repeat(
      async (attempt) => {
        tries.push(attempt)
        line.fail()
      },
      undefined,
      HOW,
    )
    expect(tries).toEqual([1, 2, 3, 4])
  })
  test('gives up after the last try, says how often, and keeps code, hint and cause', async () => {
    const line = failing(9)
    const outcome = repeat(async () => line.fail(), undefined, HOW)
    await expect(outcome).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the line is cut (tried 4 times)',
      hint: 'wait',
      permanent: false,
      cause: { message: 'the line is cut' },
    })
    expect(line.tries).toBe(4)
  })
  test('does not repeat what will not pass, nor what is a bug', async () => {
    for (const error of [new AppError('STORE_REFUSED', 'no'), new TypeError('a bug')]) {
      const line = failing(9, () => error)
      await expect(repeat(async () => line.fail(), undefined, HOW)).rejects.toBe(error)
      expect(line.tries).toBe(1)
    }
  })
  test('stops waiting when it is interrupted', async () => {
    const abort = new AbortController()
    const waiting = repeat(async () => failing(1).fail(), abort.signal, {
      timing: { tries: 9, firstMs: 600_000, maxMs: 600_000 },
    })
    setTimeout(() => abort.abort(), 20)
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
  test('pauses longer each time, up to the limit', async () => {
    const pauses: number[] = []
    const how: Persistence = {
      timing: { tries: 6, firstMs: 100, maxMs: 500 },
      random: () => 0.5,
      pause: async (ms) => {
        pauses.push(ms)
      },
    }
    await expect(repeat(async () => failing(9).fail(), undefined, how)).rejects.toThrow('6 times')
    expect(pauses).toEqual([75, 150, 300, 375, 375])
  })
})

describe('a steady store', () => {
  test('repeats each of its calls, and opens the body again', async () => {
    const store = createMemoryStore()
    const lines: Record<string, { fail(): void; tries: number }> = {}
    const flaky = new Proxy(store, {
      get: (target, name: keyof Store) => {
        const value = target[name]
        if (typeof value !== 'function' || name === 'list') return value
        lines[name] ??= failing(2)
        return async (...args: unknown[]) => {
          lines[name]?.fail()
          return Reflect.apply(value, target, args)
        }
      },
    })
    let opened = 0
    const stream: Body = {
      size: 5,
      open: () => {
        opened += 1
        return textBody('hello').open()
      },
    }
    const calm = steady(flaky, HOW)
    expect(await calm.put('a/b', stream)).toBe(true)
    expect(opened).toBe(1)
    expect(await calm.stat('a/b')).toMatchObject({ size: 5 })
    expect((await collect(await calm.get('a/b'))).toString()).toBe('hello')
    expect(await calm.touch?.('a/b')).toBe(true)
    await calm.move?.('a/b', 'a/c')
    await calm.delete('a/c')
    expect(await calm.stat('a/c')).toBeNull()
    expect(Object.fromEntries(Object.entries(lines).map(([name, { tries }]) => [name, tries]))).toMatchObject({
      put: 3,
      get: 3,
      touch: 3,
      move: 3,
      delete: 3,
    })
  })
  test('has the optional calls that the store has, and no others', () => {
    const { touch: _, move: __, ...bare } = createMemoryStore()
    expect(Object.keys(steady(bare)).sort()).toEqual(['delete', 'get', 'list', 'put', 'stat', 'traits'])
  })
  test('goes on reading where the bytes broke off, as often as there is progress', async () => {
    const store = storeWithBreaks(7)
    await store.put('a/b', memoryBody(BYTES))
    expect(BYTES.equals(await collect(await steady(store, HOW).get('a/b')))).toBe(true)
    expect(store.opened).toBe(15)
    const part = await collect(await steady(store, HOW).get('a/b', undefined, { start: 10, end: 30 }))
    expect(part.equals(BYTES.subarray(10, 31))).toBe(true)
  })
  test('ends when the last byte of a range came and the end did not', async () => {
    const store = createMemoryStore()
    await store.put('a/b', memoryBody(BYTES))
    const cut: Store = {
      ...store,
      get: async () =>
        (async function* () {
          yield BYTES.subarray(0, 10)
          throw away()
        })(),
    }
    expect(await collect(await steady(cut, HOW).get('a/b', undefined, { start: 0, end: 9 }))).toHaveLength(10)
  })
  test('gives up where no byte comes any more', async () => {
    const store = storeWithBreaks(0)
    await store.put('a/b', memoryBody(BYTES))
    await expect(collect(await steady(store, HOW).get('a/b'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(store.opened).toBeLessThan(10)
  })
  test('asks the bytes themselves to go on when they can, so that two bodies are never mixed', async () => {
    const store = createMemoryStore()
    await store.put('a/b', memoryBody(BYTES))
    const resumed: number[] = []
    const resumable: Store = {
      ...store,
      get: async (): Promise<ResumableBytes> =>
        Object.assign(breaking(BYTES, 40), {
          resume: async (start: number) => {
            resumed.push(start)
            return breaking(BYTES.subarray(start), 100 - start)
          },
        }),
    }
    expect(BYTES.equals(await collect(await steady(resumable, HOW).get('a/b')))).toBe(true)
    expect(resumed).toEqual([40])
  })
})
