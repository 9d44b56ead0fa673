import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Source {
  /** From the project's root, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly imports: readonly { readonly to: string; readonly typeOnly: boolean; readonly lazy: boolean }[]
}

const IMPORT =
  /^\s*(import|export)(\s+type)?\b[^'"`;]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\('([^']+)'\)/gmu

function read(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = join(folder, name).replaceAll('\\', '/')
      const text = readFileSync(join(root, path), 'utf8')
      const imports = [...text.matchAll(IMPORT)].map((match) => {
        const target = match[3] ?? match[4] ?? match[5] ?? ''
        const to = target.startsWith('.')
          ? relative(root, normalize(join(root, dirname(path), target))).replaceAll('\\', '/')
          : target
        return { to, typeOnly: match[2] !== undefined, lazy: match[5] !== undefined }
      })
      return { path, text, lines: text.split('\n').length - 1, imports }
    })
}

const everything = [...read('src'), ...read('sandbox')]
const product = everything.filter((file) => file.path.startsWith('src/') && !file.path.endsWith('.test.ts'))
const room = (path: string): string => /^src\/([^/]+)\//u.exec(path)?.[1] ?? path

const ADAPTERS = ['cloudinary', 'vault', 'catalog', 'queue']
const OPERATIONS = ['backup', 'restore', 'maintenance', 'export']
const FACES = ['cli', 'api', 'daemon']
const FACTS = ['model', 'lib']

/** Every import of the product that breaks a rule, as "from -> to". */
function offences(breaks: (from: string, to: string, importing: Source['imports'][number]) => boolean): string[] {
  return product.flatMap((file) =>
    file.imports.filter((i) => breaks(file.path, i.to, i)).map((i) => `${file.path} -> ${i.to}`),
  )
}

const inside = (rooms: readonly string[], path: string): boolean =>
  path.startsWith('src/') && rooms.includes(room(path))

test('model and lib import nothing above them', () => {
  expect(offences((from, to) => inside(FACTS, from) && to.startsWith('src/') && !inside(FACTS, to))).toEqual([])
})

test('lib imports nothing of the model but its errors', () => {
  expect(
    offences(
      (from, to) => inside(['lib'], from) && inside(['model'], to) && !/^src\/model\/(errors|json)\.ts$/u.test(to),
    ),
  ).toEqual([])
})

test('an adapter imports neither another adapter nor an operation nor a face', () => {
  expect(
    offences(
      (from, to) => inside(ADAPTERS, from) && to.startsWith('src/') && !inside(FACTS, to) && room(to) !== room(from),
    ),
  ).toEqual([])
})

test('an operation imports no face, no configuration and no context', () => {
  expect(
    offences((from, to) => inside(OPERATIONS, from) && (inside([...FACES, 'config'], to) || to === 'src/context.ts')),
  ).toEqual([])
})

test('faces do not import one another', () => {
  expect(offences((from, to) => inside(FACES, from) && inside(FACES, to) && room(from) !== room(to))).toEqual([])
})

test('only the context makes stores and databases', () => {
  expect(
    offences(
      (from, to) =>
        !/^src\/(context|places)\.ts$/u.test(from) &&
        ((to.startsWith('src/vault/stores/') && !from.startsWith('src/vault/stores/')) ||
          (to.startsWith('src/catalog/sqlite') && !from.startsWith('src/catalog/sqlite'))),
    ),
  ).toEqual([])
})

test('backup holds no writer of the account', () => {
  expect(offences((from, to) => inside(['backup'], from) && /writer/u.test(to))).toEqual([])
})

test('the product imports the sandbox in the demo command only, and lazily', () => {
  expect(
    offences(
      (from, to, i) => to.startsWith('sandbox/') && !(from === 'src/cli/commands/demo.ts' && (i.lazy || i.typeOnly)),
    ),
  ).toEqual([])
})

test('the environment is read in one file and the process is ended in one file', () => {
  const code = (file: Source): string => file.text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/gu, '')
  const using = (word: RegExp): string[] => product.filter((file) => word.test(code(file))).map((file) => file.path)
  expect(using(/\bprocess\.env\b/u)).toEqual(['src/config/env.ts'])
  expect(using(/\bprocess\.exit\(/u)).toEqual(['src/cli/main.ts'])
})

/** Files that say what is to be done, from what they are given and nothing else. */
const DECISIONS =
  /^src\/(backup\/(decide|guard|rules|totals)|restore\/account\/(decide|compare|labels)|restore\/folder\/decide|maintenance\/prune\/retention)\.ts$/u

test('only prune and purge can take anything out of a vault', () => {
  const hands = product.filter((file) => /\bopenSweeper\(/u.test(file.text) && !file.path.startsWith('src/vault/'))
  expect(
    hands.filter(
      ({ path }) => !/^src\/(maintenance\/(prune|purge)\/|purge-command|cli\/commands\/(prune|pin|purge))/u.test(path),
    ),
  ).toEqual([])
  expect(hands.length).toBeGreaterThan(0)
})

test('no clock and no randomness in the model or in a decision', () => {
  const pure = product.filter((file) => inside(['model'], file.path) || DECISIONS.test(file.path))
  expect(
    pure
      .filter((file) => /Date\.now\(|new Date\(\)|Math\.random\(|randomUUID|randomBytes/u.test(file.text))
      .map((f) => f.path),
  ).toEqual([])
})

test('no barrel, no dumping ground', () => {
  expect(product.map((f) => f.path).filter((path) => /\/(index|utils?|helpers?|common|misc)\.ts$/u.test(path))).toEqual(
    [],
  )
})

test('no import cycle at run time', () => {
  const graph = new Map(
    everything.map((f) => [f.path, f.imports.filter((i) => !i.typeOnly && !i.lazy).map((i) => i.to)]),
  )
  const state = new Map<string, 'open' | 'closed'>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'closed') return
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    state.set(path, 'open')
    for (const next of graph.get(path) ?? []) if (graph.has(next)) visit(next, [...trail, path])
    state.set(path, 'closed')
  }
  for (const path of graph.keys()) visit(path, [])
  expect(cycles).toEqual([])
})

test('a file says one thing: 500 lines at the most', () => {
  const long = everything.filter((file) => file.lines > 300 && !file.path.endsWith('.test.ts'))
  for (const file of long) console.warn(`long: ${file.path} has ${file.lines} lines`)
  expect(long.filter((file) => file.lines > 500).map((file) => file.path)).toEqual([])
})

test('the straight line of a backup fits on a screen', () => {
  const run = product.find((file) => file.path === 'src/backup/run.ts')
  expect(run?.lines).toBeLessThan(60)
})
