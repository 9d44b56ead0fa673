/**
 * A restore of 3,000 files (some 446 MB) to a folder beside `cp -r` of the same tree and `sync`, in turn, on the same
 * disk. Ours also hashes every byte, reads back what was written, and syncs each file before it gets its name. The last
 * line of each round is a second restore into the same folder, which finds everything there.
 * `npm run build && node dist/bench/restore-folder.js [--files 3000] [--rounds 3] [--places /tmp]`
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { encodeEntry } from '../src/model/entry.ts'
import { NO_TOTALS } from '../src/model/snapshot.ts'
import { memoryBody } from '../src/vault/body.ts'
import { createVault } from '../src/vault/create.ts'
import { openFsStore } from '../src/vault/stores/fs.ts'
import { objectKey } from '../src/vault/vault.ts'
import { CLI, type Measured, measure, median } from './process.ts'

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '3000' },
    median: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    places: { type: 'string', default: '/tmp' },
  },
})

/** Log-normal, as photographs are, and the same in every run. */
const sizeOf = (n: number): number => {
  const hash = createHash('sha256').update(`size ${n}`).digest()
  const [u, v] = [(hash.readUInt32LE(0) + 1) / 2 ** 32, hash.readUInt32LE(4) / 2 ** 32]
  return Math.max(
    1,
    Math.round(Number(values.median) * Math.exp(0.9 * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v))),
  )
}

const entryOf = (n: number, bytes: Buffer) => {
  const assetId = createHash('md5').update(`asset ${n}`).digest('hex')
  const path = `album-${n % 60}/photo-${n}.jpg`
  const identity = {
    assetId,
    publicId: path.slice(0, -4),
    resourceType: 'image',
    type: 'upload',
    cldVersion: 1_700_000_000,
  } as const
  const nothing = {
    format: 'jpg',
    bytes: bytes.length,
    etag: null,
    width: 1,
    height: 1,
    duration: null,
    pages: null,
    folder: null,
    displayName: null,
  }
  const times = { createdAt: '2026-01-01T00:00:00Z', uploadedAt: null, updatedAt: null }
  const labels = {
    tags: ['bench'],
    context: null,
    metadata: null,
    accessMode: null,
    accessControl: null,
    moderation: [],
    coordinates: null,
    regions: null,
  }
  const facts = {
    ...identity,
    ...nothing,
    ...times,
    ...labels,
    originalFilename: null,
    status: null,
    isAudio: null,
    secureUrl: null,
  }
  const object = createHash('sha256').update(bytes).digest('hex')
  const kept = {
    object,
    size: bytes.length,
    md5: createHash('md5').update(bytes).digest('hex'),
    proof: 'md5',
    path,
  } as const
  return {
    ...identity,
    ...kept,
    version: assetId.slice(0, 16),
    capturedAt: '2026-01-02T00:00:00Z',
    listHash: '',
    facts,
    raw: {},
  }
}

/** A vault made through its own interface, and the tree of the same files. */
async function makeVault(folder: string): Promise<number> {
  const root = join(folder, 'vault')
  const vault = await createVault(await openFsStore(root), { now: new Date(), id: 'bench', tool: 'bench' })
  const entries = []
  let total = 0
  for (let n = 0; n < Number(values.files); n += 1) {
    const bytes = randomBytes(sizeOf(n))
    const entry = entryOf(n, bytes)
    await vault.putObject(entry.object, memoryBody(bytes))
    const file = join(folder, 'tree', entry.path)
    await mkdir(dirname(file), { recursive: true })
    await link(join(root, objectKey(entry.object)), file)
    entries.push(entry)
    total += bytes.length
  }
  entries.sort((a, b) => (a.assetId < b.assetId ? -1 : 1))
  const list = await vault.putLines(entries.map(encodeEntry))
  const at = '2026-01-02T00:00:00.000Z'
  await vault.writeSnapshot({
    ...{
      format: 1,
      id: 'bench',
      cloud: 'bench',
      startedAt: at,
      takenAt: at,
      parent: null,
      complete: true,
      partialReasons: [],
    },
    ...{ tool: 'bench', folderMode: 'fixed', totals: NO_TOTALS, assets: entries.length, bytes: total, prefixLength: 0 },
    segments: [{ prefix: '', object: list.object, size: list.size, entries: entries.length, contentBytes: total }],
    ...{ folders: null, configuration: null, failures: null, excludedBy: {}, reconciledAt: null },
  })
  return total
}

const restore = (folder: string): Promise<Measured> =>
  measure(process.execPath, [CLI, 'restore', '--vault', join(folder, 'vault'), '--to', join(folder, 'out'), '--json'])
const copy = (folder: string): Promise<Measured> =>
  measure('sh', ['-c', `cp -r "${join(folder, 'tree')}" "${join(folder, 'out')}" && sync -f "${join(folder, 'out')}"`])

for (const place of values.places.split(',')) {
  const folder = await mkdtemp(join(place, 'cloudkeep-bench-'))
  const walls: Record<string, number[]> = {}
  try {
    const mb = (await makeVault(folder)) / 1e6
    console.log(`\n${place}: ${values.files} files, ${mb.toFixed(0)} MB`)
    const tell = (name: string, { code, wallMs, cpuMs, peakMiB, stdout }: Measured): void => {
      if (code !== 0) throw new Error(`${name} ended with ${code}: ${stdout.slice(-500)}`)
      walls[name] = [...(walls[name] ?? []), wallMs]
      const rate = `${(Number(values.files) / (wallMs / 1000)).toFixed(0)} files/s, ${(mb / (wallMs / 1000)).toFixed(0)} MB/s`
      console.log(
        `  ${name.padEnd(12)} ${(wallMs / 1000).toFixed(2)} s  ${rate}  cpu ${(cpuMs / 1000).toFixed(2)} s  peak ${peakMiB.toFixed(0)} MiB`,
      )
    }
    // The index is made by the first command that needs it.
    await measure(process.execPath, [CLI, 'ls', '--vault', join(folder, 'vault'), '--json'])
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const [name, run] of [
        ['cp -r + sync', copy],
        ['cloudkeep', restore],
      ] as const) {
        spawnSync('sync')
        tell(name, await run(folder))
        if (name === 'cloudkeep') tell('again', await restore(folder))
        await rm(join(folder, 'out'), { recursive: true })
      }
    }
    const [ours, theirs] = [median(walls['cloudkeep'] ?? []), median(walls['cp -r + sync'] ?? [])]
    console.log(`  ratio: cloudkeep takes ${(ours / theirs).toFixed(2)} times as long as cp -r and sync (medians)`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
