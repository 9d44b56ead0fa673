import type { Context, ReaderListener } from './context.ts'
import { compareLive } from './maintenance/verify/live.ts'
import { parseReadWish } from './maintenance/verify/reading.ts'
import type { VerifyEvent, VerifyReport } from './maintenance/verify/report.ts'
import { verify } from './maintenance/verify/verify.ts'
import { createRepairHands } from './repair-hands.ts'

/** What a person asked `verify` for. */
export interface VerifyWish {
  /** As `parseReadWish` takes it. */
  readonly read: string
  readonly repair?: boolean
  /** Other vaults to repair from. */
  readonly from?: readonly string[]
  /** Compare the account with its newest snapshot too. */
  readonly live?: boolean
}

/** Reads, and needs no lock for it, because objects never change and snapshots appear whole. A repair takes the lock. */
export async function runVerifyCommand(
  context: Context,
  wish: VerifyWish,
  listen: (event: VerifyEvent) => void,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const read = parseReadWish(wish.read)
  // What this machine remembers of a vault proves nothing about the vault.
  const vault = (await context.place()).bare
  const lock = wish.repair === true ? await context.lock('verify --repair') : null
  try {
    const repair = wish.repair === true ? await createRepairHands(context, wish.from ?? [], talkTo(listen)) : null
    const { now, newId, tool } = context
    const report = await verify(vault, { read, repair, now, newId, tool, listen }, signal)
    if (wish.live !== true) return report
    const live = { reader: context.reader(talkTo(listen)), catalog: await context.catalog(), listen }
    return { ...report, live: await compareLive(live, signal) }
  } finally {
    await lock?.release()
  }
}

/** What a reader tells, as far as a check passes it on. */
const talkTo =
  (listen: (event: VerifyEvent) => void): ReaderListener =>
  (event) => {
    if (event.type === 'note' || event.type === 'waiting') listen(event)
  }
