import { createInterface } from 'node:readline/promises'

/** Asks a person at the terminal. The terminal itself edits the line, so that Ctrl-C stays a signal to the program. */
export async function askAtTerminal(question: string, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
  try {
    return await lines.question(question, { signal })
  } finally {
    lines.close()
  }
}
