import type { Generated } from 'kysely'

export interface SearchRecordsTable {
  id: Generated<number>
  run: number
  raw: string
}
