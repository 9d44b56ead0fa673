import { type Bandwidth, createThrottle, type Throttle } from '../lib/throttle.ts'
import type { Body, Bytes, Store, Variant } from './store.ts'

/**
 * A store whose bodies go and come no faster than `bandwidth`, in each direction for itself. Everything else, and the
 * leases, which must not wait behind a large body, passes as it is.
 */
export const throttledStore = (inner: Store, bandwidth: Bandwidth): Store => {
  if (bandwidth === null) return inner
  const [up, down] = [createThrottle(bandwidth), createThrottle(bandwidth)]
  const { variants } = inner
  return {
    ...inner,
    put: async (key, body, signal, mode) => {
      if (key.startsWith('locks/')) return await inner.put(key, body, signal, mode)
      // A body in memory is sent at once by the store, so it waits as a whole.
      if (body.memory !== undefined) {
        await up(body.size, signal)
        return await inner.put(key, body, signal, mode)
      }
      return await inner.put(key, slowBody(body, up, signal), signal, mode)
    },
    get: async (key, signal, range) => slowly(await inner.get(key, signal, range), down, signal),
    ...(variants !== undefined && {
      variants: async (key: string, signal?: AbortSignal) =>
        (await variants(key, signal)).map((variant) => slowVariant(variant, down)),
    }),
  }
}

async function* slowly(bytes: Bytes, throttle: Throttle, signal: AbortSignal | undefined): Bytes {
  for await (const piece of bytes) {
    await throttle(piece.byteLength, signal)
    yield piece
  }
}

/** Without its file: a store that takes the file would take it at full speed. */
const slowBody = ({ size, open }: Body, throttle: Throttle, signal: AbortSignal | undefined): Body => ({
  size,
  open: () => slowly(open(), throttle, signal),
})

const slowVariant = (variant: Variant, throttle: Throttle): Variant => ({
  ...variant,
  open: async (signal, range) => slowly(await variant.open(signal, range), throttle, signal),
})
