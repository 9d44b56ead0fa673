import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import type { RestoreResult } from '../report.ts'

/** Results on their way from the transfers to the proof: on disk, because there may be millions. */
export interface ResultList {
  add(result: RestoreResult): void
  /** Everything added, in order. Nothing may be added afterwards. */
  read(): AsyncIterable<RestoreResult>
  remove(): Promise<void>
}

export async function createResultList(folder: string, id: string): Promise<ResultList> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `restore-${id}.ndjson`)
  const stream = createWriteStream(path)
  // Told when the list is read; until then a failure waits.
  const written = finished(stream)
  written.catch(() => undefined)
  return {
    add: (result) => void stream.write(`${JSON.stringify(result)}\n`),
    async *read() {
      stream.end()
      await written
      for await (const line of createInterface({
        input: createReadStream(path),
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        // Our own lines of a moment ago, from our own scratch file.
        yield JSON.parse(line) as RestoreResult
      }
    },
    async remove() {
      stream.destroy()
      await rm(path, { force: true })
    },
  }
}
