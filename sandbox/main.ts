/** `npm run sandbox`: the stand-in as a server of its own, for development and for tests of other programs. */
import { Command, InvalidArgumentError } from 'commander'
import { createCloud } from './cloud.ts'
import { ensureFolder } from './folder-records.ts'
import { fillNastyNames } from './nasty.ts'
import { fillSampleAccount } from './sample/account.ts'
import { type Sandbox, startSandbox } from './server.ts'
import type { Cloud, CloudSettings, FolderMode } from './state.ts'
import { createVirtualShelf } from './virtual/shelf.ts'

interface Flags {
  readonly port: number
  readonly host: string
  readonly cloud: string[]
  readonly assets?: number
  readonly medianBytes: number
  readonly folderMode: FolderMode
  readonly nasty: boolean
  readonly rateLimit: number
  readonly rateWindow: number
  readonly latency: number
  readonly fail: number
  readonly searchLag: number
  readonly optimizeByDefault: boolean
  readonly allowPdf: boolean
  readonly seed: number
  readonly json: boolean
}

const number =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text)
    if (text.trim() === '' || !(value >= least && value <= most)) {
      throw new InvalidArgumentError(`a number from ${least} to ${most} is needed`)
    }
    return value
  }
const folderMode = (text: string): FolderMode => {
  if (text !== 'fixed' && text !== 'dynamic') throw new InvalidArgumentError('fixed or dynamic')
  return text
}
const another = (name: string, before: string[]): string[] => {
  if (!/^[a-z0-9][a-z0-9_-]*$/i.test(name) || name === 'v1_1')
    throw new InvalidArgumentError('letters, digits, - and _')
  return [...before, name]
}

const program = new Command('sandbox')
  .description(
    'A local stand-in for Cloudinary: Admin, Search and Upload API, delivery, backups, webhooks, limits, faults.',
  )
  .option('--port <number>', 'port to listen on; any free one when 0', number(0, 65_535), 0)
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--cloud <name>', 'an account to serve; may be given again (default: demo)', another, [])
  .option(
    '--assets <count>',
    'computed assets in each account, up to 50000000, in place of the sample',
    number(0, 50_000_000),
  )
  .option('--median-bytes <bytes>', 'half of the computed assets are smaller than this', number(1), 1024)
  .option('--folder-mode <mode>', 'fixed or dynamic', folderMode, 'dynamic')
  .option('--nasty', 'adds assets with every awkward name there is', false)
  .option('--rate-limit <calls>', 'Admin API calls in a window', number(1), 500)
  .option('--rate-window <seconds>', 'length of the window', number(0.1), 3600)
  .option('--latency <ms>', 'a wait before each answer', number(0), 0)
  .option('--fail <share>', 'the share of requests that fail, each in another way', number(0, 1), 0)
  .option('--search-lag <ms>', 'how long search shows the state before a change', number(0), 0)
  .option('--optimize-by-default', 'plain URLs deliver optimised bytes', false)
  .option('--allow-pdf', 'PDF and ZIP are delivered', false)
  .option('--seed <number>', 'the same seed gives the same account and the same faults', number(0), 1)
  .option('--json', 'tells where it is as one line of JSON', false)

const settingsOf = (flags: Flags): Partial<CloudSettings> => ({
  folderMode: flags.folderMode,
  rateLimit: flags.rateLimit,
  rateWindowMs: Math.round(flags.rateWindow * 1000),
  searchLagMs: flags.searchLag,
  optimizeByDefault: flags.optimizeByDefault,
  allowPdfZip: flags.allowPdf,
})

const makeCloud = (name: string, flags: Flags): Cloud => {
  const settings = settingsOf(flags)
  if (flags.assets === undefined) {
    const cloud = createCloud({ name, settings })
    fillSampleAccount(cloud, Date.now())
    if (flags.nasty) fillNastyNames(cloud)
    return cloud
  }
  const shelf = createVirtualShelf({ assets: flags.assets, seed: flags.seed, medianBytes: flags.medianBytes })
  // Computed assets have no kept versions.
  const cloud = createCloud({ name, settings: { ...settings, autoBackup: false }, shelf })
  for (const folder of shelf.folders()) ensureFolder(cloud, folder, cloud.createdAt)
  if (flags.nasty) fillNastyNames(cloud)
  return cloud
}

const setFaults = ({ faults }: Sandbox, flags: Flags): void => {
  faults.seed(flags.seed)
  if (flags.latency > 0) faults.add({ fault: { kind: 'latency', ms: flags.latency } })
  if (flags.fail > 0) faults.mixed(flags.fail)
}

const announce = (sandbox: Sandbox, names: readonly string[], json: boolean): void => {
  const clouds = names.map((name) => {
    const cloud = sandbox.cloud(name)
    return { name, assets: cloud.shelf.size, cloudinaryUrl: sandbox.cloudinaryUrl(name) }
  })
  if (json) {
    console.log(JSON.stringify({ type: 'listening', url: sandbox.url, pid: process.pid, clouds }))
    return
  }
  for (const { assets, cloudinaryUrl } of clouds) {
    console.log(`export CLOUDINARY_URL='${cloudinaryUrl}'   # ${assets} assets`)
  }
  console.error(`listening on ${sandbox.url}; Ctrl-C stops`)
}

const untilTold = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })

const run = async (): Promise<void> => {
  const flags = program.parse().opts<Flags>()
  const names = flags.cloud.length === 0 ? ['demo'] : [...new Set(flags.cloud)]
  const clouds = names.map((name) => makeCloud(name, flags))
  const sandbox = await startSandbox({ port: flags.port, host: flags.host, clouds })
  setFaults(sandbox, flags)
  announce(sandbox, names, flags.json)
  await untilTold()
  await sandbox.close()
}

await run()
