import { folderOf } from '../folder-records.ts'
import { textOf } from '../params.ts'
import type { Asset, Cloud, JsonValue } from '../state.ts'
import { type Changed, tellChanges } from '../upload/change-events.ts'
import { recordEvent } from '../webhooks.ts'
import type { AdminCall } from './call.ts'

/** Tells the account's webhooks, or the one that the request names. */
export const tell = (call: AdminCall, type: string, body: { [key: string]: JsonValue }): void => {
  recordEvent(call.world, call.cloud, {
    type,
    body,
    apiKey: call.key,
    notificationUrl: textOf(call.params, 'notification_url'),
  })
}

/** How notifications name an asset. */
export const identityOf = (cloud: Cloud, asset: Asset): { [key: string]: JsonValue } => ({
  resource_type: asset.resourceType,
  type: asset.type,
  asset_id: asset.assetId,
  public_id: asset.publicId,
  version: asset.version,
  ...(cloud.settings.folderMode === 'fixed'
    ? { folder: folderOf(cloud, asset) }
    : { asset_folder: asset.assetFolder, display_name: asset.displayName }),
})

/** An update by the Admin API is told as one by the Upload API is. */
export const tellAttributes = (call: AdminCall, changed: Changed): void => {
  const { resourceType } = changed.asset
  tellChanges({ ...call, resourceType, file: null, unsigned: false, header: () => undefined }, [changed])
}
