import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { catalogContract } from '../../../test/contracts/catalog.ts'
import { openSqliteCatalog } from './catalog.ts'

catalogContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-catalog-'))
  return {
    catalog: await openSqliteCatalog(join(folder, 'catalog.sqlite')),
    remove: () => rm(folder, { recursive: true }),
  }
})
