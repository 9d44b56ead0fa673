import type { Catalog, VersionRow } from '../../catalog/catalog.ts'
import type { RestoreEvent, RestoreReport, RestoreResult } from '../../restore/report.ts'
import type { Chosen } from '../../restore/selection.ts'
import type { Rehearsal } from './drill.ts'
import type { DrillResult } from './record.ts'

export interface AccountRehearsalDeps {
  readonly catalog: Catalog
  /** The account whose kept state is rehearsed. */
  readonly cloud: string
  /** The throw-away account. */
  readonly target: string
  /** Restores to the throw-away account, never over what is there, and reads it back. */
  readonly restore: (
    versions: readonly VersionRow[],
    listen: (event: RestoreEvent) => void,
    signal: AbortSignal,
  ) => Promise<RestoreReport>
}

/**
 * Rehearses in a throw-away account: restores as `restore` does, which reads every asset back, field by field and byte
 * by byte. What was made stays there, for somebody to look at; nothing in an account is ever removed by a drill.
 */
export function openAccountRehearsal({ catalog, cloud, target, restore }: AccountRehearsalDeps): Rehearsal {
  return {
    target,
    atOnce: { assets: 2000, bytes: Number.POSITIVE_INFINITY },
    rehearse: async (chosen, signal) => {
      const rows = await rowsOf(catalog, cloud, chosen)
      const seen = new Map<string, RestoreResult>()
      const listen = (event: RestoreEvent): void => {
        if (event.type === 'result') seen.set(event.result.assetId, event.result)
      }
      const report = await restore([...rows.values()], listen, signal)
      return { results: chosen.map((one) => resultOf(one, seen.get(one.entry.assetId))), restoreMs: report.durationMs }
    },
    close: () => Promise.resolve(),
  }
}

const rowsOf = (catalog: Catalog, cloud: string, chosen: readonly Chosen[]): Promise<ReadonlyMap<string, VersionRow>> =>
  catalog.read(async (tx) => {
    const rows = new Map<string, VersionRow>()
    for (const { entry } of chosen) {
      const row = (await tx.versionsOf(cloud, entry.assetId)).find(({ version }) => version === entry.version)
      if (row !== undefined) rows.set(entry.assetId, row)
    }
    return rows
  })

function resultOf({ entry }: Chosen, seen: RestoreResult | undefined): DrillResult {
  const { assetId, publicId, version, object, size } = entry
  const result = { assetId, publicId, version, object, size }
  const isThere = seen?.outcome === 'restored' || seen?.outcome === 'same'
  if (seen !== undefined && isThere && seen.missing.length === 0)
    return { ...result, outcome: 'same', code: null, reason: null }
  const reason =
    seen === undefined
      ? 'it was not restored'
      : isThere
        ? `it came back without its ${seen.missing.join(', ')}`
        : (seen.reason ?? `it was ${seen.outcome}`)
  return { ...result, outcome: 'failed', code: seen?.code ?? null, reason }
}
