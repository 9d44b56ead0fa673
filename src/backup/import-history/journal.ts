import { createReadStream } from 'node:fs'
import { appendFile, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { createDigestSet } from '../../lib/digest-set.ts'
import { sha256Hex } from '../../lib/hash.ts'
import type { Proof } from '../../model/entry.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import { count, digest, fieldsOf, maybe, oneOf, parseJson, text, textLike } from '../../model/shape.ts'

/** Bytes that came in and were good. */
export interface Received {
  readonly object: string
  readonly size: number
  readonly md5: string
  readonly proof: Proof | null
}

/**
 * What an import need not do again: two files of JSON lines in `.cache`. They only spare work. Without them every asset
 * is asked for once more, and what a killed run had downloaded but not yet recorded is downloaded again.
 */
export interface Journal {
  /** True when everything was kept that Cloudinary held of the asset while it was in this state. */
  wasAsked(assetId: string, cldVersion: number): boolean
  noteAsked(assets: readonly AskedAsset[]): Promise<void>
  received(assetId: string, versionId: string): Received | null
  /** Before the object gets its name, so that a kill between the two is told apart by looking for the object. */
  noteReceived(assetId: string, versionId: string, received: Received): Promise<void>
  /** After everything that was received has been recorded. */
  forgetReceived(): Promise<void>
}

export interface AskedAsset {
  readonly assetId: string
  readonly cldVersion: number
}

const PROOFS: readonly Proof[] = ['md5', 'length']
const MD5 = { pattern: /^[0-9a-f]{32}$/, wanted: 'an MD5 in 32 hex digits' }

const keyOf = (assetId: string, rest: string | number): string => sha256Hex(`${assetId} ${rest}`)

/** Lines that cannot be read are as if they were not there: the last one of a run that was killed, for example. */
const readLine = (line: string, take: (fields: ReturnType<typeof fieldsOf>) => void): void => {
  try {
    take(fieldsOf(parseJson(line), 'the line'))
  } catch (error) {
    if (!isAppError(error, 'VAULT_INVALID')) throw error
  }
}

async function* linesOf(file: string): AsyncIterable<string> {
  const stream = createReadStream(file)
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) yield line
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  } finally {
    stream.destroy()
  }
}

/** Throws STORE_FULL or STORE_REFUSED when it cannot be written. */
export async function openJournal(prefix: string, readOnly: boolean): Promise<Journal> {
  const files = { asked: `${prefix}-asked.jsonl`, received: `${prefix}-received.jsonl` }
  const asked = createDigestSet()
  for await (const line of linesOf(files.asked)) {
    readLine(line, (fields) => asked.add(keyOf(text(fields, 'assetId'), count(fields, 'cldVersion'))))
  }
  const received = new Map<string, Received>()
  for await (const line of linesOf(files.received)) {
    readLine(line, (fields) => {
      const [object, size, md5] = [digest(fields, 'object'), count(fields, 'size'), textLike(fields, 'md5', MD5)]
      const body = { object, size, md5, proof: maybe(fields, 'proof', (from, name) => oneOf(from, name, PROOFS)) }
      received.set(keyOf(text(fields, 'assetId'), text(fields, 'versionId')), body)
    })
  }
  const append = (file: string, lines: readonly object[]): Promise<void> =>
    readOnly || lines.length === 0 ? Promise.resolve() : appendLines(file, lines)
  return {
    wasAsked: (assetId, cldVersion) => asked.has(keyOf(assetId, cldVersion)),
    noteAsked: (assets) =>
      append(
        files.asked,
        assets.map(({ assetId, cldVersion }) => ({ assetId, cldVersion })),
      ),
    received: (assetId, versionId) => received.get(keyOf(assetId, versionId)) ?? null,
    noteReceived: (assetId, versionId, body) => append(files.received, [{ assetId, versionId, ...body }]),
    forgetReceived: () => (readOnly ? Promise.resolve() : rm(files.received, { force: true })),
  }
}

/** In one write, so that lines of several assets do not mix. What is cut short by a kill spoils no line but its own. */
async function appendLines(file: string, lines: readonly object[]): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await appendFile(file, lines.map((line) => `\n${JSON.stringify(line)}`).join(''))
  } catch (error) {
    throw cannotWrite(file, error)
  }
}

const cannotWrite = (file: string, error: unknown): AppError => {
  const code = (error as NodeJS.ErrnoException).code
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  return new AppError(isFull ? 'STORE_FULL' : 'STORE_REFUSED', `cannot write ${file}`, { cause: error })
}
