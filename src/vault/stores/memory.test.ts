import { storeContract } from '../../../test/contracts/store.ts'
import { createMemoryStore } from './memory.ts'

storeContract('the memory store', async () => ({ store: createMemoryStore(), close: async () => {} }))
