import type { Connection } from './connection.ts'

/** Rows a transaction: a log that stays small and a thread that is never busy for long. */
const SLICE = 5000
/** Up to this many raw records, dropping whole tables at once is a matter of a moment. */
const AT_ONCE = 100_000
const BY_ASSET = ['steps', 'search_marks', 'run_gone'] as const
const BY_RECORD = ['step_records', 'search_records'] as const
/** Free space worth giving back to the disk, in pages of 4 KiB, and how many pages at a time. */
const MUCH_FREE = 16_384
const VACUUM_SLICE = 2048

/** Drops what finished runs have left. May be killed anywhere and repeated. */
export async function sweep(on: Connection): Promise<void> {
  const { finished, open, records } = await look(on)
  if (finished.length === 0) return
  if (open === 0 && records <= AT_ONCE) {
    await inTransaction(on, () => {
      for (const table of [...BY_ASSET, ...BY_RECORD, 'scan_states']) on.prepare(`delete from ${table}`).run()
    })
  } else {
    for (const run of finished) await sweepRun(on, run)
  }
  await inTransaction(on, () => {
    for (const run of finished) on.prepare('update runs set swept = 1 where id = ?').run(run)
  })
  await shrink(on)
}

async function look(on: Connection): Promise<{ finished: readonly number[]; open: number; records: number }> {
  return await inTransaction(on, () => {
    const runs = on.prepare('select id, finished_at is null as open from runs where swept = 0').all()
    const newest = (table: string): number =>
      Number(on.prepare(`select max(id) as id from ${table}`).get()?.['id'] ?? 0)
    return {
      finished: runs.filter((row) => row['open'] === 0).map((row) => Number(row['id'])),
      open: runs.filter((row) => row['open'] === 1).length,
      records: BY_RECORD.reduce((sum, table) => sum + newest(table), 0),
    }
  })
}

async function sweepRun(on: Connection, run: number): Promise<void> {
  for (const table of BY_ASSET) {
    await inSlices(on, () => {
      const end = on.prepare(`select asset_id from ${table} where run = ? order by asset_id limit 1 offset ${SLICE}`)
      const last = end.get(run)?.['asset_id']
      if (last === undefined) on.prepare(`delete from ${table} where run = ?`).run(run)
      else on.prepare(`delete from ${table} where run = ? and asset_id < ?`).run(run, last)
      return last !== undefined
    })
  }
  for (const table of BY_RECORD) {
    await inSlices(on, () => {
      const some = `select id from ${table} where run = ? limit ${SLICE}`
      return Number(on.prepare(`delete from ${table} where id in (${some})`).run(run).changes) === SLICE
    })
  }
  await inTransaction(on, () => on.prepare('delete from scan_states where run = ?').run(run))
}

/** Gives the space of a large run back to the disk. */
async function shrink(on: Connection): Promise<void> {
  const read = (name: string): number => Number(on.prepare(`pragma ${name}`).get()?.[name])
  for (;;) {
    const free = await inTransaction(on, () => ({ pages: read('freelist_count'), all: read('page_count') }))
    if (free.pages < MUCH_FREE || free.pages * 4 < free.all) return
    on.exec(`pragma incremental_vacuum(${VACUUM_SLICE})`)
    await breathe()
  }
}

async function inSlices(on: Connection, slice: () => boolean): Promise<void> {
  while (await inTransaction(on, slice)) await breathe()
}

async function inTransaction<T>(on: Connection, action: () => T): Promise<T> {
  await on.begin('immediate')
  try {
    const result = action()
    await on.commit()
    return result
  } catch (error) {
    on.rollback()
    throw error
  }
}

const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
