import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { AppError } from '../model/errors.ts'

/** Old and new addresses of restored assets, written as they become known. */
export interface UrlMap {
  add(cells: readonly string[]): void
  /** Throws STORE_REFUSED when the file could not be written. */
  close(): Promise<void>
}

/** A CSV file (RFC 4180) with a header. Replaces a file that is there. */
export function openUrlMap(path: string): UrlMap {
  const stream = createWriteStream(path)
  const written = finished(stream)
  // A failure is told at the end: the restore itself does not depend on the list.
  written.catch(() => undefined)
  const add = (cells: readonly string[]): void => void stream.write(`${cells.map(quoted).join(',')}\r\n`)
  add(['old_url', 'new_url', 'public_id'])
  return {
    add,
    async close() {
      stream.end()
      await written.catch((cause: unknown) => {
        throw new AppError('STORE_REFUSED', `the list of addresses could not be written to ${path}`, { cause })
      })
    },
  }
}

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`
