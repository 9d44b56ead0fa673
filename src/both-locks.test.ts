import { expect, test } from 'vitest'
import { holdingBoth } from './both-locks.ts'
import { AppError } from './model/errors.ts'
import type { LockName } from './vault/lock.ts'

/** Locks that write down what happens to them; one may be held by somebody else. */
const locks = (taken?: LockName) => {
  const told: string[] = []
  const lock = async (command: string, name: LockName = 'run') => {
    if (name === taken) throw new AppError('VAULT_LOCKED', `${name} is held`)
    told.push(`${command} takes ${name}`)
    return { release: async () => void told.push(`lets ${name} go`) }
  }
  return { told, lock }
}

test('both locks are held while the work goes on, and let go in reverse', async () => {
  const { told, lock } = locks()
  expect(await holdingBoth({ lock }, 'copy', async () => told.push('works'))).toBe(3)
  expect(told).toEqual(['copy takes run', 'copy takes prune', 'works', 'lets prune go', 'lets run go'])
})

test('the first is let go when the second is held by somebody else', async () => {
  const { told, lock } = locks('prune')
  await expect(holdingBoth({ lock }, 'rekey', async () => told.push('works'))).rejects.toMatchObject({
    code: 'VAULT_LOCKED',
  })
  expect(told).toEqual(['rekey takes run', 'lets run go'])
})

test('both are let go when the work fails', async () => {
  const { told, lock } = locks()
  await expect(holdingBoth({ lock }, 'copy', () => Promise.reject(new RangeError('no')))).rejects.toThrow('no')
  expect(told.slice(2)).toEqual(['lets prune go', 'lets run go'])
})
