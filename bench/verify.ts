/**
 * `verify --read all` beside `sha256sum` over the same files with as many processes as there are cores, and beside
 * `openssl dgst` where it is installed: on some systems sha256sum does not use the processor's SHA instructions, and
 * openssl does, as Node does. The files are read once before the first round, so both find them in the page cache.
 * Whole processes are measured, start-up and the reading of manifests included.
 * `npm run build && node dist/bench/verify.js [--rounds 5] [--place /tmp] [--objects 3000] [--median 100000] [--huge 4]`
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Entry, encodeEntry } from '../src/model/entry.ts'
import { NO_TOTALS, type Snapshot } from '../src/model/snapshot.ts'
import { memoryBody } from '../src/vault/body.ts'
import { createVault } from '../src/vault/create.ts'
import { openFsStore } from '../src/vault/stores/fs.ts'
import { CLI, type Measured, measure, median } from './process.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    place: { type: 'string', default: '/tmp' },
    objects: { type: 'string', default: '3000' },
    median: { type: 'string', default: '100000' },
    /** Files of 256 MiB, like videos. */
    huge: { type: 'string', default: '4' },
  },
})

/** Sizes spread as those of photographs are: many small ones, a few twenty times as large. */
const sizeAt = (n: number, middle: number): number =>
  Math.max(
    1,
    Math.round(middle * Math.exp(1.0 * Math.sqrt(2) * inverseErf(2 * (((n * 0.618034) % 1) * 0.998 + 0.001) - 1))),
  )

/** Winitzki's approximation, which is close enough to draw sizes. */
function inverseErf(x: number): number {
  const log = Math.log(1 - x * x)
  const half = 2 / (Math.PI * 0.147) + log / 2
  return Math.sign(x) * Math.sqrt(Math.sqrt(half * half - log / 0.147) - half)
}

function entryFor(assetId: string, publicId: string, { object, size }: { object: string; size: number }): Entry {
  const names = { assetId, publicId, resourceType: 'image', type: 'upload', cldVersion: 1 } as const
  const none = { width: null, height: null, duration: null, pages: null, displayName: null, createdAt: null }
  const unknown = { uploadedAt: null, updatedAt: null, context: null, metadata: null, accessMode: null }
  const more = { accessControl: null, coordinates: null, regions: null, originalFilename: null, status: null }
  const facts = { ...names, ...none, ...unknown, ...more, format: 'jpg', bytes: size, etag: null, folder: '' }
  return {
    ...names,
    version: assetId.slice(0, 16),
    object,
    size,
    md5: null,
    proof: 'length',
    path: `${publicId}.jpg`,
    capturedAt: new Date().toISOString(),
    listHash: assetId,
    facts: { ...facts, tags: [], moderation: [], isAudio: null, secureUrl: null },
    raw: {},
  }
}

const snapshotOf = (held: Pick<Snapshot, 'segments' | 'assets' | 'bytes'>): Snapshot => ({
  ...{ format: 1, id: 'bench', cloud: 'bench', parent: null, complete: true, partialReasons: [], tool: 'bench' },
  ...{ folderMode: null, totals: NO_TOTALS, prefixLength: 0, folders: null, configuration: null, failures: null },
  ...{ excludedBy: {}, reconciledAt: null },
  startedAt: new Date().toISOString(),
  takenAt: new Date().toISOString(),
  ...held,
})

async function makeVault(folder: string, sizes: readonly number[]): Promise<number> {
  const vault = await createVault(await openFsStore(folder), { now: new Date(), id: 'bench', tool: 'bench' })
  const entries: Entry[] = []
  for (const [n, size] of sizes.entries()) {
    const bytes = randomFillSync(Buffer.allocUnsafe(size))
    const object = createHash('sha256').update(bytes).digest('hex')
    await vault.putObject(object, memoryBody(bytes))
    const assetId = createHash('md5').update(String(n)).digest('hex')
    entries.push(entryFor(assetId, `photo-${n}`, { object, size }))
  }
  entries.sort((a, b) => (a.assetId < b.assetId ? -1 : 1))
  const { object, size } = await vault.putLines(entries.map(encodeEntry))
  const bytes = sizes.reduce((sum, one) => sum + one, 0)
  const segments = [{ prefix: '', object, size, entries: entries.length, contentBytes: bytes }]
  await vault.writeSnapshot(snapshotOf({ segments, assets: entries.length, bytes }))
  return bytes
}

const has = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0
const cores = availableParallelism()
const hashWith = (command: string) => (folder: string) =>
  measure('sh', [
    '-c',
    `find "${join(folder, 'objects')}" -type f -print0 | xargs -0 -n 64 -P ${cores} ${command} > /dev/null`,
  ])

const runners: Readonly<Record<string, (folder: string) => Promise<Measured>>> = {
  cloudkeep: (folder) => measure(process.execPath, [CLI, 'verify', folder, '--read', 'all', '--json']),
  sha256sum: hashWith('sha256sum'),
  ...(has('openssl', 'version') ? { openssl: hashWith('openssl dgst -sha256') } : {}),
}

const cases: readonly (readonly [string, readonly number[]])[] = [
  ['photographs', Array.from({ length: Number(values.objects) }, (_, n) => sizeAt(n, Number(values.median)))],
  ['videos', Array.from({ length: Number(values.huge) }, () => 256 * 2 ** 20)],
]
for (const [name, sizes] of cases) {
  const folder = await mkdtemp(join(values.place, 'cloudkeep-bench-'))
  const mib = (await makeVault(folder, sizes)) / 2 ** 20
  console.log(`\n${name}: ${sizes.length} files, ${mib.toFixed(0)} MiB, ${cores} cores, in the page cache`)
  await hashWith('cat')(folder)
  const walls: Record<string, number[]> = {}
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [runner, run] of Object.entries(runners)) {
      const { code, wallMs, peakMiB, stdout } = await run(folder)
      if (code !== 0) throw new Error(`${runner} ended with ${code}: ${stdout.slice(-500)}`)
      walls[runner] = [...(walls[runner] ?? []), wallMs]
      const rate = `${(mib / (wallMs / 1000)).toFixed(0)} MiB/s`
      console.log(`  ${runner.padEnd(10)} ${(wallMs / 1000).toFixed(2)} s  ${rate}  peak ${peakMiB.toFixed(0)} MiB`)
    }
  }
  const ours = median(walls['cloudkeep'] ?? [])
  for (const peer of Object.keys(runners).filter((runner) => runner !== 'cloudkeep')) {
    const ratio = median(walls[peer] ?? []) / ours
    console.log(`  ratio: cloudkeep is ${ratio.toFixed(2)} times as fast as ${peer} (medians)`)
  }
  await rm(folder, { recursive: true })
}
