import { describe, expect, test } from 'vitest'
import { hasRadosgw, useRadosgw } from './radosgw.ts'

describe.skipIf(!hasRadosgw)('the S3 test server', () => {
  test('is one for all who ask at once, and knows nobody without a key', { timeout: 120_000 }, async () => {
    const [one, two] = await Promise.all([useRadosgw(), useRadosgw()])
    expect(two).toEqual(one)
    const answer = await fetch(`${one.endpoint}/no-such-bucket`)
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('NoSuchBucket')
  })
})
