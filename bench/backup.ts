/**
 * A first backup of 3,000 photographs beside `curl --parallel` and `aria2c -j32` on the same URLs, in turn, on disk
 * and on a RAM disk, with 0 and 40 ms of latency. The peers neither hash nor sync nor keep books.
 * `npm run build && node dist/bench/backup.js [--assets 3000] [--rounds 3] [--latency 0,40] [--places /tmp,/dev/shm]`
 */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CLI, type Measured, measure, median, type Service, startService } from './process.ts'

const { values } = parseArgs({
  options: {
    assets: { type: 'string', default: '3000' },
    median: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    latency: { type: 'string', default: '0,40' },
    places: { type: 'string', default: '/tmp,/dev/shm' },
  },
})

type Runner = (service: Service, folder: string) => Promise<Measured>

const cloudkeep: Runner = (service, folder) =>
  measure(process.execPath, [CLI, 'backup', join(folder, 'vault'), '--details', 'none', '--json'], {
    CLOUDINARY_URL: service.cloudinaryUrl,
  })

const curl: Runner = async (service, folder) => {
  const config = join(folder, 'curl.txt')
  await writeFile(
    config,
    service.urls.map(({ url }, n) => `url = "${url}"\noutput = "${join(folder, 'out', String(n))}"`).join('\n'),
  )
  return measure('curl', [
    '--silent',
    '--fail',
    '--parallel',
    '--parallel-max',
    '32',
    '--create-dirs',
    '--config',
    config,
  ])
}

const aria2c: Runner = async (service, folder) => {
  const list = join(folder, 'aria2.txt')
  await writeFile(list, service.urls.map(({ url }, n) => `${url}\n  out=${n}`).join('\n'))
  return measure('aria2c', ['--quiet', '-j32', '--dir', join(folder, 'out'), '--input-file', list])
}

const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0
const runners: Record<string, Runner> = {
  cloudkeep,
  ...(has('curl') ? { curl } : {}),
  ...(has('aria2c') ? { aria2c } : {}),
}
for (const peer of ['curl', 'aria2c'])
  if (runners[peer] === undefined) console.log(`${peer} is not installed: left out`)

for (const place of values.places.split(',')) {
  for (const latencyMs of values.latency.split(',').map(Number)) {
    const service = await startService({
      assets: Number(values.assets),
      medianBytes: Number(values.median),
      latencyMs,
      urls: true,
    })
    const mib = service.urls.reduce((n, { bytes }) => n + bytes, 0) / 2 ** 20
    const walls: Record<string, number[]> = {}
    console.log(`\n${place}, ${latencyMs} ms: ${service.urls.length} files, ${mib.toFixed(0)} MiB`)
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const [name, run] of Object.entries(runners)) {
        const folder = await mkdtemp(join(place, 'cloudkeep-bench-'))
        await mkdir(join(folder, 'out'))
        const { code, wallMs, cpuMs, peakMiB, stdout } = await run(service, folder)
        if (code !== 0) throw new Error(`${name} ended with ${code}: ${stdout.slice(-500)}`)
        walls[name] = [...(walls[name] ?? []), wallMs]
        const rate = `${(service.urls.length / (wallMs / 1000)).toFixed(0)} files/s, ${(mib / (wallMs / 1000)).toFixed(0)} MiB/s`
        console.log(
          `  ${name.padEnd(10)} ${(wallMs / 1000).toFixed(2)} s  ${rate}  cpu ${(cpuMs / 1000).toFixed(2)} s  peak ${peakMiB.toFixed(0)} MiB`,
        )
        await rm(folder, { recursive: true })
      }
    }
    for (const peer of ['curl', 'aria2c']) {
      const [ours, theirs] = [median(walls['cloudkeep'] ?? []), median(walls[peer] ?? [])]
      if (!Number.isNaN(theirs))
        console.log(`  ratio: cloudkeep is ${(theirs / ours).toFixed(2)} times as fast as ${peer} (medians)`)
    }
    service.stop()
  }
}
