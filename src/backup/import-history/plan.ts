import type { SearchPage } from '../../cloudinary/reader.ts'
import type { AssetIdentity } from '../../model/asset.ts'
import { currentAssets, type Survey, survey } from './current-assets.ts'
import { deletedAssets, firstDeletedPage } from './deleted-assets.ts'
import { type AssetToAsk, fail, type ImportRun, take } from './import-state.ts'
import type { ImportEstimate } from './report.ts'

export interface Plan {
  readonly estimate: ImportEstimate
  /** What is to be asked for, in order; each asset once. */
  readonly assets: AsyncIterable<AssetToAsk>
}

/** Counts what there is to ask for. One API call, or one for each 500 deleted assets in a dry run. */
export async function plan(run: ImportRun): Promise<Plan> {
  const { options } = run
  const wantsDeleted = options.assets.length === 0 || options.names.length > 0
  const wantsCurrent = options.assets.length + options.names.length === 0 && !options.deletedOnly
  const firstPage = wantsDeleted ? await firstDeletedPage(run) : null
  const current = wantsCurrent ? await survey(run, null) : { page: [], assets: options.assets.length, olderBytes: 0 }
  // Where there is but one page the count costs nothing; total_count also counts what was asked before.
  const isCounted = wantsDeleted && options.names.length === 0 && (options.dryRun || firstPage?.cursor === null)
  const found = isCounted ? await countDeleted(run, firstPage) : null
  const deleted = wantsDeleted ? options.names.length || (found?.assets ?? firstPage?.totalCount ?? null) : 0
  const estimate = estimateOf(run, { deleted, current, deletedBytes: found?.bytes ?? null })
  run.live.assets = deleted === null ? null : deleted + current.assets
  if (!options.dryRun) run.deps.listen({ type: 'estimate', estimate })
  return { estimate, assets: once(run, allAssets(run, { firstPage, wantsDeleted, current })) }
}

interface Sources {
  readonly firstPage: SearchPage | null
  readonly wantsDeleted: boolean
  readonly current: Survey
}

/** Deleted assets first: of them Cloudinary's backup is the only copy. */
async function* allAssets(run: ImportRun, from: Sources): AsyncIterable<AssetToAsk> {
  if (from.wantsDeleted) yield* wantedDeleted(run, from.firstPage)
  for (const asset of run.options.assets) yield { ...asset, cldVersion: null }
  yield* currentAssets(run, from.current)
}

async function* wantedDeleted(run: ImportRun, firstPage: SearchPage | null): AsyncIterable<AssetToAsk> {
  const { options, journal } = run
  const names = new Set(options.names)
  for await (const { facts } of deletedAssets(run, firstPage)) {
    if (options.names.length === 0) {
      if (options.all || !journal.wasAsked(facts.assetId, facts.cldVersion)) yield facts
      continue
    }
    const called = namesOf(facts).filter((name) => options.names.includes(name))
    if (called.length > 0) yield facts
    for (const name of called) names.delete(name)
  }
  for (const name of names) {
    const asset = { assetId: name, publicId: name, resourceType: 'image', type: 'upload' } as const
    fail(
      run,
      { ...asset, code: 'ASSET_NOT_FOUND', reason: 'neither the vault nor the deleted assets have this name' },
      null,
    )
  }
}

const namesOf = ({ assetId, publicId, resourceType, type }: AssetIdentity): readonly string[] => [
  assetId,
  publicId,
  `${resourceType}/${type}/${publicId}`,
]

async function* once(run: ImportRun, assets: AsyncIterable<AssetToAsk>): AsyncIterable<AssetToAsk> {
  for await (const asset of assets) if (take(run, asset.assetId)) yield asset
}

async function countDeleted(run: ImportRun, firstPage: SearchPage | null): Promise<{ assets: number; bytes: number }> {
  const seen = new Set<string>()
  let [assets, bytes] = [0, 0]
  for await (const { facts, raw } of deletedAssets(run, firstPage)) {
    if (!run.options.all && run.journal.wasAsked(facts.assetId, facts.cldVersion)) continue
    if (seen.has(facts.assetId)) continue
    seen.add(facts.assetId)
    assets += 1
    bytes += run.deps.reader.backupSigns({ search: raw }).bytes ?? 0
  }
  return { assets, bytes }
}

interface Counted {
  readonly deleted: number | null
  readonly deletedBytes: number | null
  readonly current: Survey
}

function estimateOf(run: ImportRun, { deleted, deletedBytes, current }: Counted): ImportEstimate {
  const apiCalls = deleted === null ? null : deleted + Math.floor(deleted / 500) + current.assets
  const bytes = deleted !== 0 && deletedBytes === null ? null : (deletedBytes ?? 0) + current.olderBytes
  return { deleted, current: current.assets, apiCalls, bytes, hours: waitingHours(run, apiCalls) }
}

/** Of each hour's calls a tenth is taken as left to others. */
function waitingHours({ deps }: ImportRun, apiCalls: number | null): number | null {
  const { budget } = deps.reader
  if (budget === null || budget.limit === 0 || apiCalls === null) return null
  const usable = Math.max(1, Math.floor(budget.limit * 0.9))
  const beyond = apiCalls - Math.max(0, budget.remaining - (budget.limit - usable))
  return beyond <= 0 ? 0 : Math.ceil(beyond / usable)
}
