import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Child, Compiled } from '../../test/child.ts'
import { compile } from '../../test/child.ts'
import { openLockFile } from '../catalog/sqlite-lock.ts'
import { idOfLock, lockVault } from './lock.ts'

const HOLD = `
import { lockVault } from './src/vault/lock.js'
import { openLockFile } from './src/catalog/sqlite-lock.js'
const [, , root, command, startAt = '0'] = process.argv
await new Promise((resolve) => setTimeout(resolve, Math.max(0, Number(startAt) - Date.now())))
try {
  await lockVault(root, { command, now: new Date('2026-11-22T06:00:00Z'), openLockFile })
  console.log('held')
  setInterval(() => {}, 1000)
} catch (error) {
  console.log(error.code + ' ' + error.message)
}
`

let compiled: Compiled
let root: string
let children: Child[] = []

beforeAll(async () => {
  compiled = await compile('src/vault/lock.ts', 'src/catalog/sqlite-lock.ts')
})
afterAll(() => compiled.dispose())
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cloudkeep-lock-'))
})
afterEach(async () => {
  for (const child of children) child.kill()
  await Promise.all(children.map((child) => child.ended()))
  children = []
  await rm(root, { recursive: true, force: true })
})

const options = { command: 'verify', now: new Date('2026-11-22T07:00:00Z'), openLockFile }

const startHolder = async (command: string, startAt = 0): Promise<Child> => {
  const child = await compiled.start(HOLD, [root, command, String(startAt)])
  children.push(child)
  return child
}

describe('the lock of a vault', () => {
  it('is taken, let go and taken again', async () => {
    const first = await lockVault(root, options)
    await first.release()
    await first.release()
    const second = await lockVault(root, options)
    await second.release()
  })

  it('says who holds it while it is held, and nothing afterwards', async () => {
    const lock = await lockVault(root, options)
    const note = join(root, 'locks', 'run.json')
    expect(JSON.parse(await readFile(note, 'utf8'))).toEqual({
      command: 'verify',
      pid: process.pid,
      host: hostname(),
      since: '2026-11-22T07:00:00.000Z',
    })
    await lock.release()
    await expect(stat(note)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is refused to a second run in the same process', async () => {
    const lock = await lockVault(root, options)
    await expect(lockVault(root, { ...options, patienceMs: 30 })).rejects.toMatchObject({ code: 'VAULT_LOCKED' })
    await lock.release()
    await (await lockVault(root, options)).release()
  })

  it('held by another process is refused with its command, process, host and time', async () => {
    const child = await startHolder('backup')
    expect(await child.line()).toBe('held')
    await expect(lockVault(root, options)).rejects.toMatchObject({
      code: 'VAULT_LOCKED',
      message: `${root} is locked by "backup", process ${child.process.pid} on ${hostname()}, since 2026-11-22T06:00:00.000Z`,
    })
  })

  it('is free as soon as its holder is killed, and then says who holds it now', async () => {
    const child = await startHolder('backup')
    expect(await child.line()).toBe('held')
    child.kill()
    await child.ended()
    const lock = await lockVault(root, options)
    const refused = await startHolder('prune')
    expect(await refused.line()).toContain(`is locked by "verify", process ${process.pid} on`)
    await lock.release()
  })

  it('goes to exactly one of eight processes that want it at once', async () => {
    const startAt = Date.now() + 900
    const racing = await Promise.all(Array.from({ length: 8 }, (_, index) => startHolder(`run${index}`, startAt)))
    const said = await Promise.all(racing.map((child) => child.line()))
    expect(said.filter((line) => line === 'held')).toHaveLength(1)
    expect(said.filter((line) => line.startsWith('VAULT_LOCKED'))).toHaveLength(7)
    const winner = said.indexOf('held')
    for (const line of said) if (line !== 'held') expect(line).toContain(`"run${winner}"`)
  })

  it('is not confused by a note that is torn, stale or hostile', async () => {
    const lock = await lockVault(root, options)
    const note = join(root, 'locks', 'run.json')
    for (const content of ['', '{', '[]', '{"pid":"x"}']) {
      await writeFile(note, content)
      await expect(lockVault(root, { ...options, patienceMs: 0 })).rejects.toMatchObject({
        code: 'VAULT_LOCKED',
        message: `${root} is locked by another run`,
      })
    }
    await writeFile(
      note,
      JSON.stringify({ command: '\u001b[31mred', pid: 1, host: 'h\n', since: '2026-11-22T06:00:00Z' }),
    )
    await expect(lockVault(root, { ...options, patienceMs: 0 })).rejects.toMatchObject({
      message: `${root} is locked by "?[31mred", process 1 on h?, since 2026-11-22T06:00:00Z`,
    })
    await lock.release()
    await writeFile(note, 'stale')
    await (await lockVault(root, options)).release()
  })

  it('on something that is no lock file is STORE_REFUSED', async () => {
    await (await lockVault(root, options)).release()
    await writeFile(join(root, 'locks', 'run.lock'), 'x'.repeat(5000))
    await expect(lockVault(root, options)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      message: expect.stringContaining('run.lock'),
    })
    await writeFile(join(root, 'file'), '')
    await expect(lockVault(join(root, 'file'), options)).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })

  it('has an id that stays, unlike that of every other lock, and gets a new one when it cannot be read', async () => {
    await (await lockVault(root, options)).release()
    const first = await idOfLock(root, 'run')
    expect(await idOfLock(root, 'run')).toBe(first)
    expect(await idOfLock(root, 'prune')).not.toBe(first)
    await writeFile(join(root, 'locks', 'run.id'), first.slice(0, 3))
    const second = await idOfLock(root, 'run')
    expect(second).toMatch(/^[0-9a-f]{16}$/)
    expect(second).not.toBe(first)
  })
})
