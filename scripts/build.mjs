// Compiles src/ and sandbox/ to dist/. Runs at the end of `npm ci` (prepare) and by hand (`npm run build`).
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = `${root}node_modules/ts7/bin/tsc`

if (!existsSync(compiler)) {
  // A production install (`npm ci --omit=dev`) of a package that was already built has nothing to compile.
  if (existsSync(`${root}dist/src/cli/main.js`)) process.exit(0)
  console.error('cannot build: the compiler is a development dependency; run `npm ci` without --omit=dev')
  process.exit(1)
}
rmSync(`${root}dist`, { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
process.exit(status ?? 1)
