import { expect, test } from 'vitest'
import type { AssetFacts } from '../model/asset.ts'
import { isAppError } from '../model/errors.ts'
import { parseRule, parseRules } from './rules.ts'

const asset = (part: Partial<AssetFacts>): AssetFacts =>
  ({ publicId: 'a', resourceType: 'image', type: 'upload', format: 'jpg', folder: '', tags: [], ...part }) as AssetFacts

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
