import { encodeHistoryLine, type HistoryHead, type HistoryLine } from '../../model/history.ts'
import type { ImportDeps } from './import-state.ts'
import type { AskedAsset, Journal } from './journal.ts'

/** A record is written when so many versions have come together, or when the first of them has waited so long. */
const MOST_LINES = 500
const LONGEST_WAIT_MS = 5 * 60_000

/**
 * Imported versions on their way into history records. A kill loses what one record would have held, and the journal
 * then knows the objects, so that nothing is downloaded twice.
 */
export interface Batch {
  /** All that came of asking for one asset. What is known to be complete is noted after the record that makes it so. */
  add(lines: readonly HistoryLine[], asked: AskedAsset | null): Promise<void>
  /** Writes what there is; nothing when there is nothing. */
  flush(): Promise<void>
}

interface BatchDeps extends Pick<ImportDeps, 'vault' | 'now' | 'newId' | 'tool'> {
  readonly cloud: string
  readonly journal: Journal
}

export function createBatch(deps: BatchDeps): Batch {
  let lines: HistoryLine[] = []
  let asked: AskedAsset[] = []
  let firstAt = 0
  let last: Promise<void> = Promise.resolve()

  const flush = (): Promise<void> => {
    const taken = { lines, asked }
    lines = []
    asked = []
    last = last.then(() => write(deps, taken))
    return last
  }
  return {
    flush,
    async add(more, done) {
      const now = deps.now().getTime()
      if (lines.length + asked.length === 0) firstAt = now
      lines.push(...more)
      if (done !== null) asked.push(done)
      if (lines.length >= MOST_LINES || asked.length >= MOST_LINES || now - firstAt >= LONGEST_WAIT_MS) await flush()
    },
  }
}

const byAssetAndTime = (a: HistoryLine, b: HistoryLine): number => {
  if (a.entry.assetId !== b.entry.assetId) return a.entry.assetId < b.entry.assetId ? -1 : 1
  const [x, y] = [a.since ?? '', b.since ?? '']
  return x === y ? a.entry.cldVersion - b.entry.cldVersion : x < y ? -1 : 1
}

async function write(
  deps: BatchDeps,
  { lines, asked }: { readonly lines: readonly HistoryLine[]; readonly asked: readonly AskedAsset[] },
): Promise<void> {
  if (lines.length > 0) await writeRecord(deps, [...lines].sort(byAssetAndTime))
  await deps.journal.noteAsked(asked)
}

/** Without a signal: it is short, and the last one is written because somebody wants to stop. */
async function writeRecord(
  { vault, cloud, now, newId, tool }: BatchDeps,
  lines: readonly HistoryLine[],
): Promise<void> {
  const kept = await vault.putLines(lines.map(encodeHistoryLine))
  const id = newId()
  const writtenAt = now().toISOString()
  const head: HistoryHead = {
    format: 1,
    id,
    cloud,
    writtenAt,
    origin: 'import',
    lines: kept.object,
    size: kept.size,
    entries: kept.lines,
    contentBytes: lines.reduce((sum, { entry }) => sum + (entry.size ?? 0), 0),
    tool,
  }
  await vault.writeRecord({ kind: 'history', cloud }, { id, at: writtenAt, value: { ...head } })
}
