import type { Entry } from '../model/entry.ts'

/** One original on its way into an export. */
export interface Original {
  readonly entry: Entry
  /** SHA-256 of its bytes. */
  readonly object: string
  readonly size: number
  /** Where it goes, from the root of the export, `/`-separated and safe. */
  readonly path: string
  /** Milliseconds since the epoch. */
  readonly mtime: number
}

/** `loss` null: it is in; anything else is the error of the vault that kept it out. */
export type Settled = (original: Original, outcome: { readonly loss: unknown; readonly wasThere: boolean }) => void

/** The shape of an export: where its files go, and what makes it whole. */
export interface Packing {
  /**
   * Adds originals, each proven against its digest before it counts. What the vault does not give is settled with its
   * loss and leaves nothing behind; an error of the other side is thrown.
   */
  originals(files: AsyncIterable<Original>, settled: Settled): Promise<void>
  /** Nothing may lie at this path, also not from an earlier attempt. */
  absent(path: string): Promise<void>
  /** Adds a file that is made here, in pieces of text. */
  generated(path: string, text: AsyncIterable<string> | Iterable<string>): Promise<void>
  /** Makes the export whole and durable. */
  finish(): Promise<void>
  /** After an error: what cannot be continued is removed; what can stays, under a name that says so. */
  abandon(): Promise<void>
}

/** Told how many bytes went by, for the display. */
export type OnBytes = (bytes: number) => void
