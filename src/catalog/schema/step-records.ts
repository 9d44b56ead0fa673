import type { Generated } from 'kysely'

/** Raw records beside the steps: wide rows in a tree ordered by random asset ids would be rewritten again and again. */
export interface StepRecordsTable {
  id: Generated<number>
  run: number
  list_raw: string | null
  details_raw: string | null
}
