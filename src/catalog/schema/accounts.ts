import type { Generated } from 'kysely'

export interface AccountsTable {
  id: Generated<number>
  cloud: string
}
