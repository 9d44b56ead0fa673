import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepChanging } from '../../sandbox/changes.ts'
import { makeAsset } from '../../sandbox/make-asset.ts'
import { createVirtualShelf } from '../../sandbox/virtual/shelf.ts'
import { createRig, differences } from '../rig.ts'
import { runProgram, start } from './program.ts'

test('with a fifth of all requests failing in mixed ways, the program ends complete', async () => {
  const rig = await createRig({ env: { CLOUDKEEP_IDLE_TIMEOUT: '700ms', CLOUDKEEP_HEADERS_TIMEOUT: '1500ms' } })
  try {
    for (let n = 0; n < 1200; n += 1)
      makeAsset(rig.cloud, { publicId: `p/${n}`, bytes: Buffer.from(`bytes of ${n} `.repeat(300)) })
    rig.sandbox.faults.seed(42)
    rig.sandbox.faults.mixed(0.2)
    const end = await runProgram(['backup', '--json', '--details', 'none'], rig.env)
    rig.sandbox.faults.clear()
    expect(end.code, end.stdout.slice(-2000) + end.stderr).toBe(0)
    expect(end.lines.at(-1)).toMatchObject({
      type: 'summary',
      ok: true,
      complete: true,
      scanned: 1200,
      fetched: 1200,
      failed: 0,
    })
    expect(rig.sandbox.faults.applied).toBeGreaterThan(200)
    expect(await differences(rig)).toEqual([])
  } finally {
    await rig.close()
  }
})

test('an account that changes while it is listed is kept in the state that a following run agrees with', async () => {
  const rig = await createRig()
  try {
    for (let n = 0; n < 2000; n += 1) {
      makeAsset(rig.cloud, {
        publicId: `p/${n}`,
        bytes: Buffer.from(`bytes of ${n} `.repeat(30)),
        createdAt: Date.now() - 7_200_000 + n,
      })
    }
    rig.sandbox.faults.add({ area: 'admin', fault: { kind: 'latency', ms: 60 } })
    const changes = keepChanging(rig.cloud, { everyMs: 5, seed: 3 })
    const busy = await runProgram(['backup', '--json', '--details', 'none', '--yes-mass-change'], rig.env)
    await changes.stop()
    expect([0, 3], busy.stdout.slice(-1500) + busy.stderr).toContain(busy.code)
    const calm = await runProgram(['backup', '--json', '--details', 'none', '--yes-mass-change'], rig.env)
    expect(calm.code, calm.stdout.slice(-1500) + calm.stderr).toBe(0)
    expect(await differences(rig)).toEqual([])
  } finally {
    await rig.close()
  }
})

test('a disk that fills up ends the run with one plain sentence; with space again it goes on and is whole', async ({
  skip,
}) => {
  const disk = await mkdtemp(join(tmpdir(), 'cloudkeep-small-disk-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]).status === 0
  if (!mounted) {
    await rm(disk, { recursive: true })
    skip('a small disk cannot be mounted here: this needs the right to mount a tmpfs')
  }
  const rig = await createRig({
    vault: join(disk, 'vault'),
    shelf: createVirtualShelf({ assets: 400, seed: 5, medianBytes: 60_000 }),
  })
  try {
    const full = await runProgram(['backup', '--json', '--details', 'none'], rig.env)
    expect(full.code, full.stderr).toBe(1)
    const summary = full.lines.at(-1) as { ok: boolean; error: { code: string; message: string } }
    expect(summary).toMatchObject({ ok: false, error: { code: 'STORE_FULL' } })
    const verified = await runProgram(['verify', '--read', 'all', '--json'], rig.env)
    expect(verified.code, verified.stdout).toBe(0)
    const grown = spawnSync('mount', ['-o', 'remount,size=256m', disk])
    expect(grown.status).toBe(0)
    const before = rig.sandbox.requests.filter((r) => r.area === 'delivery').length
    const after = await runProgram(['backup', '--json', '--details', 'none'], rig.env)
    expect(after.code, after.stdout.slice(-1500) + after.stderr).toBe(0)
    expect(rig.sandbox.requests.filter((r) => r.area === 'delivery').length - before).toBeLessThan(400)
    expect(await differences(rig)).toEqual([])
    expect(await readdir(join(rig.vault, '.cache', 'scratch')).catch(() => [])).toEqual([])
  } finally {
    await rig.close()
    spawnSync('umount', [disk])
    await rm(disk, { recursive: true, force: true })
  }
})

test('a second run on the same vault is refused with who and since when, and a dead owner is taken over', async () => {
  const rig = await createRig()
  try {
    for (let n = 0; n < 200; n += 1) makeAsset(rig.cloud, { publicId: `p/${n}` })
    rig.sandbox.faults.add({ area: 'delivery', fault: { kind: 'latency', ms: 300 } })
    const first = start(['backup', '--details', 'none'], rig.env)
    while (!rig.sandbox.requests.some((r) => r.area === 'delivery'))
      await new Promise((resolve) => setTimeout(resolve, 50))
    const second = await runProgram(['backup', '--json'], rig.env)
    expect(second.code).toBe(11)
    const { error } = second.lines.at(-1) as { error: { code: string; message: string } }
    expect(error.code).toBe('VAULT_LOCKED')
    expect(error.message).toContain(String(first.child.pid))
    expect(error.message).toMatch(/since/u)
    first.child.kill('SIGKILL')
    await first.ended
    rig.sandbox.faults.clear()
    const third = await runProgram(['backup', '--json', '--details', 'none'], rig.env)
    expect(third.code, third.stderr).toBe(0)
    expect(await differences(rig)).toEqual([])
  } finally {
    await rig.close()
  }
})

test('an interrupt stops cleanly, says that it can be resumed, and it can', async () => {
  const rig = await createRig()
  try {
    for (let n = 0; n < 300; n += 1) makeAsset(rig.cloud, { publicId: `p/${n}` })
    rig.sandbox.faults.add({ area: 'delivery', fault: { kind: 'latency', ms: 150 } })
    const running = start(['backup', '--details', 'none'], rig.env)
    while (rig.sandbox.requests.filter((r) => r.area === 'delivery').length < 20)
      await new Promise((resolve) => setTimeout(resolve, 50))
    running.child.kill('SIGINT')
    const end = await running.ended
    expect(end.code, end.stderr).toBe(130)
    expect(end.stderr).toMatch(/resume|again|goes on/iu)
    rig.sandbox.faults.clear()
    const next = await runProgram(['backup', '--json', '--details', 'none'], rig.env)
    expect(next.code, next.stderr).toBe(0)
    expect(await differences(rig)).toEqual([])
  } finally {
    await rig.close()
  }
})
