/**
 * A restore of 3,000 photographs to an empty account beside a bare loop that uploads the same files with as many
 * requests at a time and does nothing else, at 0 and 40 ms of latency; and beside the limit that latency and concurrency
 * set. Ours also keeps the state before, and reads everything back.
 * `npm run build && node dist/bench/restore-account.js [--assets 3000] [--rounds 3] [--latency 0,40]`
 */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Agent, FormData, request } from 'undici'
import { CLI, measure, median, type Service, startService } from './process.ts'

const { values } = parseArgs({
  options: {
    assets: { type: 'string', default: '3000' },
    median: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    latency: { type: 'string', default: '0,40' },
    place: { type: 'string', default: '/tmp' },
  },
})
const AT_A_TIME = 20

/** Uploads every file to the target, signed, and reads the answers: the least that any tool has to do. */
async function bareLoop(files: readonly string[], targetUrl: string): Promise<void> {
  const url = new URL(targetUrl.replace('cloudinary:', 'http:'))
  const endpoint = `${url.searchParams.get('upload_prefix')}/v1_1/${url.hostname}/image/upload`
  const dispatcher = new Agent({ connections: AT_A_TIME })
  const queue = [...files.entries()]
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const [number, file] = next
      const params = { public_id: `loop/${number}`, timestamp: String(Math.floor(Date.now() / 1000)) }
      const text = `public_id=${params.public_id}&timestamp=${params.timestamp}${url.password}`
      const form = new FormData()
      for (const [name, value] of Object.entries(params)) form.set(name, value)
      form.set('api_key', url.username)
      form.set('signature', createHash('sha1').update(text).digest('hex'))
      form.set('file', new Blob([await readFile(file)]), 'file')
      const answer = await request(endpoint, { method: 'POST', body: form, dispatcher })
      const json = (await answer.body.json()) as { error?: { message: string } }
      if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}: ${json.error?.message}`)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
  await dispatcher.close()
}

async function objectsIn(vault: string): Promise<string[]> {
  const files: string[] = []
  for (const folder of await readdir(join(vault, 'objects'))) {
    for (const name of await readdir(join(vault, 'objects', folder))) files.push(join(vault, 'objects', folder, name))
  }
  return files
}

const isPicture = async (file: string): Promise<boolean> => (await readFile(file)).subarray(1, 4).toString() === 'PNG'

async function run(service: Service, folder: string, latencyMs: number): Promise<void> {
  const vault = join(folder, 'vault')
  const env = { CLOUDINARY_URL: service.cloudinaryUrl, CLOUDKEEP_TARGET_URL: service.targetUrl }
  const kept = await measure(process.execPath, [CLI, 'backup', vault, '--details', 'none', '--json'], env)
  if (kept.code !== 0) throw new Error(kept.stdout.slice(-500))
  const files: string[] = []
  for (const file of await objectsIn(vault)) if (await isPicture(file)) files.push(file)
  const args = [CLI, 'restore', '--vault', vault, '--cloud', 'bench', '--to', 'target', '--json']
  const ours = await measure(process.execPath, args, env)
  const summary = JSON.parse(ours.stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>
  if (ours.code !== 0) throw new Error(`restore ended with ${ours.code}: ${JSON.stringify(summary).slice(0, 500)}`)
  const began = performance.now()
  await bareLoop(files, service.targetUrl)
  const loop = performance.now() - began
  walls.ours.push(ours.wallMs)
  walls.loop.push(loop)
  const limit = (files.length * latencyMs) / AT_A_TIME
  console.log(
    `  restore ${(ours.wallMs / 1000).toFixed(2)} s (cpu ${(ours.cpuMs / 1000).toFixed(2)} s, peak ${ours.peakMiB.toFixed(0)} MiB, ${String(summary['restored'])} restored)` +
      `  bare loop ${(loop / 1000).toFixed(2)} s  latency alone ${(limit / 1000).toFixed(2)} s`,
  )
}

const walls: { ours: number[]; loop: number[] } = { ours: [], loop: [] }
for (const latencyMs of values.latency.split(',').map(Number)) {
  console.log(`\n${values.assets} files, ${latencyMs} ms, ${AT_A_TIME} at a time`)
  walls.ours.length = 0
  walls.loop.length = 0
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const options = { assets: Number(values.assets), medianBytes: Number(values.median), uploadLatencyMs: latencyMs }
    const service = await startService(options)
    const folder = await mkdtemp(join(values.place, 'cloudkeep-bench-'))
    try {
      await run(service, folder, latencyMs)
    } finally {
      service.stop()
      await rm(folder, { recursive: true })
    }
  }
  const [ours, loop] = [median(walls.ours), median(walls.loop)]
  console.log(`  ratio: restore is ${(loop / ours).toFixed(2)} times as fast as the bare loop (medians)`)
}
