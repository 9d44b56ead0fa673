import pc from 'picocolors'
import type { TerminalWishes } from '../config/env.ts'

type Paint = (text: string) => string

/** Colours by meaning. A theme without colour leaves every text as it is. */
export interface Theme {
  readonly colour: boolean
  readonly strong: Paint
  readonly dim: Paint
  readonly accent: Paint
  readonly ok: Paint
  readonly warn: Paint
  readonly bad: Paint
  readonly marks: Marks
}

interface Marks {
  readonly ok: string
  readonly warn: string
  readonly bad: string
  readonly dot: string
  readonly arrow: string
  readonly barFull: string
  readonly barEmpty: string
  readonly spinner: readonly string[]
}

const UNICODE: Marks = {
  ok: '✓',
  warn: '!',
  bad: '✗',
  dot: '·',
  arrow: '→',
  barFull: '━',
  barEmpty: '─',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
}
const ASCII: Marks = {
  ok: 'ok',
  warn: '!',
  bad: 'x',
  dot: '-',
  arrow: '->',
  barFull: '=',
  barEmpty: '.',
  spinner: ['|', '/', '-', '\\'],
}

/** The theme of one stream. NO_COLOR and `--no-color` beat FORCE_COLOR, which beats what the stream is. */
export function createTheme(stream: { readonly isTTY?: boolean }, wishes: TerminalWishes): Theme {
  const colour = wishes.colour ?? (stream.isTTY === true && !wishes.dumb)
  const colours = pc.createColors(colour)
  return {
    colour,
    strong: colours.bold,
    dim: colours.dim,
    accent: colours.cyan,
    ok: colours.green,
    warn: colours.yellow,
    bad: colours.red,
    marks: wishes.unicode ? UNICODE : ASCII,
  }
}
