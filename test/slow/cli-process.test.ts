import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeAsset } from '../../sandbox/make-asset.ts'
import { createRig, type Rig } from '../rig.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(root, 'bin/cloudkeep.cjs')
let rig: Rig

/** Compiles when a source is newer than what is built: the tests are about the program as it is now. */
function build(): void {
  const main = join(root, 'dist/src/cli/main.js')
  const builtAt = existsSync(main) ? statSync(main).mtimeMs : 0
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  if (sources.every((name) => statSync(join(root, 'src', name)).mtimeMs < builtAt)) return
  const compiler = join(root, 'node_modules/ts7/bin/tsc')
  expect(spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root }).status).toBe(0)
}

const start = (argv: readonly string[], env: Record<string, string> = rig.env): ChildProcess =>
  spawn(process.execPath, [bin, ...argv], {
    cwd: join(rig.vault, '..'),
    env: { PATH: process.env['PATH'] ?? '', ...env },
  })

async function finish(child: ChildProcess): Promise<{ exit: number | null; out: string; err: string }> {
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => {
    out += String(chunk)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    err += String(chunk)
  })
  const [exit] = await once(child, 'close')
  return { exit: typeof exit === 'number' ? exit : null, out, err }
}
const run = (argv: readonly string[], env?: Record<string, string>) => finish(start(argv, env))

beforeAll(async () => {
  build()
  rig = await createRig()
  for (let n = 0; n < 400; n += 1) {
    makeAsset(rig.cloud, {
      publicId: `photo/${n}`,
      bytes: Buffer.alloc(20_000, n),
      createdAt: Date.now() - 864e5 + n * 1000,
    })
  }
})
afterAll(() => rig.close())

test('usage, a missing vault, missing and refused credentials end with their codes', async () => {
  expect((await run(['nonsense'])).exit).toBe(2)
  expect((await run([])).exit).toBe(2)
  expect((await run(['status'])).exit).toBe(10)
  expect((await run(['backup'], {})).exit).toBe(12)
  const wrong = rig.env['CLOUDINARY_URL']?.replace(/:[^:@]+@/, ':wrong@') ?? ''
  expect((await run(['backup'], { ...rig.env, CLOUDINARY_URL: wrong })).exit).toBe(12)
})

test('the first Ctrl-C stops a backup at a safe point with 130, and the next run goes on', async () => {
  rig.sandbox.faults.add({ area: 'delivery', fault: { kind: 'latency', ms: 200 } })
  const child = start(['backup', '--json', '--concurrency', '2'])
  const done = finish(child)
  child.stdout?.on('data', (chunk: Buffer) => {
    if (String(chunk).includes('"phase":"transfer"') || /"fetched":[1-9]/.test(String(chunk))) child.kill('SIGINT')
  })
  const { exit, out } = await done
  expect(exit).toBe(130)
  expect(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
    type: 'summary',
    ok: false,
    error: { code: 'INTERRUPTED' },
  })
  rig.sandbox.faults.clear()
  const again = await run(['backup', '--json'])
  expect(again.exit).toBe(0)
  expect(again.out).toContain('"type":"resumed"')
})

test('a reader that goes away is no error', async () => {
  const child = start(['ls', '--json'])
  child.stdout?.once('data', () => child.stdout?.destroy())
  const [exit] = await once(child, 'close')
  expect(exit).toBe(0)
})

test('a second run at the same time ends with 11 and says who holds the vault', async () => {
  rig.sandbox.faults.add({ area: 'admin', fault: { kind: 'latency', ms: 400 } })
  const first = start(['backup', '--json'])
  const done = finish(first)
  await once(first.stdout ?? first, 'data')
  const second = await run(['backup'])
  expect(second.exit).toBe(11)
  expect(second.err).toContain(String(first.pid))
  expect((await done).exit).toBe(0)
  rig.sandbox.faults.clear()
})

test('partial ends with 3, the guard with 4, and the hourly limit without waiting with 13', async () => {
  makeAsset(rig.cloud, { publicId: 'broken', bytes: Buffer.from('broken') })
  rig.sandbox.faults.add({ pathMatch: /broken/, area: ['delivery', 'download'], fault: { kind: 'wrong-bytes' } })
  const partial = await run(['backup'])
  expect(partial.exit).toBe(3)
  expect(partial.out).toContain('image/upload/broken')
  rig.sandbox.faults.clear()
  expect((await run(['backup'])).exit).toBe(0)
  for (const asset of [...rig.cloud.shelf.scan()].slice(0, 200)) rig.cloud.shelf.remove(asset.assetId)
  const guarded = await run(['backup'])
  expect(guarded.exit).toBe(4)
  expect(guarded.out).toContain('--yes-mass-change')
  expect((await run(['backup', '--yes-mass-change'])).exit).toBe(0)
  rig.sandbox.faults.add({ area: 'admin', fault: { kind: 'rate-limit' } })
  expect((await run(['backup', '--no-wait'])).exit).toBe(13)
  rig.sandbox.faults.clear()
})
