import type { Connection } from './connection.ts'

/** Rows a transaction: a log that stays small and a thread that is never busy for long. */
const SLICE = 5000
const BY_ASSET = ['steps', 'search_marks', 'run_gone'] as const
const BY_RECORD = ['step_records', 'search_records'] as const
/** Free space worth giving back to the disk, in pages of 4 KiB, and how many pages at a time. */
const MUCH_FREE = 16_384
const VACUUM_SLICE = 2048

/** Drops what finished runs have left. May be killed anywhere and repeated. */
export async function sweep(on: Connection): Promise<void> {
  const { finished, open } = await look(on)
  if (finished.length === 0) return
  if (open === 0) {
    // Without a condition SQLite lets go of whole pages, in a hundredth of the time.
    for (const table of [...BY_ASSET, ...BY_RECORD, 'scan_states'] as const) {
      await inTransaction(on, () => on.prepare(`delete from ${table}`).run())
      await breathe()
    }
  } else {
    for (const run of finished) await sweepRun(on, run)
  }
  await inTransaction(on, () => {
    for (const run of finished) on.prepare('update runs set swept = 1 where id = ?').run(run)
  })
  await shrink(on)
}

async function look(on: Connection): Promise<{ finished: readonly number[]; open: number }> {
  return await inTransaction(on, () => {
    const runs = on.prepare('select id, finished_at is null as open from runs where swept = 0').all()
    const finished = runs.filter((row) => row['open'] === 0).map((row) => Number(row['id']))
    return { finished, open: runs.length - finished.length }
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
