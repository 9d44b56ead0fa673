/**
 * A sandbox in a process of its own, so that client and service share nothing but the wire.
 * `node dist/bench/service.js '{"assets":3000,"medianBytes":100000,"latencyMs":40}'` prints a line of JSON when it is up.
 */
import { createCloud } from '../sandbox/cloud.ts'
import { deliveryPath } from '../sandbox/delivery-url.ts'
import { startSandbox } from '../sandbox/server.ts'
import { createVirtualShelf } from '../sandbox/virtual/shelf.ts'

export interface ServiceOptions {
  readonly assets: number
  readonly medianBytes: number
  /** Of deliveries; the API answers at once. */
  readonly latencyMs: number
  /** Of uploads. With it there is a second account, `target`, and it is empty. */
  readonly uploadLatencyMs: number
  /** Print every delivery URL with its size, for the peers. */
  readonly urls: boolean
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
