// `npm test`: install, build, and run every test. `npm test -- fast` leaves out what kills processes and fills disks.
import { makeReady, run } from './ready.mjs'

makeReady()
const [which, ...rest] = process.argv.slice(2)
const fast = which === 'fast'
const args = fast ? ['--project', 'fast', ...rest] : process.argv.slice(2)
if (!fast) {
  run(process.execPath, ['node_modules/ts7/bin/tsc', '-p', 'tsconfig.json', '--noEmit'])
  run(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'check', '.'])
}
run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args])
