import type { AttributeChanges } from '../attributes.ts'
import { textOf } from '../params.ts'
import type { Rendered } from '../render.ts'
import type { Asset, JsonValue } from '../state.ts'
import { recordEvent } from '../webhooks.ts'
import type { UploadCall } from './call.ts'

/** An asset after a change, and what the change took the place of. */
export interface Changed {
  readonly asset: Asset
  readonly before: AttributeChanges
}

const identity = ({ asset }: Changed): Rendered => ({
  asset_id: asset.assetId,
  public_id: asset.publicId,
  resource_type: asset.resourceType,
  type: asset.type,
})

const tagsChange = (changed: Changed): Rendered => {
  const before = changed.before.tags ?? []
  const { tags } = changed.asset
  return {
    ...identity(changed),
    added: tags.filter((tag) => !before.includes(tag)),
    removed: before.filter((tag) => !tags.includes(tag)),
    updated: [],
  }
}

type Pair = readonly [string, string]

const contextChange = (changed: Changed): Rendered => {
  const before = changed.before.context ?? {}
  const after = changed.asset.context
  const list = (context: Record<string, string>, keep: (pair: Pair) => boolean): JsonValue[] =>
    Object.entries(context)
      .filter(keep)
      .map(([name, value]) => ({ name, value }))
  return {
    ...identity(changed),
    added: list(after, ([name]) => !(name in before)),
    removed: list(before, ([name]) => !(name in after)),
    updated: list(after, ([name, value]) => name in before && before[name] !== value),
  }
}

/** Some events list their resources, others key them by public_id, where equal ids of two types collide. */
const keyed = (changed: readonly Changed[], body: (one: Changed) => Rendered): JsonValue =>
  Object.fromEntries(changed.map((one) => [one.asset.publicId, body(one)]))

const having = (changed: readonly Changed[], name: keyof AttributeChanges): Changed[] =>
  changed.filter((one) => one.before[name] !== undefined)

interface Telling {
  readonly name: keyof AttributeChanges
  readonly type: string
  readonly resources: (changed: readonly Changed[]) => JsonValue
}

const TELLINGS: readonly Telling[] = [
  { name: 'tags', type: 'resource_tags_changed', resources: (changed) => changed.map(tagsChange) },
  { name: 'context', type: 'resource_context_changed', resources: (changed) => keyed(changed, contextChange) },
  {
    name: 'metadata',
    type: 'resource_metadata_changed',
    resources: (changed) =>
      keyed(changed, (one) => ({
        ...identity(one),
        previous_metadata: { ...one.before.metadata },
        new_metadata: { ...one.asset.metadata },
      })),
  },
  {
    name: 'accessControl',
    type: 'access_control_changed',
    resources: (changed) =>
      changed.map((one) => ({
        ...identity(one),
        previous_access_control: one.before.accessControl ?? null,
        new_access_control: one.asset.accessControl,
      })),
  },
  {
    name: 'displayName',
    type: 'resource_display_name_changed',
    resources: (changed) =>
      keyed(changed, (one) => ({
        ...identity(one),
        asset_folder: one.asset.assetFolder,
        previous_display_name: one.before.displayName ?? '',
        new_display_name: one.asset.displayName,
      })),
  },
  {
    name: 'assetFolder',
    type: 'move',
    resources: (changed) =>
      keyed(changed, (one) => ({
        ...identity(one),
        from_asset_folder: one.before.assetFolder ?? '',
        to_asset_folder: one.asset.assetFolder,
        display_name: one.asset.displayName,
      })),
  },
]

/** Tells each kind of change once, for all the assets that it happened to. */
export const tellChanges = (call: UploadCall, changed: readonly Changed[]): void => {
  for (const { name, type, resources } of TELLINGS) {
    const concerned = having(changed, name)
    if (concerned.length === 0) continue
    recordEvent(call.world, call.cloud, {
      type,
      body: { source: 'api', resources: resources(concerned) },
      apiKey: call.key,
      notificationUrl: textOf(call.params, 'notification_url'),
    })
  }
}
