// `npm start`: install, build, and do the main job to its end. The account is the one in the credentials (environment
// or .env); without any, the built-in sandbox account is backed up, verified and left to be looked at.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { makeReady, root, run } from './ready.mjs'

makeReady()

const env = {
  ...(existsSync(join(root, '.env')) ? parseEnv(readFileSync(join(root, '.env'), 'utf8')) : {}),
  ...process.env,
}
const given = ['CLOUDINARY_URL', 'CLOUDINARY_URL_FILE', 'CLOUDINARY_CLOUD_NAME', 'CLOUD_NAME'].some((name) => env[name])
const cloudkeep = join(root, 'bin', 'cloudkeep.cjs')

if (!given) {
  run(process.execPath, [cloudkeep, 'demo', ...process.argv.slice(2)])
} else {
  const backup = spawnSync(process.execPath, [cloudkeep, 'backup', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  })
  // A partial backup (3) and a stopped guard (4) are kept states too: they are verified, and their code is passed on.
  if (![0, 3, 4].includes(backup.status)) process.exit(backup.status ?? 1)
  run(process.execPath, [cloudkeep, 'verify', '--read', 'all'])
  process.exit(backup.status)
}
