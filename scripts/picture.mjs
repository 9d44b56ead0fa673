// Draws what a terminal shows as an SVG: `node scripts/picture.mjs [--title TEXT] [--rows N] < recording > picture.svg`.
// A recording is what a program wrote to a terminal, for example `script -qec 'npm start' recording`. Of the control
// sequences it follows those that the program uses: colours, cursor up, erasing, carriage return.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { title: { type: 'string' }, rows: { type: 'string' } } })

const CELL = { width: 8.4, height: 19, size: 14 }
const MARGIN = 20
const BAR = 38
const INK = '#d5dae1'
const PAPER = '#14181f'
const FRAME = '#1d232d'
const DIMMED = 0.55

/** SGR 30 to 37 and 90 to 97. */
const COLOURS = [
  ...['#4b5463', '#ef6b73', '#8fce7e', '#e6c06c', '#6cb2f5', '#c795e8', '#5cc8cf', '#d5dae1'],
  ...['#6f7a8b', '#ff8e95', '#a9e39a', '#f3d58d', '#8fc7ff', '#dab3f3', '#83e0e6', '#ffffff'],
]

const PLAIN = { colour: null, bold: false, dim: false, underline: false }

/** The style after one SGR parameter. */
function styled(style, code) {
  if (code === 0) return PLAIN
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, dim: true }
  if (code === 4) return { ...style, underline: true }
  if (code === 22) return { ...style, bold: false, dim: false }
  if (code === 24) return { ...style, underline: false }
  if (code === 39) return { ...style, colour: null }
  if (code >= 30 && code <= 37) return { ...style, colour: COLOURS[code - 30] }
  if (code >= 90 && code <= 97) return { ...style, colour: COLOURS[code - 82] }
  return style
}

/** Plays a recording and returns the rows of the screen, each a list of cells. */
function play(recording) {
  const rows = [[]]
  let at = { row: 0, column: 0 }
  let style = PLAIN
  const control = (parameters, command) => {
    const numbers = parameters.split(';').map((text) => Number.parseInt(text, 10) || 0)
    const [first = 0] = numbers
    if (command === 'm') for (const code of numbers) style = styled(style, code)
    if (command === 'A') at = { ...at, row: Math.max(0, at.row - (first || 1)) }
    if (command === 'G') at = { ...at, column: Math.max(0, first - 1) }
    if (command === 'K') rows[at.row]?.splice(at.column)
    if (command === 'J') {
      rows[at.row]?.splice(at.column)
      rows.splice(at.row + 1)
    }
  }
  const put = (text) => {
    if (text === '\n') at = { row: at.row + 1, column: 0 }
    else if (text === '\r') at = { ...at, column: 0 }
    else if (text >= ' ') {
      const row = rows[at.row] ?? []
      for (let column = row.length; column < at.column; column += 1) row[column] = { text: ' ', style: PLAIN }
      row[at.column] = { text, style }
      rows[at.row] = row
      at = { ...at, column: at.column + 1 }
    }
    while (rows.length <= at.row) rows.push([])
  }
  const tokens = /\u001b\[([\d;?]*)([A-Za-z])|\u001b\][^\u0007]*\u0007|\u001b.|([\s\S])/gu
  for (const [, parameters, command, text] of recording.matchAll(tokens)) {
    if (command !== undefined) control(parameters ?? '', command)
    else if (text !== undefined) put(text)
  }
  while (rows.length > 0 && rows.at(-1).every((cell) => cell.text === ' ')) rows.pop()
  return rows
}

const entities = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Words of one style that stand together, each placed by its column, so that no font and no viewer can shift it. */
function pieces(row) {
  const runs = []
  for (const [column, { text, style }] of row.entries()) {
    const last = runs.at(-1)
    if (last !== undefined && last.style === style) last.cells.push(text)
    else runs.push({ column, cells: [text], style })
  }
  return runs.flatMap(({ column, cells, style }) =>
    [...cells.join('').matchAll(/\S+(?: \S+)*/gu)].map((match) => ({
      column: column + [...cells.join('').slice(0, match.index)].length,
      text: match[0],
      style,
    })),
  )
}

function drawPiece({ column, text, style }, y) {
  const attributes = [
    `x="${(MARGIN + column * CELL.width).toFixed(1)}"`,
    `y="${y}"`,
    `textLength="${([...text].length * CELL.width).toFixed(1)}"`,
    style.colour === null ? '' : `fill="${style.colour}"`,
    style.bold ? 'font-weight="600"' : '',
    style.dim ? `opacity="${DIMMED}"` : '',
    style.underline ? 'text-decoration="underline"' : '',
  ]
  return `<text ${attributes.filter((attribute) => attribute !== '').join(' ')}>${entities(text)}</text>`
}

function draw(rows, title) {
  const columns = Math.max(72, ...rows.map((row) => row.length))
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN)
  const height = BAR + rows.length * CELL.height + MARGIN + 8
  const lines = rows.flatMap((row, i) => pieces(row).map((piece) => drawPiece(piece, BAR + 22 + i * CELL.height)))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${entities(title)}">
<rect width="${width}" height="${height}" rx="10" fill="${PAPER}"/>
<path d="M0 10a10 10 0 0 1 10-10h${width - 20}a10 10 0 0 1 10 10v${BAR - 10}h-${width}z" fill="${FRAME}"/>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="${CELL.size}" fill="${INK}">
<text x="${width / 2}" y="25" text-anchor="middle" opacity="${DIMMED}" font-size="13">${entities(title)}</text>
${lines.join('\n')}
</g>
</svg>
`
}

const recording = readFileSync(0, 'utf8').replace(/^Script started[^\n]*\n|\nScript done[\s\S]*$/gu, '')
const rows = play(recording)
const limit = Number(values.rows ?? rows.length)
process.stdout.write(draw(rows.slice(-limit), values.title ?? 'cloudkeep'))
