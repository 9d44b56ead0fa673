/** The words in which the dialects differ, so that one frozen migration serves them all. */
export interface Flavour {
  /** A primary key that counts up by itself. */
  readonly id: string
  /** Text compared byte by byte. */
  readonly text: string
  /** Integers up to 2^53. */
  readonly integer: string
  /** Ends a table whose rows lie in the order of its primary key; empty where there is no such thing. */
  readonly clustered: string
}

export interface Migration {
  readonly name: string
  up(flavour: Flavour): readonly string[]
}
