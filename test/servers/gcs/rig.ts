import { onTestFinished } from 'vitest'
import type { BucketOptions, BucketPlace } from '../../../src/model/vault-place.ts'
import type { Bucket } from '../../../src/vault/bucket.ts'
import type { Store } from '../../../src/vault/store.ts'
import { type GcsOptions, openGcsBucket } from '../../../src/vault/stores/gcs/bucket.ts'
import { type FakeGcs, type GcsOptions as ServerOptions, startGcs } from '../gcs.ts'

/** Retries without the waiting. */
export const IMPATIENT: GcsOptions = {
  persistence: { timing: { tries: 4, firstMs: 1, maxMs: 2 } },
  timeouts: { idleMs: 10_000 },
}

export const placeAt = (server: FakeGcs, options: BucketOptions = {}): BucketPlace => ({
  vendor: 'gs',
  bucket: server.bucket,
  prefix: 'a/vault',
  options: { endpoint: server.endpoint, ...options },
})

export interface Rig {
  readonly server: FakeGcs
  readonly bucket: Bucket
  readonly store: Store
}

/** A server and a bucket on it, both gone after the test. */
export const openRig = async (
  settings: ServerOptions = {},
  place: BucketOptions = {},
  options: GcsOptions = {},
): Promise<Rig> => {
  const server = await startGcs(settings)
  onTestFinished(() => server.close())
  const bucket = await openGcsBucket(placeAt(server, place), { ...IMPATIENT, ...options })
  onTestFinished(() => bucket.store.close?.())
  return { server, bucket, store: bucket.store }
}
