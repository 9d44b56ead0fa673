import type { CatalogReader, SnapshotRow, VersionRow } from '../catalog/catalog.ts'
import { isInSnapshot } from '../catalog/version-order.ts'
import { AppError } from '../model/errors.ts'
import type { Selection } from '../restore/selection.ts'
import { findAsset, findVersion } from './asset-ref.ts'
import type { Call } from './command.ts'
import { safe } from './format.ts'
import { findSnapshot } from './snapshot-ref.ts'

/** What the operands and flags of `restore` (and of commands like it) choose. */
export interface Wanted {
  readonly what: Selection['what']
  /** The moment that `--at` names; null without it. */
  readonly at: SnapshotRow | null
}

/**
 * Reads ASSET…, `--version`, `--at`, `--folder`, `--tag`, `--search` and `--gone`; nothing of them means everything.
 * Throws USAGE for what contradicts itself, and whatever finding an asset throws.
 */
export async function readSelection(call: Call, reader: CatalogReader, cloud: string): Promise<Wanted> {
  const { operands, options } = call
  const word = options.text('at')
  const snapshots = await reader.snapshots(cloud)
  const at = word === undefined ? null : findSnapshot(snapshots, word)
  const filter = filterOf(call)
  const isFiltered = Object.keys(filter).length > 0
  if (operands.length > 0) {
    if (isFiltered || options.flag('gone')) {
      throw new AppError('USAGE', 'name assets, or choose them by folder, tag, search or --gone, not both')
    }
    return { at, what: { kind: 'versions', versions: await namedVersions(call, reader, { cloud, at, snapshots }) } }
  }
  if (options.text('version') !== undefined) {
    throw new AppError('USAGE', '--version needs an ASSET', { hint: 'cloudkeep restore ASSET --version V' })
  }
  if (options.flag('gone')) return { at, what: { kind: 'gone', filter } }
  return { at, what: isFiltered ? { kind: 'filter', filter } : { kind: 'everything' } }
}

function filterOf({ options }: Call): { folder?: string; tag?: string; text?: string } {
  const [folder, tag, text] = [options.text('folder'), options.text('tag'), options.text('search')]
  return {
    ...(folder === undefined ? {} : { folder: folder.replace(/^\/+|\/+$/g, '') }),
    ...(tag === undefined ? {} : { tag }),
    ...(text === undefined ? {} : { text }),
  }
}

interface Naming {
  readonly cloud: string
  readonly at: SnapshotRow | null
  readonly snapshots: readonly SnapshotRow[]
}

async function namedVersions(call: Call, reader: CatalogReader, naming: Naming): Promise<readonly VersionRow[]> {
  const { operands, options } = call
  const wanted = options.text('version')
  if (wanted !== undefined && operands.length > 1) {
    throw new AppError('USAGE', '--version belongs to one ASSET', {
      hint: 'give each its own: ASSET@VERSION ASSET@VERSION',
    })
  }
  const found = new Map<string, VersionRow>()
  for (const operand of operands) {
    const version = await namedVersion(reader, naming, { operand, wanted })
    const other = found.get(version.assetId)
    if (other !== undefined && other.version !== version.version) {
      throw new AppError('USAGE', `two versions of "${safe(version.publicId)}" cannot be restored at once`)
    }
    found.set(version.assetId, version)
  }
  return [...found.values()]
}

async function namedVersion(
  reader: CatalogReader,
  { cloud, at, snapshots }: Naming,
  { operand, wanted }: { readonly operand: string; readonly wanted: string | undefined },
): Promise<VersionRow> {
  const asset = await findAsset(reader, cloud, operand)
  if (wanted !== undefined) {
    if (asset.explicit) throw new AppError('USAGE', `"${safe(operand)}" names a version already`)
    const version = findVersion(asset.versions, wanted, snapshots)
    if (version !== null) return version
    throw new AppError('VERSION_NOT_FOUND', `"${safe(operand)}" has no version "${safe(wanted)}"`, {
      hint: 'cloudkeep versions lists them',
    })
  }
  if (asset.explicit || at === null) return asset.version
  const then = asset.versions.findLast((row) => isInSnapshot(row, at.seq))
  if (then !== undefined) return then
  throw new AppError('VERSION_NOT_FOUND', `"${safe(operand)}" was not in the account at ${at.snapshot.takenAt}`, {
    hint: 'cloudkeep versions shows when it was',
  })
}
