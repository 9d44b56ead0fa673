/** A backup of many photographs into a bucket, in turn with the vendor's package and rclone. */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { CLI, type Measured, measure, median, type Service, startService } from './process.ts'
import { makeVault, type S3Server, startProxy } from './s3-place.ts'

const PEER = fileURLToPath(new URL('./s3-peer.js', import.meta.url))

export interface PhotosWish {
  readonly assets: number
  readonly medianBytes: number
  readonly rounds: number
  /** Of deliveries, and of each request to the bucket. */
  readonly latencyMs: number
  readonly concurrencies: readonly number[]
  readonly place: string
}

interface Stage {
  readonly server: S3Server
  /** Where everybody finds the bucket. */
  readonly endpoint: string
  readonly service: Service
  readonly folder: string
  readonly wish: PhotosWish
}

type Runner = () => Promise<Measured>

const ours =
  ({ server, endpoint, service, wish }: Stage, isEncrypted: boolean): Runner =>
  async () => {
    const vault = await makeVault(server, { endpoint, isEncrypted, place: wish.place })
    try {
      return await measure(process.execPath, [CLI, 'backup', vault.url, '--details', 'none', '--json'], {
        ...vault.env,
        CLOUDINARY_URL: service.cloudinaryUrl,
      })
    } finally {
      await vault.remove()
    }
  }

/** `list` says what is put: `files.json` or `urls.json` of the stage's folder. */
const sdk =
  ({ server, endpoint, folder }: Stage, list: string, concurrency: number): Runner =>
  async () => {
    const bucket = await server.makeBucket()
    const task = { endpoint, bucket, list: join(folder, list), concurrency }
    const measured = await measure(process.execPath, [PEER, JSON.stringify(task)], server.env)
    await server.empty(bucket)
    return measured
  }

const rclone =
  ({ server, endpoint, folder }: Stage, concurrency: number): Runner =>
  async () => {
    const bucket = await server.makeBucket()
    const many = ['--transfers', `${concurrency}`, '--checkers', `${concurrency}`]
    const measured = await measure(
      'rclone',
      ['copy', join(folder, 'files'), `:s3:${bucket}`, '--s3-no-check-bucket', '--no-traverse', ...many],
      {
        ...server.env,
        // It cannot do with one beside its own transport, and there is no TLS here.
        AWS_CA_BUNDLE: '',
        RCLONE_CONFIG: '/dev/null',
        RCLONE_S3_PROVIDER: 'Ceph',
        RCLONE_S3_ENV_AUTH: 'true',
        RCLONE_S3_ENDPOINT: endpoint,
      },
    )
    await server.empty(bucket)
    return measured
  }

/** All photographs as files, and the lists that the peers read. */
async function layOut(folder: string, service: Service): Promise<void> {
  await mkdir(join(folder, 'files'))
  const files = service.urls.map((_, number) => join(folder, 'files', String(number)))
  for (const [number, { url }] of service.urls.entries())
    await writeFile(files[number] ?? '', (await request(url)).body)
  await writeFile(join(folder, 'files.json'), JSON.stringify(files))
  await writeFile(join(folder, 'urls.json'), JSON.stringify(service.urls.map(({ url }) => url)))
}

const runnersOf = (stage: Stage): Record<string, Runner> => {
  const runners: Record<string, Runner> = {
    cloudkeep: ours(stage, false),
    'cloudkeep, encrypted': ours(stage, true),
  }
  for (const many of stage.wish.concurrencies) {
    runners[`SDK, put from files, ${many}`] = sdk(stage, 'files.json', many)
    runners[`SDK, fetch and put, ${many}`] = sdk(stage, 'urls.json', many)
  }
  const best = Math.max(...stage.wish.concurrencies)
  if (spawnSync('rclone', ['version']).status === 0) runners[`rclone copy, ${best}`] = rclone(stage, best)
  else console.log('rclone is not installed: left out')
  return runners
}

const seconds = (ms: number): string => (ms / 1000).toFixed(2)

/** A row for each runner: medians, and how much longer or shorter than ours it took. */
export async function comparePhotos(server: S3Server, wish: PhotosWish): Promise<void> {
  const { latencyMs, place } = wish
  const service = await startService({ ...wish, urls: true })
  const folder = await mkdtemp(join(place, 'cloudkeep-bench-'))
  const proxy = await startProxy(server.endpoint, latencyMs)
  try {
    await layOut(folder, service)
    const endpoint = latencyMs > 0 ? proxy.url : server.endpoint
    const runners = runnersOf({ server, endpoint, service, folder, wish })
    const measured: Record<string, Measured[]> = {}
    for (let round = 0; round < wish.rounds; round += 1)
      for (const [name, run] of Object.entries(runners)) {
        const one = await run()
        if (one.code !== 0) throw new Error(`${name} ended with ${one.code}: ${one.stdout.slice(-500)}`)
        measured[name] = [...(measured[name] ?? []), one]
      }
    const mib = service.urls.reduce((n, { bytes }) => n + bytes, 0) / 2 ** 20
    console.log(
      `\n${service.urls.length} photographs, ${mib.toFixed(0)} MiB, ${latencyMs} ms, median of ${wish.rounds}\n`,
    )
    printRows(measured)
  } finally {
    proxy.close()
    service.stop()
    await rm(folder, { recursive: true })
  }
}

function printRows(measured: Readonly<Record<string, readonly Measured[]>>): void {
  const wallOf = (name: string): number => median((measured[name] ?? []).map(({ wallMs }) => wallMs))
  const own = wallOf('cloudkeep')
  console.log('| | wall s (all rounds) | cpu s | peak MiB | takes × our time |\n| --- | --- | --- | --- | --- |')
  for (const [name, all] of Object.entries(measured)) {
    const rounds = all.map(({ wallMs }) => seconds(wallMs)).join(' ')
    const [cpu, peak] = [median(all.map(({ cpuMs }) => cpuMs)), median(all.map(({ peakMiB }) => peakMiB))]
    const ratio = (wallOf(name) / own).toFixed(2)
    console.log(`| ${name} | ${seconds(wallOf(name))} (${rounds}) | ${seconds(cpu)} | ${peak.toFixed(0)} | ${ratio} |`)
  }
}

/** What a first run, one in which nothing changed, and one on another machine ask of the bucket. */
export async function countRequests(server: S3Server, wish: PhotosWish): Promise<void> {
  const { latencyMs } = wish
  const service = await startService(wish)
  const proxy = await startProxy(server.endpoint, latencyMs)
  const vault = await makeVault(server, { endpoint: proxy.url, isEncrypted: false, place: wish.place })
  try {
    proxy.counted()
    for (const [what, env] of [
      ['first run', {}],
      ['second run, nothing changed', {}],
      ['third run, nothing changed', {}],
      ['nothing changed, on a machine without a cache', { CLOUDKEEP_CACHE: `${vault.env['CLOUDKEEP_CACHE']}-other` }],
    ] as const) {
      const { code, wallMs, stdout } = await measure(
        process.execPath,
        [CLI, 'backup', vault.url, '--details', 'none', '--json'],
        { ...vault.env, CLOUDINARY_URL: service.cloudinaryUrl, ...env },
      )
      if (code !== 0) throw new Error(`${what} ended with ${code}: ${stdout.slice(-500)}`)
      const counts = proxy.counted()
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
      const each = Object.entries(counts).map(([kind, count]) => `${kind} ${count}`)
      console.log(`| ${what} | ${seconds(wallMs)} s | ${total} | ${each.sort().join(', ')} |`)
    }
  } finally {
    proxy.close()
    service.stop()
    await vault.remove()
  }
}
