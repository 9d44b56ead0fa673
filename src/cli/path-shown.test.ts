import { describe, expect, it } from 'vitest'
import { loadSettings } from '../config/config.ts'
import { readEnvironment } from '../config/env.ts'
import { vaultFlag } from './path-shown.ts'

const flagOf = (vault: string, variables: Record<string, string> = {}): string =>
  vaultFlag(loadSettings(readEnvironment({ variables, cwd: process.cwd() }), vault === '' ? {} : { vault }).config)

describe('a command that is proposed', () => {
  it('names no vault where it lies in its usual place', () => {
    expect(flagOf('')).toBe('')
  })
  it('quotes a path that a shell would split', () => {
    expect(flagOf("/srv/my vault's")).toBe(` --vault '/srv/my vault'\\''s'`)
  })
  it('names a bucket with all of its parameters', () => {
    expect(flagOf('s3://shop/vault?endpoint=http://127.0.0.1:9000&region=eu')).toBe(
      " --vault 's3://shop/vault?endpoint=http://127.0.0.1:9000&region=eu'",
    )
  })
  it('does not name a bucket that the environment names', () => {
    expect(flagOf('', { CLOUDKEEP_VAULT: 's3://shop/vault' })).toBe('')
  })
})
