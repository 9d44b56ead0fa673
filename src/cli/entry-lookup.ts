import type { SnapshotRow } from '../catalog/catalog.ts'
import type { Entry } from '../model/entry.ts'
import type { Vault } from '../vault/vault.ts'

/**
 * The whole record of a version from the vault: the catalog keeps only what is searched. Reads one segment of the
 * snapshot in which the version appeared. Null when that snapshot is no longer there.
 */
export async function readEntry(
  vault: Vault,
  snapshot: SnapshotRow | undefined,
  want: { assetId: string; signal: AbortSignal },
): Promise<Entry | null> {
  const segment = snapshot?.snapshot.segments.find(({ prefix }) => want.assetId.startsWith(prefix))
  if (!segment) return null
  for await (const entry of vault.readSegment(segment.object, want.signal)) {
    if (entry.assetId === want.assetId) return entry
    if (entry.assetId > want.assetId) return null
  }
  return null
}
