import { pad, truncate, widthOf } from './format.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Gets what room is left when the table is too wide; at most one. */
  readonly flexible?: boolean
  /** Cells are cut in the middle instead of at the end. */
  readonly path?: boolean
  readonly paint?: (text: string) => string
}

const GAP = '  '

/**
 * Aligned columns without lines. Cells are plain text, already made safe; colour comes from the column, so that cutting
 * never cuts a colour sequence. `width` null means: as wide as it takes (a pipe must lose nothing).
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { width: number | null; head?: (text: string) => string },
): string[] {
  const widths = columns.map((column, i) =>
    Math.max(widthOf(column.title), ...rows.map((row) => widthOf(row[i] ?? ''))),
  )
  narrow(columns, widths, options.width)
  const render = (cells: readonly string[], painted: boolean): string =>
    columns
      .map((column, i) => {
        const room = widths[i] ?? 0
        const text = truncate(cells[i] ?? '', room, column.path ? 'middle' : 'end')
        const padded = i === columns.length - 1 && column.align !== 'right' ? text : pad(text, room, column.align)
        return painted && column.paint ? column.paint(padded) : padded
      })
      .join(GAP)
      .trimEnd()
  const head = render(
    columns.map((column) => column.title),
    false,
  )
  return [options.head ? options.head(head) : head, ...rows.map((row) => render(row, true))]
}

function narrow(columns: readonly Column[], widths: number[], width: number | null): void {
  if (width === null) return
  const flexible = columns.findIndex((column) => column.flexible)
  if (flexible < 0) return
  const total = widths.reduce((sum, each) => sum + each, 0) + GAP.length * (columns.length - 1)
  const now = widths[flexible] ?? 0
  widths[flexible] = Math.min(now, Math.max(12, now - (total - width)))
}

/** `name   value` lines with the values aligned. A null value leaves its line out. */
export function renderFacts(
  facts: readonly (readonly [name: string, value: string | null])[],
  paint: (name: string) => string = (name) => name,
): string[] {
  const shown = facts.filter((fact): fact is readonly [string, string] => fact[1] !== null)
  const width = Math.max(0, ...shown.map(([name]) => widthOf(name)))
  return shown.map(([name, value]) => `${paint(pad(name, width))}${GAP}${value}`)
}
