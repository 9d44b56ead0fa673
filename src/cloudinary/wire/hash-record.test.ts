import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../model/json.ts'
import { hashRecord } from './hash-record.ts'

const record: JsonObject = {
  asset_id: 'a',
  public_id: 'p',
  version: 1,
  tags: ['x', 'y'],
  context: { custom: { alt: 'one', caption: 'two' } },
}

describe('a record’s hash', () => {
  it('is 32 hex digits', () => {
    expect(hashRecord(record)).toMatch(/^[0-9a-f]{32}$/)
  })

  it('does not depend on the order of keys or tags', () => {
    const other = {
      context: { custom: { caption: 'two', alt: 'one' } },
      tags: ['y', 'x'],
      version: 1,
      public_id: 'p',
      asset_id: 'a',
    }
    expect(hashRecord(other)).toBe(hashRecord(record))
  })

  it.each([
    { url: 'http://a', secure_url: 'https://a' },
    { derived: [{ id: 'x' }], next_cursor: 'c' },
    { placeholder: false, access_control: null, metadata: {}, pages: 4294967295 },
  ])('does not change with %j', (more) => {
    expect(hashRecord({ ...record, ...more })).toBe(hashRecord(record))
  })

  it.each([
    { version: 2 },
    { tags: ['x'] },
    { tags: ['x', 'y', 'z'] },
    { context: { custom: { alt: 'One', caption: 'two' } } },
    { context: { custom: { alt: 'one' } } },
    { placeholder: true },
    { something_new: 'since' },
    { display_name: '' },
  ])('changes with %j', (more) => {
    expect(hashRecord({ ...record, ...more })).not.toBe(hashRecord(record))
  })

  it('keeps the order of other arrays', () => {
    expect(hashRecord({ a: [1, 2] })).not.toBe(hashRecord({ a: [2, 1] }))
  })

  it('survives a round through JSON text', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const json = value as JsonObject
        expect(hashRecord(JSON.parse(JSON.stringify(json)) as JsonObject)).toBe(hashRecord(json))
      }),
    )
  })
})
