import { expect, test } from 'vitest'
import type { AssetFacts } from '../model/asset.ts'
import { isAppError } from '../model/errors.ts'
import { parseRule, parseRules } from './rules.ts'

const asset = (part: Partial<AssetFacts>): AssetFacts =>
  ({
    publicId: 'a',
    resourceType: 'image',
    type: 'upload',
    format: 'jpg',
    folder: '',
    tags: [],
    bytes: 1,
    createdAt: null,
    ...part,
  }) as AssetFacts

test('a bare pattern is matched against the whole public_id, a star stops at a slash', () => {
  const rule = parseRule('cache/*')
  expect(rule.matches(asset({ publicId: 'cache/x' }))).toBe(true)
  expect(rule.matches(asset({ publicId: 'cache/x/y' }))).toBe(false)
  expect(parseRule('cache/**').matches(asset({ publicId: 'cache/x/y' }))).toBe(true)
  expect(rule.matches(asset({ publicId: 'my/cache/x' }))).toBe(false)
})

test('a folder rule covers the folder and all below it, but not its namesakes', () => {
  for (const text of ['folder:drafts', 'folder:drafts/', 'folder:drafts/**']) {
    const rule = parseRule(text)
    expect(rule.matches(asset({ folder: 'drafts' }))).toBe(true)
    expect(rule.matches(asset({ folder: 'drafts/2026' }))).toBe(true)
    expect(rule.matches(asset({ folder: 'drafts2' }))).toBe(false)
  }
})

test('special characters in a pattern mean themselves', () => {
  expect(parseRule('a.(b)+[c]').matches(asset({ publicId: 'a.(b)+[c]' }))).toBe(true)
  expect(parseRule('a.b').matches(asset({ publicId: 'aXb' }))).toBe(false)
})

test('the rule that left an asset out is named', () => {
  const rules = parseRules(['folder:keep'], ['tag:temp'])
  expect(rules.excludedBy(asset({ folder: 'keep', tags: ['temp'] }))).toBe('tag:temp')
  expect(rules.excludedBy(asset({ folder: 'keep' }))).toBeNull()
  expect(rules.excludedBy(asset({ folder: 'other' }))).toBe('not included by folder:keep')
})

test('an unknown field or an empty pattern is a usage error', () => {
  for (const text of ['colour:red', 'tag:', '']) {
    expect(() => parseRule(text)).toThrow(expect.toSatisfy((error: unknown) => isAppError(error, 'USAGE')))
  }
})

const MB = 1024 ** 2

test.each([
  ['size:>100M', 100 * MB, false],
  ['size:>100M', 100 * MB + 1, true],
  ['size:>=100M', 100 * MB, true],
  ['size:<=2K', 2048, true],
  ['size:<2K', 2048, false],
  ['size:<1.5KB', 1499, true],
  ['size:<1.5KB', 1500, false],
  ['size:>0', null, false],
  ['size:<1G', null, false],
])('%s says of %s bytes: %s', (text, bytes, expected) => {
  expect(parseRule(text).matches(asset({ bytes }))).toBe(expected)
})

test.each([
  ['age:>2y', '2024-05-31T11:59:59Z', true],
  ['age:>2y', '2024-05-31T12:00:00Z', false],
  ['age:>=2y', '2024-05-31T12:00:00Z', true],
  ['age:<30d', '2026-05-01T12:00:01Z', true],
  ['age:<30d', '2026-05-01T12:00:00Z', false],
  ['age:>1y6m', '2024-11-30T11:00:00Z', true],
  ['age:>1h', null, false],
  ['age:<1h', 'never', false],
])('on 31 May 2026 at noon %s says of what was made at %s: %s', (text, createdAt, expected) => {
  const rule = parseRule(text, { now: new Date('2026-05-31T12:00:00Z') })
  expect(rule.matches(asset({ createdAt }))).toBe(expected)
})

test('an age without a moment to measure it against is a usage error, not a guess', () => {
  expect(() => parseRules([], ['age:>2y'])).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test.each(['size:100M', 'size:>', 'size:>big', 'age:2y', 'age:>old', 'age:>30', 'constructor:x'])(
  '%s cannot be understood',
  (text) => {
    expect(() => parseRule(text, { now: new Date(0) })).toThrow(expect.objectContaining({ code: 'USAGE' }))
  },
)

test('an override wins over every rule, in both directions, and is named', () => {
  const rules = parseRules(['folder:keep'], ['tag:temp'], {
    overrides: [
      { asset: 'image/upload/logo', backup: true },
      { asset: 'keep/raw', backup: false },
    ],
  })
  expect(rules.excludedBy(asset({ publicId: 'logo', folder: 'other', tags: ['temp'] }))).toBeNull()
  expect(rules.excludedBy(asset({ publicId: 'logo', resourceType: 'video', folder: 'keep' }))).toBeNull()
  expect(rules.excludedBy(asset({ publicId: 'logo', resourceType: 'video' }))).toBe('not included by folder:keep')
  expect(rules.excludedBy(asset({ publicId: 'keep/raw', folder: 'keep' }))).toBe('asset:keep/raw')
})

test('the most definite name of an asset decides between overrides', () => {
  const assetId = 'aa'.repeat(16)
  const rules = parseRules([], [], {
    overrides: [
      { asset: 'logo', backup: false },
      { asset: 'image/upload/logo', backup: true },
      { asset: assetId, backup: false },
    ],
  })
  expect(rules.excludedBy(asset({ publicId: 'logo', assetId }))).toBe(`asset:${assetId}`)
  expect(rules.excludedBy(asset({ publicId: 'logo', assetId: 'bb' }))).toBeNull()
  expect(rules.excludedBy(asset({ publicId: 'logo', assetId: 'bb', type: 'private' }))).toBe('asset:logo')
})

test('overrides of one name that disagree are refused', () => {
  const overrides = [
    { asset: 'logo', backup: true },
    { asset: 'logo', backup: false },
  ]
  expect(() => parseRules([], [], { overrides })).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('what left an asset out is a rule that leaves it out again', () => {
  const left = parseRules([], [], { overrides: [{ asset: 'a*b/c', backup: false }] })
  const name = left.excludedBy(asset({ publicId: 'a*b/c' })) ?? ''
  expect(parseRule(name).matches(asset({ publicId: 'a*b/c' }))).toBe(true)
  expect(parseRule(name).matches(asset({ publicId: 'aXb/c' }))).toBe(false)
})
