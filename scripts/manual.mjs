// Writes docs/cli.md from the program's own help: `npm run build && node scripts/manual.mjs`.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const MARK = '<!-- from here on: scripts/manual.mjs -->'

function help(...words) {
  const env = { PATH: process.env.PATH, NO_COLOR: '1' }
  const { stdout, status } = spawnSync(process.execPath, [`${root}bin/cloudkeep.cjs`, ...words, '--help'], { env })
  if (status !== 0) throw new Error(`cloudkeep ${words.join(' ')} --help ends with ${status}`)
  return stdout.toString('utf8').trimEnd()
}

/** The options that every command has are shown once. */
const COMMON = /^ {2}(--vault|--cloud|--config|--json|-v, --verbose|--no-color|-h, --help) .*(\n {8,}.*)*\n?/gmu

const overview = help()
const names = [...overview.matchAll(/^ {2}([a-z-]+) {2,}/gmu)].map(([, name]) => name).filter((name) => name !== 'help')
const sections = names.map((name) => {
  const text = help(name)
    .replace(COMMON, '')
    .replace(/^Options:\n(?=\n|$)/mu, '')
    .replace(/\n{3,}/gu, '\n\n')
    .trim()
  return `## ${name}\n\n\`\`\`text\n${text}\n\`\`\`\n`
})

const path = `${root}docs/cli.md`
const written = readFileSync(path, 'utf8')
const before = written.slice(0, written.indexOf(MARK) + MARK.length)
writeFileSync(path, `${before}\n\n## Overview\n\n\`\`\`text\n${overview}\n\`\`\`\n\n${sections.join('\n')}`)
