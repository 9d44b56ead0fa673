import { beforeAll, describe } from 'vitest'
import { storeContract } from '../../../../test/contracts/store.ts'
import { makeContainer } from '../../../../test/servers/azure/containers.ts'
import type { Azurite } from '../../../../test/servers/azurite.ts'
import { hasAzurite, useAzurite } from '../../../../test/servers/azurite.ts'

describe.skipIf(!hasAzurite)('on Azurite', () => {
  let server: Azurite
  beforeAll(async () => {
    server = await useAzurite()
  }, 120_000)

  storeContract(
    'the Azure store',
    async () => {
      const container = await makeContainer(server)
      return { store: (await container.open()).store, close: container.remove }
    },
    { clockStepMs: 1100 },
  )
})
