import type { VersionRow } from './catalog.ts'

/** What tells one kind of change from another. */
export type Compared = Pick<VersionRow, 'object' | 'publicId' | 'resourceType' | 'type' | 'folder' | 'displayName'>

/** What made `after` out of `before`: new bytes weigh more than a new name, a new name more than new metadata. */
export function kindOfChange(before: Compared, after: Compared): 'replaced' | 'renamed' | 'relabelled' {
  if (before.object !== after.object) return 'replaced'
  const moved =
    before.publicId !== after.publicId ||
    before.resourceType !== after.resourceType ||
    before.type !== after.type ||
    before.folder !== after.folder ||
    before.displayName !== after.displayName
  return moved ? 'renamed' : 'relabelled'
}
