/**
 * A sandbox in a process of its own, so that client and service share nothing but the wire.
 * `node dist/bench/service.js '{"assets":3000,"medianBytes":100000,"latencyMs":40}'` prints a line of JSON when it is up.
 */
import { createHash } from 'node:crypto'
import { createCloud } from '../sandbox/cloud.ts'
import { deliveryPath } from '../sandbox/delivery-url.ts'
import { makeAsset } from '../sandbox/make-asset.ts'
import { startSandbox } from '../sandbox/server.ts'
import type { Content } from '../sandbox/state.ts'
import { createVirtualShelf } from '../sandbox/virtual/shelf.ts'

export interface ServiceOptions {
  readonly assets: number
  readonly medianBytes: number
  /** Of deliveries; the API answers at once. */
  readonly latencyMs: number
  /** Of uploads. With it there is a second account, `target`, and it is empty. */
  readonly uploadLatencyMs: number
  /** Bytes of one asset more, `large`, whose content is computed piece by piece. @default none */
  readonly largeBytes: number
  /** Print every delivery URL with its size, for the peers. */
  readonly urls: boolean
}

/** A MiB over and over, with its number in each so that no two are the same: any length, in the memory of one. */
const repeating = (size: number): Content => {
  const pool = createHash('shake256', { outputLength: 2 ** 20 })
    .update('large')
    .digest()
  const piece = (number: number): Buffer => {
    pool.writeDoubleLE(number, 0)
    return pool.subarray(0, Math.min(pool.length, size - number * pool.length))
  }
  const hash = createHash('md5')
  for (let number = 0; number * pool.length < size; number += 1) hash.update(piece(number))
  return {
    size,
    md5: hash.digest('hex'),
    read: (start, end) => {
      const out = Buffer.allocUnsafe(Math.max(0, Math.min(end, size - 1) - start + 1))
      for (let at = start; at < start + out.length; ) {
        const number = Math.floor(at / pool.length)
        at += piece(number).copy(out, at - start, at - number * pool.length)
      }
      return out
    },
  }
}

const options = JSON.parse(process.argv[2] ?? '{}') as Partial<ServiceOptions>
const assets = options.assets ?? 3000
const shelf = createVirtualShelf({
  assets,
  seed: 1,
  medianBytes: options.medianBytes ?? 100_000,
  shares: { video: 0, raw: 0, private: 0, authenticated: 0 },
})
const cloud = createCloud({ name: 'bench', shelf, settings: { rateLimit: 1_000_000 } })
const largeBytes = options.largeBytes ?? 0
if (largeBytes > 0) {
  const large = makeAsset(cloud, { publicId: 'large', resourceType: 'raw', backup: false })
  large.content = repeating(largeBytes)
}
const target = createCloud({ name: 'target', settings: { rateLimit: 1_000_000 } })
const sandbox = await startSandbox({ clouds: [cloud, target] })
const latencyMs = options.latencyMs ?? 0
if (latencyMs > 0) sandbox.faults.add({ area: 'delivery', fault: { kind: 'latency', ms: latencyMs } })
const uploadLatencyMs = options.uploadLatencyMs ?? 0
if (uploadLatencyMs > 0) sandbox.faults.add({ area: 'upload', fault: { kind: 'latency', ms: uploadLatencyMs } })

const urls: { url: string; bytes: number }[] = []
if (options.urls === true) {
  for (const asset of shelf.scan()) {
    const size = asset.content?.size ?? 0
    // Read once, so that making up the contents is not on anyone's clock.
    asset.content?.read(0, size - 1)
    urls.push({ url: sandbox.url + deliveryPath(cloud, asset), bytes: size })
  }
}
console.log(
  JSON.stringify({ cloudinaryUrl: sandbox.cloudinaryUrl('bench'), targetUrl: sandbox.cloudinaryUrl('target'), urls }),
)
