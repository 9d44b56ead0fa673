/** Faults that know what a page of a list is, and leave every other answer alone. */
import type { Answer } from './captured.ts'
import type { Fault } from './rules.ts'

type ListFault = Extract<Fault, { kind: 'list-end' | 'duplicate-rows' | 'missing-rows' }>

interface Page {
  readonly resources: readonly unknown[]
  readonly next_cursor?: string | null
}

const isPage = (value: unknown): value is Page =>
  typeof value === 'object' && value !== null && 'resources' in value && Array.isArray(value.resources)

const parse = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

/** The cursor with which a request continues a list, from its query or from the body of a search; null without one. */
export const cursorOf = (url: string, body: Buffer): string | null => {
  const inQuery = new URL(url, 'http://sandbox').searchParams.get('next_cursor')
  if (inQuery !== null && inQuery !== '') return inQuery
  const json = parse(body)
  if (typeof json !== 'object' || json === null || !('next_cursor' in json)) return null
  return typeof json.next_cursor === 'string' ? json.next_cursor : null
}

const DEFAULT_ROWS = 2

/** How many pages are remembered for the page after them to repeat. */
const REMEMBERED = 64

export interface ListFaults {
  /** To be told of every page that passes, so that the page after it can repeat its rows. */
  seen(answer: Answer): void
  /** The answer with the fault in it, or null when it isn't a page that could have it. */
  spoil(cursor: string | null, answer: Answer, fault: ListFault): Answer | null
}

export const createListFaults = (): ListFaults => {
  /** The rows of a page, by the cursor that leads on from it. */
  const rowsBefore = new Map<string, readonly unknown[]>()
  const pageOf = (answer: Answer): Page | null => {
    const json = answer.status === 200 ? parse(answer.body) : null
    return isPage(json) ? json : null
  }
  const spoilPage = (cursor: string | null, page: Page, fault: ListFault): Page | null => {
    if (fault.kind === 'duplicate-rows') {
      const before = cursor === null ? [] : (rowsBefore.get(cursor) ?? [])
      const repeated = before.slice(-(fault.rows ?? DEFAULT_ROWS))
      return repeated.length === 0 ? null : { ...page, resources: [...repeated, ...page.resources] }
    }
    if (typeof page.next_cursor !== 'string') return null
    if (fault.kind === 'missing-rows') {
      return { ...page, resources: page.resources.slice(0, -(fault.rows ?? DEFAULT_ROWS)) }
    }
    const { next_cursor: _, ...rest } = page
    return rest
  }
  return {
    seen(answer) {
      const page = pageOf(answer)
      if (typeof page?.next_cursor !== 'string') return
      rowsBefore.set(page.next_cursor, page.resources)
      const oldest = rowsBefore.keys().next()
      if (rowsBefore.size > REMEMBERED && oldest.done !== true) rowsBefore.delete(oldest.value)
    },
    spoil(cursor, answer, fault) {
      const page = pageOf(answer)
      const spoilt = page === null ? null : spoilPage(cursor, page, fault)
      return spoilt === null ? null : { ...answer, body: Buffer.from(JSON.stringify(spoilt)) }
    },
  }
}
