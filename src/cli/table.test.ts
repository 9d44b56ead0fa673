import { describe, expect, it } from 'vitest'
import { widthOf } from './format.ts'
import { renderFacts, renderTable } from './table.ts'

const columns = [
  { title: 'size', align: 'right' as const },
  { title: 'name', flexible: true, path: true },
  { title: 'change' },
]

describe('renderTable', () => {
  it('aligns columns by what they look like', () => {
    expect(
      renderTable(
        columns,
        [
          ['1.0 KiB', '写真', 'new'],
          ['12 B', 'chair', 'renamed'],
        ],
        { width: null },
      ),
    ).toEqual(['   size  name   change', '1.0 KiB  写真   new', '   12 B  chair  renamed'])
  })

  it('cuts only the flexible column to stay inside the terminal', () => {
    const lines = renderTable(columns, [['12 B', 'a-very-long-name/that/does-not-fit/anywhere.jpg', 'new']], {
      width: 40,
    })
    expect(lines.every((line) => widthOf(line) <= 40)).toBe(true)
    expect(lines[1]).toMatch(/…\S*anywhere\.jpg {2}new$/)
  })

  it('cuts nothing in a pipe', () => {
    const name = 'x'.repeat(500)
    expect(renderTable(columns, [['1 B', name, 'new']], { width: null })[1]).toContain(name)
  })
})

describe('renderFacts', () => {
  it('aligns values and leaves out what is not known', () => {
    expect(
      renderFacts([
        ['a', '1'],
        ['unknown', null],
        ['bcd', '2'],
      ]),
    ).toEqual(['a    1', 'bcd  2'])
  })
})
