import type { Generated } from 'kysely'

/** The vault's history and purge records that are in the catalog. */
export interface RecordsTable {
  id: Generated<number>
  account_id: number
  key: string
}
