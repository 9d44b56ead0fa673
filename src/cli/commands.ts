import type { CliCommand } from './command.ts'
import { backup } from './commands/backup.ts'
import { checkStoreCommand } from './commands/check-store.ts'
import { completion } from './commands/completion.ts'
import { config } from './commands/config.ts'
import { copy } from './commands/copy.ts'
import { demo } from './commands/demo.ts'
import { diff } from './commands/diff.ts'
import { doctor } from './commands/doctor.ts'
import { drill } from './commands/drill.ts'
import { exporting } from './commands/export.ts'
import { find } from './commands/find.ts'
import { get } from './commands/get.ts'
import { importHistory } from './commands/import-history.ts'
import { init } from './commands/init.ts'
import { log } from './commands/log.ts'
import { ls } from './commands/ls.ts'
import { pin, unpin } from './commands/pin.ts'
import { protect } from './commands/protect.ts'
import { prune } from './commands/prune.ts'
import { purge } from './commands/purge.ts'
import { rekeyCommand } from './commands/rekey.ts'
import { restore } from './commands/restore.ts'
import { retention } from './commands/retention.ts'
import { show } from './commands/show.ts'
import { snapshots } from './commands/snapshots.ts'
import { status } from './commands/status.ts'
import { verify } from './commands/verify.ts'
import { versions } from './commands/versions.ts'

/** In the order in which help shows them, within their group. */
export const COMMANDS: readonly CliCommand[] = [
  init,
  backup,
  importHistory,
  copy,
  retention,
  prune,
  pin,
  unpin,
  status,
  snapshots,
  ls,
  find,
  versions,
  show,
  diff,
  log,
  get,
  exporting,
  restore,
  verify,
  drill,
  protect,
  purge,
  doctor,
  checkStoreCommand,
  rekeyCommand,
  config,
  demo,
  completion(() => COMMANDS),
]
