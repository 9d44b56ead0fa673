import { readdir, rm, stat, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../vault/disk-error.ts'
import { interrupted } from '../vault/interrupt.ts'

/** Bytes of scratch for all transfers of a run together, where nobody says otherwise. */
export const SCRATCH_LIMIT = 4 * 1024 ** 3
/** What a killed run left is gone on with by the next one; what nobody took up in so long belongs to nothing. */
const LEFTOVER_DAYS = 7

/**
 * Bounds what bodies on their way take in scratch. Who comes first is served first, so that a large body is not
 * overtaken for ever. Two cases go beyond the limit, because nothing else would end: a body that is larger than the
 * whole limit is let through alone, and when bodies of unknown length have grown until all of them wait for one
 * another, the oldest goes on.
 */
export interface ScratchBudget {
  readonly limit: number
  /** Bytes spoken for now, what earlier runs left included. */
  readonly used: number
  /**
   * Waits until there is room for the file. `bytes` is its final length; null: not known, it grows. A file that an
   * earlier run left is taken over with what it has. Throws INTERRUPTED when the signal aborts first.
   */
  take(file: string, bytes: number | null, signal?: AbortSignal): Promise<ScratchShare>
}

export interface ScratchShare {
  /** Waits until the file may have `total` bytes; at once when it was given them before. */
  grow(total: number): Promise<void>
  /** The file is gone, or nobody goes on with it in this run. May be called twice. */
  release(): void
}

interface Holder {
  held: number
}

interface Ticket {
  readonly holder: Holder
  readonly bytes: number
  readonly go: () => void
}

interface State {
  readonly limit: number
  used: number
  /** Oldest first. */
  readonly holders: Set<Holder>
  /** Those that have something and need more; served before those that have nothing. */
  readonly growing: Ticket[]
  readonly arriving: Ticket[]
}

/** @param leftovers lengths of the files that lie in scratch already, by their names */
export function createScratchBudget(limit: number, leftovers: ReadonlyMap<string, number> = new Map()): ScratchBudget {
  const left = new Map(leftovers)
  const state: State = {
    limit,
    used: [...left.values()].reduce((sum, size) => sum + size, 0),
    holders: new Set(),
    growing: [],
    arriving: [],
  }
  return {
    limit,
    get used() {
      return state.used
    },
    async take(file, bytes, signal) {
      const before = left.get(basename(file)) ?? 0
      left.delete(basename(file))
      const holder: Holder = { held: before }
      try {
        await wait(state, state.arriving, { holder, bytes: Math.max(0, (bytes ?? 0) - before) }, signal)
      } catch (error) {
        left.set(basename(file), before)
        throw error
      }
      return {
        async grow(total) {
          if (total <= holder.held) return
          await wait(state, state.growing, { holder, bytes: total - holder.held }, signal)
        },
        release() {
          state.holders.delete(holder)
          state.used -= holder.held
          holder.held = 0
          advance(state)
        },
      }
    },
  }
}

const wait = (state: State, line: Ticket[], wish: Omit<Ticket, 'go'>, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(interrupted(signal, 'waiting for scratch space'))
    const leave = (): void => {
      line.splice(line.indexOf(ticket), 1)
      if (signal !== undefined) reject(interrupted(signal, 'waiting for scratch space'))
      advance(state)
    }
    const ticket: Ticket = {
      ...wish,
      go: () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      },
    }
    signal?.addEventListener('abort', leave, { once: true })
    line.push(ticket)
    advance(state)
  })

/** Lets in whoever may go now. */
function advance(state: State): void {
  for (let ticket = nextOf(state); ticket !== undefined; ticket = nextOf(state)) {
    state.holders.add(ticket.holder)
    state.used += ticket.bytes
    ticket.holder.held += ticket.bytes
    ticket.go()
  }
}

function nextOf(state: State): Ticket | undefined {
  const { limit, used, holders, growing, arriving } = state
  const fits = (ticket: Ticket | undefined): boolean => ticket !== undefined && used + ticket.bytes <= limit
  if (fits(growing[0])) return growing.shift()
  if (growing.length > 0) {
    if (growing.length < holders.size) return undefined
    // Everybody who holds something waits for more: only the oldest can end this.
    const oldest = [...holders][0]
    return growing.splice(
      growing.findIndex(({ holder }) => holder === oldest),
      1,
    )[0]
  }
  return fits(arriving[0]) || holders.size === 0 ? arriving.shift() : undefined
}

/** What a run says of its scratch before the first transfer. */
export interface ScratchSpace {
  readonly folder: string
  /** Bytes it may take at the most. */
  readonly limit: number
  /** Bytes free on that disk for this user; null when the system does not say. */
  readonly free: number | null
}

/** Looks at what earlier runs left, removes what nobody will take up, and measures the disk. Writes nothing else. */
export async function openScratch(
  folder: string,
  limit: number,
  now: Date,
): Promise<{ readonly budget: ScratchBudget; readonly space: ScratchSpace }> {
  const leftovers = new Map<string, number>()
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith('.part')) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => null)
    if (found?.isFile() !== true) continue
    if (now.getTime() - found.mtimeMs > LEFTOVER_DAYS * 86_400_000) await rm(path, { force: true }).catch(() => {})
    else leftovers.set(name, found.size)
  }
  return { budget: createScratchBudget(limit, leftovers), space: { folder, limit, free: await freeAt(folder) } }
}

/** The folder may not be there yet; then the nearest one above it is on the same disk. */
async function freeAt(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch (error) {
    const above = dirname(folder)
    return errnoOf(error) === 'ENOENT' && above !== folder ? freeAt(above) : null
  }
}
