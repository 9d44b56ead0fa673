// Shared by `npm start` and `npm test`: on a fresh clone, install and build; later, only what is out of date.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Cloudkeep needs Node 20.19 or newer; this is ${process.versions.node}`)
  process.exit(1)
}

/** Runs a command in the project's folder and ends the process with its code when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    ...options,
  })
  if (error) console.error(`cannot run ${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

const newest = (folder) =>
  readdirSync(folder, { withFileTypes: true }).reduce((time, entry) => {
    const path = join(folder, entry.name)
    return Math.max(time, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs)
  }, 0)

/** After this, `node_modules/` and `dist/` are there and fit the sources. */
export function makeReady() {
  const stamp = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(stamp) || statSync(stamp).mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs) {
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  }
  const built = join(root, 'dist', 'src', 'cli', 'main.js')
  const sources = Math.max(newest(join(root, 'src')), newest(join(root, 'sandbox')))
  if (!existsSync(built) || statSync(built).mtimeMs < sources) run(process.execPath, ['scripts/build.mjs'])
}
