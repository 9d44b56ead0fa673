import { mkdir, readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Sandbox } from '../../../sandbox/server.ts'
import type { Asset } from '../../../sandbox/state.ts'
import { loadSettings, type Settings } from '../../config/config.ts'
import { readEnvironment } from '../../config/env.ts'
import type { Context } from '../../context.ts'
import { AppError } from '../../model/errors.ts'
import { type Call, type CliCommand, type Result, readOptions } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { plural, safe } from '../format.ts'
import { quoteWord, shortPath } from '../path-shown.ts'
import { backup } from './backup.ts'
import { diff } from './diff.ts'
import { restore } from './restore.ts'
import { verify } from './verify.ts'
import { versions } from './versions.ts'

export const demo: CliCommand = {
  name: 'demo',
  summary: 'see it work: a sample account on this machine, backed up, changed, and backed up again',
  group: 'more',
  operands: [['[FOLDER]', 'where the demo’s vault goes (./cloudkeep-demo)']],
  options: [{ flags: '--stay', help: 'keep the sample account running afterwards, until Ctrl-C' }],
  outlivesPipe: true,
  run,
}

interface Stage {
  readonly call: Call
  readonly sandbox: Sandbox
  readonly settings: Settings
  /** As the user would type it. */
  readonly vault: string
}

const CLOUD = 'demo'

async function run(call: Call): Promise<Result> {
  const { out, options, signal, operands } = call
  const folder = resolve(operands[0] ?? 'cloudkeep-demo')
  await makeReady(folder)
  const sandbox = await openSandbox()
  try {
    const vault = resolve(folder, 'vault')
    const variables = { CLOUDINARY_URL: sandbox.cloudinaryUrl(CLOUD), CLOUDKEEP_VAULT: vault }
    const settings = loadSettings(readEnvironment({ variables, cwd: folder }))
    const exit = await play({ call, sandbox, settings, vault: shortPath(vault) })
    if (options.flag('stay') && exit === EXIT.done) {
      title(call, 'the sample account stays until Ctrl-C')
      out.line(`  export CLOUDINARY_URL=${quoteWord(sandbox.cloudinaryUrl(CLOUD))}`)
      await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }))
    }
    return { exit, summary: { vault } }
  } finally {
    await sandbox.close()
  }
}

/** An earlier demo is gone on with: its account has had another day. Anything else is somebody's and left alone. */
async function makeReady(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length === 0) return
  const clouds = await readdir(resolve(folder, 'vault', 'accounts')).catch(() => [])
  if (clouds.length === 1 && clouds[0] === CLOUD) return
  throw new AppError('TARGET_EXISTS', `${folder} is not empty`, { hint: 'name another folder: cloudkeep demo FOLDER' })
}

async function openSandbox(): Promise<Sandbox> {
  const { createCloud } = await import('../../../sandbox/cloud.ts')
  const { startSandbox } = await import('../../../sandbox/server.ts')
  const { fillSampleAccount } = await import('../../../sandbox/sample/account.ts')
  const cloud = createCloud({ name: CLOUD })
  fillSampleAccount(cloud, Date.now())
  return await startSandbox({ clouds: [cloud] })
}

/** The acts of the demo. Ends early when one of them does not succeed. */
async function play(stage: Stage): Promise<number> {
  const { call, sandbox, vault } = stage
  const { out } = call
  title(call, 'a Cloudinary account')
  out.line(
    `  a stand-in for Cloudinary runs on this machine, with ${plural(sandbox.cloud(CLOUD).shelf.size, 'sample asset')}; nothing leaves it`,
  )
  const flag = `--vault ${quoteWord(vault)}`
  const first = await act(stage, backup, { say: `cloudkeep backup ${flag}` })
  if (first !== EXIT.done && first !== EXIT.partial) return first
  title(call, 'the account changes')
  const changed = await changeAccount(stage)
  const second = await act(stage, backup, { say: `cloudkeep backup ${flag}` })
  if (second !== EXIT.done && second !== EXIT.partial) return second
  await act(stage, diff, { say: `cloudkeep diff first latest ${flag}`, operands: ['first', 'latest'] })
  await act(stage, versions, { say: `cloudkeep versions ${quoteWord(changed)} ${flag}`, operands: [changed] })
  const checked = await act(stage, verify, { say: `cloudkeep verify --read all ${flag}`, options: { read: 'all' } })
  await act(stage, restore, {
    say: `cloudkeep restore ${quoteWord(`${changed}@1`)} --to account --conflict overwrite ${flag}`,
    operands: [`${changed}@1`],
    options: { to: 'account', conflict: 'overwrite' },
  })
  title(call, 'yours to look at')
  const commands = [
    'status',
    'ls --long',
    `find ${changed.split('/').at(-2) ?? 'a'}`,
    `get ${quoteWord(`${changed}@1`)} -o first-version`,
    'restore --at first --to ./as-it-was',
    'log',
  ]
  for (const command of commands) out.line(`  cloudkeep ${command} ${flag}`)
  out.line(`  ${out.theme.dim('files to browse:')} ${safe(vault)}/library/${CLOUD}`)
  return checked
}

function title({ out }: Call, text: string): void {
  out.line()
  out.line(`${out.theme.accent(out.theme.marks.arrow)} ${out.theme.strong(text)}`)
}

/** Runs a command of this program as if it had been typed, against the sample account. */
async function act(
  { call, settings }: Stage,
  command: CliCommand,
  given: { say: string; operands?: readonly string[]; options?: Record<string, unknown> },
): Promise<number> {
  title(call, given.say)
  const { createContext } = await import('../../context.ts')
  let context: Context | null = null
  try {
    const { exit } = await command.run({
      ...call,
      operands: given.operands ?? [],
      options: readOptions(given.options ?? {}),
      settings,
      context: async () => {
        context ??= createContext(settings.config, settings.secrets)
        return context
      },
    })
    return exit
  } finally {
    await (context as Context | null)?.close()
  }
}

/** What happens to an account in a day, through the same Upload API that people use. Returns a public_id with a history. */
async function changeAccount({ call, sandbox, settings }: Stage): Promise<string> {
  const [replaced, renamed, tagged, deleted] = pickImages(sandbox, 4)
  if (!replaced || !renamed || !tagged || !deleted) throw new Error('the sample account has too few images')
  const api = uploadApi(sandbox, settings)
  const tell = (text: string): void => call.out.line(`  ${text}`)
  await api('image/upload', { public_id: replaced.publicId, file: postcard('#1f4e5f', '#f2a65a'), overwrite: true })
  tell(`${safe(replaced.publicId)} is replaced by another picture`)
  await api('image/upload', { public_id: 'postcard-from-the-demo', file: postcard('#3b3561', '#ea7a57') })
  tell('postcard-from-the-demo is uploaded')
  await api('image/rename', { from_public_id: renamed.publicId, to_public_id: `${renamed.publicId}-renamed` })
  tell(`${safe(renamed.publicId)} is renamed`)
  await api('image/tags', { command: 'add', tag: 'favourite', public_ids: [tagged.publicId] })
  tell(`${safe(tagged.publicId)} gets a tag`)
  await api('image/destroy', { public_id: deleted.publicId })
  tell(`${safe(deleted.publicId)} is deleted`)
  return replaced.publicId
}

/** Some photographs whose names are easy to type again, from all over the account. */
function pickImages(sandbox: Sandbox, count: number): readonly Asset[] {
  const fit = [...sandbox.cloud(CLOUD).shelf.scan()].filter(
    (asset) =>
      asset.resourceType === 'image' &&
      asset.type === 'upload' &&
      asset.format === 'jpg' &&
      asset.content !== null &&
      /^[a-z0-9-]+(\/[a-z0-9-]+)+$/.test(asset.publicId),
  )
  const stride = Math.max(1, Math.floor(fit.length / count))
  return fit.filter((_, i) => i % stride === 0).slice(0, count)
}

function uploadApi(sandbox: Sandbox, { secrets }: Settings): (path: string, body: object) => Promise<void> {
  const authorization = `Basic ${Buffer.from(`${secrets.apiKey}:${secrets.apiSecret}`).toString('base64')}`
  return async (path, body) => {
    const response = await fetch(`${sandbox.url}/v1_1/${CLOUD}/${path}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`the sample account refused ${path}: ${await response.text()}`)
    await response.arrayBuffer()
  }
}

/** A small picture as a data URI. */
function postcard(sky: string, sun: string): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400"><rect width="600" height="400" fill="${sky}"/><circle cx="420" cy="150" r="70" fill="${sun}"/><path d="M0 320 180 210 320 300 460 230 600 330V400H0Z" fill="#0b1d26"/></svg>`
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
}
