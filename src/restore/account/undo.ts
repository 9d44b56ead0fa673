import { type AssetName, writtenName } from '../../cloudinary/writer.ts'
import type { Entry } from '../../model/entry.ts'
import { AppError } from '../../model/errors.ts'
import { entriesIn, select } from '../select.ts'
import type { Chosen, Selection } from '../selection.ts'
import { besideName } from './decide.ts'
import type { Begun } from './journal.ts'
import type { RestoreDeps, Wanted } from './run-state.ts'

interface Undoing {
  readonly undone: Begun
  /** The state of the target before the restore. */
  readonly selection: Selection
  readonly signal: AbortSignal
}

/** Versions looked up together. */
const TOGETHER = 500

/**
 * What takes a restore back: for every version that it brought, whatever the target had before under its asset_id or its
 * name; and where it had nothing, that there be nothing again. It follows from the request alone, so a restore that was
 * killed can be undone as well.
 */
export async function* wantedByUndo(deps: RestoreDeps, { undone, selection, signal }: Undoing): AsyncIterable<Wanted> {
  const original = await originalSelection(deps, undone)
  const sameAccount = undone.request.cloud === undone.request.target
  const given = new Set<string>()
  let together: Chosen[] = []
  const flush = async (): Promise<Wanted[]> => {
    const ids = new Set(sameAccount ? together.map(({ entry }) => entry.assetId) : [])
    const names = new Set(together.map((chosen) => writtenName(nameGiven(chosen, undone))))
    const before = await entriesBefore(deps, selection, { ids, names }, signal)
    const wanted = together.flatMap((chosen) => wantedFor(chosen, { before, undone, sameAccount }))
    together = []
    return wanted.filter((one) => isNew(one, given))
  }
  for await (const chosen of select(deps, original, signal)) {
    together.push(chosen)
    if (together.length >= TOGETHER) yield* await flush()
  }
  yield* await flush()
}

const isNew = (one: Wanted, given: Set<string>): boolean => {
  const key = one.kind === 'absence' ? `-${writtenName(one.name)}` : one.chosen.entry.assetId
  if (given.has(key)) return false
  given.add(key)
  return true
}

const nameGiven = (chosen: Chosen, { request }: Begun): AssetName => {
  const { publicId, resourceType, type } = chosen.entry
  return { publicId: request.conflict === 'rename' ? besideName(chosen) : publicId, resourceType, type }
}

function wantedFor(
  chosen: Chosen,
  at: { readonly before: Before; readonly undone: Begun; readonly sameAccount: boolean },
): Wanted[] {
  const name = nameGiven(chosen, at.undone)
  const byId = at.sameAccount ? at.before.byId.get(chosen.entry.assetId) : undefined
  const byName = at.before.byName.get(writtenName(name))
  const entries = [byId, byName].filter((entry) => entry !== undefined)
  if (entries.length === 0) return at.undone.request.metadataOnly ? [] : [{ kind: 'absence', chosen, name }]
  return [...new Set(entries)].map((entry) => ({ kind: 'version', chosen: { entry, purged: false } }))
}

interface Before {
  readonly byId: ReadonlyMap<string, Entry>
  readonly byName: ReadonlyMap<string, Entry>
}

async function entriesBefore(
  deps: RestoreDeps,
  { snapshot }: Selection,
  { ids, names }: { readonly ids: ReadonlySet<string>; readonly names: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<Before> {
  const byId = new Map<string, Entry>()
  const byName = new Map<string, Entry>()
  for await (const entry of entriesIn(deps, snapshot.snapshot, signal)) {
    if (ids.has(entry.assetId)) byId.set(entry.assetId, entry)
    const name = writtenName(entry)
    if (names.has(name)) byName.set(name, entry)
  }
  return { byId, byName }
}

/** The selection of a restore, from its record. */
async function originalSelection(deps: RestoreDeps, { request }: Begun): Promise<Selection> {
  const { cloud, what } = request
  const snapshots = await deps.catalog.read((tx) => tx.snapshots(cloud))
  const snapshot = snapshots.find((row) => row.snapshot.id === request.snapshot)
  if (snapshot === undefined) {
    throw new AppError(
      'SNAPSHOT_NOT_FOUND',
      `the snapshot ${request.snapshot}, from which was restored, is not kept any more`,
    )
  }
  if (what.kind !== 'versions') return { cloud, snapshot, what }
  const versions = await deps.catalog.read(async (tx) => {
    const found = []
    for (const { assetId, version } of what.versions) {
      const row = (await tx.versionsOf(cloud, assetId)).find((one) => one.version === version)
      if (row !== undefined) found.push(row)
    }
    return found
  })
  return { cloud, snapshot, what: { kind: 'versions', versions } }
}
