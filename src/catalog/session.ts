import type { Kysely } from 'kysely'
import type { HotPath } from './hot-path.ts'
import type { Schema } from './schema/schema.ts'

/** One connection inside a transaction, as the queries see it. */
export interface Session {
  readonly db: Kysely<Schema>
  readonly hot: HotPath
  /** Changes with every transaction. */
  readonly generation: number
  /** Between two pages of a stream: a long stream lets go of what it sees, so that it holds up nobody. */
  turn(): Promise<void>
}

export interface WriteSession extends Session {
  /** The run is over: its rows are dropped, slice by slice, after the commit. */
  sweepLater(): void
}

/** Rows a page: enough to make the cost of a query small, few enough to be nothing in memory. */
export const PAGE = 500

export type NextPage<Row> = (last: Row | null, limit: number) => Promise<readonly Row[]>

/**
 * Reads a query page by page; `next` gets the last row of the page before (null at first) and how many rows to give.
 * Nothing is held open between pages, so other statements may run while they are read.
 */
export function inPages<Row>(session: Session, next: NextPage<Row>): AsyncGenerator<readonly Row[], void, undefined> {
  return pages(session, session.generation, next)
}

async function* pages<Row>(
  session: Session,
  generation: number,
  next: NextPage<Row>,
): AsyncGenerator<readonly Row[], void, undefined> {
  let last: Row | null = null
  for (;;) {
    if (session.generation !== generation) throw new Error('A catalog stream was read after its transaction had ended.')
    const page: readonly Row[] = await next(last, PAGE)
    if (page.length > 0) yield page
    last = page.at(-1) ?? null
    if (page.length < PAGE || last === null) return
    await session.turn()
  }
}

/** As `inPages`, row by row. */
export async function* paged<Row>(session: Session, next: NextPage<Row>): AsyncGenerator<Row, void, undefined> {
  for await (const page of inPages(session, next)) yield* page
}
