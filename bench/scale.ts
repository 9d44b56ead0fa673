/**
 * Peak memory of a first backup and CPU of an unchanged second one, as the account grows. Small contents: what is
 * measured is the bookkeeping. `npm run build && node dist/bench/scale.js [--sizes 10000,100000,1000000] [--place /dev/shm]`
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CLI, measure, startService } from './process.ts'

const { values } = parseArgs({
  options: { sizes: { type: 'string', default: '10000,100000' }, place: { type: 'string', default: '/dev/shm' } },
})

let first: number | null = null
for (const assets of values.sizes.split(',').map(Number)) {
  const service = await startService({ assets, medianBytes: 600, latencyMs: 0, urls: false })
  const folder = await mkdtemp(join(values.place, 'cloudkeep-scale-'))
  const env = { CLOUDINARY_URL: service.cloudinaryUrl }
  const args = [CLI, 'backup', join(folder, 'vault'), '--details', 'none', '--json']
  for (const what of ['first', 'unchanged']) {
    const run = await measure(process.execPath, args, env)
    const summary = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '{}') as { apiCalls?: number; fetched?: number }
    first ??= run.peakMiB
    console.log(
      `${assets} assets, ${what} run: exit ${run.code}, ${(run.wallMs / 1000).toFixed(1)} s, cpu ${(run.cpuMs / 1000).toFixed(1)} s, ` +
        `peak ${run.peakMiB.toFixed(0)} MiB (${(run.peakMiB / first).toFixed(2)} of the first), ${summary.fetched} fetched, ${summary.apiCalls} calls`,
    )
  }
  service.stop()
  await rm(folder, { recursive: true })
}
