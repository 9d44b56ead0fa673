import { expect, it } from 'vitest'
import type { ConflictPolicy } from '../report.ts'
import { decideFile, type Found } from './decide.ts'
import { restoredName, sidecarName } from './names.ts'

const KEPT = Date.UTC(2026, 0, 1)
const nothing: Found = { kind: 'nothing' }
const same: Found = { kind: 'same-bytes' }
const folder: Found = { kind: 'folder' }
const older: Found = { kind: 'other', mtime: KEPT - 10_000 }
const newer: Found = { kind: 'other', mtime: KEPT + 10_000 }
const asOld: Found = { kind: 'other', mtime: KEPT - 1000 }

it.each<[Found, ConflictPolicy, string]>([
  [nothing, 'skip', 'write'],
  [nothing, 'rename', 'write'],
  [same, 'skip', 'already-there'],
  [same, 'overwrite', 'already-there'],
  [same, 'rename', 'already-there'],
  [older, 'skip', 'conflict'],
  [newer, 'skip', 'conflict'],
  [folder, 'skip', 'conflict'],
  [older, 'overwrite', 'replace'],
  [newer, 'overwrite', 'replace'],
  [folder, 'overwrite', 'blocked'],
  [older, 'newer', 'replace'],
  [asOld, 'newer', 'newer-there'],
  [newer, 'newer', 'newer-there'],
  [folder, 'newer', 'blocked'],
  [older, 'rename', 'rename'],
  [folder, 'rename', 'rename'],
])('%j with %s: %s', (found, policy, decision) => expect(decideFile(found, policy, KEPT)).toBe(decision))

it('does not replace a file by a version whose time nobody knows', () =>
  expect(decideFile(older, 'newer', null)).toBe('newer-there'))

it.each([
  ['a/Chair.jpg', 1, 'a/Chair (restored).jpg'],
  ['a/Chair.jpg', 2, 'a/Chair (restored 2).jpg'],
  ['.hidden', 1, '.hidden (restored)'],
  ['a.b/noextension', 1, 'a.b/noextension (restored)'],
  ['x.tar.gz', 1, 'x.tar (restored).gz'],
  [`${'x'.repeat(251)}.jpg`, 1, `${'x'.repeat(240)} (restored).jpg`],
  [`${'\u6f22'.repeat(84)}.jpg`, 1, `${'\u6f22'.repeat(80)} (restored).jpg`],
])('%s beside itself for the %i. time is %s', (path, attempt, name) => {
  expect(restoredName(path, attempt)).toBe(name)
  expect(Buffer.byteLength(name.split('/').at(-1) ?? '')).toBeLessThanOrEqual(255)
})

it('cuts the name of a sidecar where it would be too long', () => {
  expect(sidecarName('a/Chair.jpg', 'xmp')).toBe('a/Chair.jpg.xmp')
  expect(Buffer.byteLength(sidecarName('y'.repeat(255), 'json'))).toBe(255)
})
