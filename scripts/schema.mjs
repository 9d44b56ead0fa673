// Writes schema/cloudkeep.schema.json as the program prints it: `npm run build && node scripts/schema.mjs`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { stdout, stderr, status } = spawnSync(process.execPath, [`${root}bin/cloudkeep.cjs`, 'config', 'schema'], {
  env: { PATH: process.env.PATH },
  cwd: root,
})
if (status !== 0) throw new Error(`cloudkeep config schema ends with ${status}: ${stderr}`)
mkdirSync(`${root}schema`, { recursive: true })
const path = `${root}schema/cloudkeep.schema.json`
writeFileSync(path, stdout)
spawnSync(`${root}node_modules/.bin/biome`, ['format', '--write', path], { cwd: root, stdio: 'inherit' })
