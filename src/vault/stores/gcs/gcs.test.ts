import { storeContract } from '../../../../test/contracts/store.ts'
import { startGcs } from '../../../../test/servers/gcs.ts'
import { openGcsBucket } from './bucket.ts'

const underTest =
  (settings: Parameters<typeof startGcs>[0], options: Parameters<typeof openGcsBucket>[1] = {}) =>
  async () => {
    const server = await startGcs(settings)
    const place = {
      vendor: 'gs',
      bucket: server.bucket,
      prefix: 'a/vault',
      options: { endpoint: server.endpoint },
    } as const
    const { store } = await openGcsBucket(place, options)
    return {
      store,
      close: async () => {
        await store.close?.()
        await server.close()
      },
    }
  }

storeContract('Google Cloud Storage', underTest({ largestPage: 37 }))
