import { expect, it } from 'vitest'
import { sampleEntry } from '../../test/samples/manifest.ts'
import { createNaming } from './naming.ts'

const entry = (version: string, path: string | null, assetId = 'a'.repeat(32)) =>
  sampleEntry({ assetId, version: version.repeat(16), path, object: version.repeat(64), size: 1 })

it('within a snapshot a file has the path that it has in the library', () => {
  const pathOf = createNaming(false)
  expect(pathOf(entry('1', 'a/photo.jpg'))).toBe('originals/a/photo.jpg')
  expect(pathOf(entry('2', null))).toBe(`originals/${'a'.repeat(32)}`)
  expect(pathOf(sampleEntry())).toBeNull()
})

it('versions that want the same path get files of their own, also where only case tells them apart', () => {
  const pathOf = createNaming(true)
  const paths = [entry('1', 'a/photo.jpg'), entry('2', 'a/PHOTO.jpg'), entry('3', 'a.b/none'), entry('4', 'A.B/none')]
  expect(paths.map(pathOf)).toEqual([
    'originals/a/photo.jpg',
    `originals/a/PHOTO~${'2'.repeat(16)}.jpg`,
    'originals/a.b/none',
    `originals/A.B/none~${'4'.repeat(16)}`,
  ])
})

it('the same version of two assets is told apart too', () => {
  const pathOf = createNaming(true)
  const paths = ['a', 'b', 'c'].map((id) => pathOf(entry('1', 'x.jpg', id.repeat(32))))
  expect(new Set(paths).size).toBe(3)
})
