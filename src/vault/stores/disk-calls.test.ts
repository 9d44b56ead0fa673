import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createDiskCalls } from './disk-calls.ts'

test('a slow disk gets the thread pool, and is tried in place again later', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudkeep-calls-'))
  let time = 0
  let step = 0
  let looks = 0
  const calls = createDiskCalls(() => {
    looks += 1
    time += step
    return time
  })
  await calls.stat(folder)
  expect(looks).toBe(2)
  step = 50
  await calls.stat(folder)
  looks = 0
  for (let n = 0; n < 512; n += 1) await calls.stat(folder)
  expect(looks).toBe(0)
  await calls.stat(folder)
  expect(looks).toBe(2)
  rmSync(folder, { recursive: true })
})

test('both ways do the same, errors included', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudkeep-calls-'))
  let slow = 0
  for (const ms of [0, 1000]) {
    const calls = createDiskCalls(() => {
      slow += ms
      return slow
    })
    await calls.stat(folder)
    const file = join(folder, `f${ms}`)
    const fd = await calls.open(file, 'wx', 0o600)
    expect(await calls.write(fd, Buffer.from('hello'), 1)).toBe(4)
    await calls.close(fd)
    await calls.rename(file, `${file}.new`)
    expect(statSync(`${file}.new`).size).toBe(4)
    expect(await calls.stat(file)).toBeNull()
    expect(await calls.stat(join(`${file}.new`, 'below'))).toBeNull()
    await expect(calls.open(`${file}.new`, 'wx')).rejects.toMatchObject({ code: 'EEXIST' })
  }
  rmSync(folder, { recursive: true })
})
