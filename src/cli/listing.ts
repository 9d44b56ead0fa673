import type { VersionFilter, VersionRow } from '../catalog/catalog.ts'
import { chooseCloud } from './account-choice.ts'
import { assetRecord } from './asset-record.ts'
import type { Call, OptionSpec, Result } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { formatBytes, formatTime, pad, plural, safe } from './format.ts'
import { findSnapshot } from './snapshot-ref.ts'
import type { Theme } from './theme.ts'

/** Options that `ls` and `find` share. */
export const LISTING_OPTIONS: readonly OptionSpec[] = [
  { flags: '--at <SNAPSHOT>', help: 'as of a snapshot id or a date (latest)' },
  { flags: '-l, --long', help: 'with size, time, type and public_id' },
  { flags: '--tag <TAG>', help: 'only with this tag' },
  { flags: '--folder <FOLDER>', help: 'only in this folder and below it' },
  { flags: '--resource-type <TYPE>', help: 'only image, video or raw', choices: ['image', 'video', 'raw'] },
  { flags: '--type <TYPE>', help: 'only this delivery type: upload, private, authenticated, …' },
  { flags: '--limit <N>', help: 'at most so many' },
]

/**
 * Prints the assets of a snapshot, one a line, as they stream from the catalog. The first filter that matches anything
 * is the one that counts.
 */
export async function list(call: Call, filters: readonly VersionFilter[]): Promise<Result> {
  const { out, options, signal } = call
  const limit = options.count('limit')
  const catalog = await (await call.context()).catalog()
  let assets = 0
  let bytes = 0
  let head: { cloud: string; snapshot: string } | null = null
  await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, call.settings.config)
    const snapshot = findSnapshot(await reader.snapshots(cloud), options.text('at') ?? 'latest')
    head = { cloud, snapshot: snapshot.snapshot.id }
    for (const filter of filters) {
      const whole = { ...sharedFilter(call), ...filter, ...(limit === undefined ? {} : { limit }) }
      for await (const row of reader.versionsAt(cloud, snapshot.seq, whole)) {
        signal.throwIfAborted()
        assets += 1
        bytes += row.size ?? 0
        out.record('asset', assetRecord(row))
        out.line(options.flag('long') ? longLine(row, out.theme) : safe(row.path ?? row.publicId))
        if (assets === limit) break
      }
      if (assets > 0) break
    }
  })
  if (out.width !== null)
    out.say(out.talk.dim(assets === 0 ? 'nothing matches' : `${plural(assets, 'asset')}, ${formatBytes(bytes)}`))
  return { exit: EXIT.done, summary: { ...(head ?? {}), assets, bytes } }
}

function sharedFilter({ options }: Call): VersionFilter {
  const tag = options.text('tag')
  const folder = options.text('folder')
  const resourceType = options.text('resourceType')
  const type = options.text('type')
  return {
    ...(tag === undefined ? {} : { tag }),
    ...(folder === undefined ? {} : { folder: folder.replace(/^\/+|\/+$/g, '') }),
    ...(resourceType === undefined ? {} : { resourceType }),
    ...(type === undefined ? {} : { type }),
  }
}

// Fixed widths, because a listing streams: a million assets are not collected to find the widest.
function longLine(row: VersionRow, theme: Theme): string {
  const name = safe(row.path ?? row.publicId)
  const alias = row.path !== null && row.path !== row.publicId ? theme.dim(`  ${safe(row.publicId)}`) : ''
  const size = pad(row.size === null ? 'record' : formatBytes(row.size), 9, 'right')
  const time = formatTime(row.uploadedAt ?? row.createdAt ?? row.capturedAt)
  return `${size}  ${theme.dim(time)}  ${theme.dim(pad(`${row.resourceType}/${row.type}`, 14))}  ${name}${alias}`
}
