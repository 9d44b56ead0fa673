import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeContract } from '../../../test/contracts/store.ts'
import { openFsStore } from './fs.ts'

storeContract('the local disk', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cloudkeep-fs-'))
  return { store: await openFsStore(join(root, 'vault')), close: () => rm(root, { recursive: true, force: true }) }
})
