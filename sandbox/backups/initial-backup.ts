import { badRequest, notFound } from '../errors.ts'
import { newId } from '../make-asset.ts'
import { integerOf, textOf } from '../params.ts'
import { zuluTime } from '../render.ts'
import type { Cloud } from '../state.ts'
import type { BackupCall, BackupReply } from './routes.ts'
import { backUp } from './versions.ts'

interface Operation {
  readonly id: string
  readonly startedAt: number
  readonly processed: number
}

/** Newest first. */
const operations = new WeakMap<Cloud, Operation[]>()

const operationsOf = (cloud: Cloud): readonly Operation[] => operations.get(cloud) ?? []

/** `POST /operations/initial_backup`: keeps every binary that is not kept yet. Done at once; life takes hours. */
export const startInitialBackup = ({ world, cloud }: BackupCall): BackupReply => {
  if (!cloud.settings.autoBackup) {
    throw badRequest(
      "Backup for new uploads isn't enabled. Turn it on before starting an initial backup of existing assets.",
    )
  }
  let processed = 0
  for (const asset of cloud.shelf.scan()) {
    const before = asset.versions.length
    backUp(asset)
    if (asset.versions.length > before) processed++
  }
  const operation = { id: newId(), startedAt: world.now(), processed }
  operations.set(cloud, [operation, ...operationsOf(cloud)])
  return { body: { ok: true } }
}

/** `GET /operations/initial_backup` */
export const listInitialBackups = ({ cloud, params }: BackupCall): BackupReply => {
  const most = integerOf(params, 'max_results', { min: 1, max: 500, fallback: 50 })
  const all = operationsOf(cloud)
  const cursor = textOf(params, 'next_cursor')
  const from = cursor === undefined ? 0 : all.findIndex((operation) => operation.id === cursor)
  if (from < 0) throw badRequest('Invalid next_cursor')
  const page = all.slice(from, from + most)
  const initial = page.map(({ id, startedAt }) => ({ id, status: 'completed', created_at: zuluTime(startedAt) }))
  return { body: { initial_backups: initial, next_cursor: all[from + most]?.id ?? null } }
}

/** `GET /operations/initial_backup/:id` */
export const initialBackupReport = ({ cloud, path }: BackupCall): BackupReply => {
  const operation = operationsOf(cloud).find(({ id }) => id === path[2])
  if (operation === undefined) throw notFound('Operation does not exist')
  const time = zuluTime(operation.startedAt)
  const none = operation.processed === 0
  return {
    body: {
      status: 'completed',
      start_time: time,
      completion_time: time,
      processed_assets_count: none ? null : operation.processed,
      reason: none ? 'no_assets_were_processed' : null,
    },
  }
}
