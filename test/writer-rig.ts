import { createHash } from 'node:crypto'
import { createCloud } from '../sandbox/cloud.ts'
import { type Sandbox, startSandbox } from '../sandbox/server.ts'
import type { Asset, Cloud, CloudSettings } from '../sandbox/state.ts'
import { pngOf } from '../sandbox/upload/testing.ts'
import { type AccountWriterOptions, createAccountWriter } from '../src/cloudinary/create-writer.ts'
import type { ReaderEvent } from '../src/cloudinary/events.ts'
import type { AccountWriter, AssetName, UploadBody, UploadWish } from '../src/cloudinary/writer.ts'

/** An account in a sandbox and a writer of it that retries without long pauses. */
export interface WriterRig {
  readonly sandbox: Sandbox
  readonly cloud: Cloud
  readonly writer: AccountWriter
  readonly events: ReaderEvent[]
  readonly strains: { count: number }
  /** Another writer of the same account. */
  again(options: Partial<AccountWriterOptions>): AccountWriter
  close(): Promise<void>
}

export const startRig = async (
  settings: Partial<CloudSettings> = {},
  options: Partial<AccountWriterOptions> = {},
): Promise<WriterRig> => {
  const cloud = createCloud({ name: 'acme', settings: { rateLimit: 100_000, ...settings } })
  const sandbox = await startSandbox({ clouds: [cloud] })
  const events: ReaderEvent[] = []
  const strains = { count: 0 }
  const open: AccountWriter[] = []
  const again = (more: Partial<AccountWriterOptions>): AccountWriter => {
    const made = createAccountWriter({
      ...optionsFor(sandbox, cloud),
      onEvent: (event) => events.push(event),
      onStrain: () => {
        strains.count += 1
      },
      ...more,
    })
    open.push(made)
    return made
  }
  return {
    sandbox,
    cloud,
    writer: again(options),
    events,
    strains,
    again,
    close: async () => {
      for (const writer of open) await writer.close()
      await sandbox.close()
    },
  }
}

export const optionsFor = (sandbox: Sandbox, cloud: Cloud): AccountWriterOptions => ({
  cloud: cloud.name,
  apiKey: cloud.keys[0]?.key ?? '',
  apiSecret: cloud.keys[0]?.secret ?? '',
  uploadPrefix: sandbox.url,
  reserve: 0,
  wait: true,
  retry: { firstMs: 1, maxMs: 5 },
  timeouts: { headersMs: 3000, bodyMs: 3000 },
})

/** Counts how often it was opened, and for what. */
export interface TestBody extends UploadBody {
  readonly opened: { start: number; end: number }[]
}

const PIECE = 64 * 1024

async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}

export const bodyOf = (bytes: Buffer): TestBody => {
  const opened: { start: number; end: number }[] = []
  return {
    size: bytes.length,
    md5: createHash('md5').update(bytes).digest('hex'),
    opened,
    open: async (range) => {
      opened.push(range)
      return piecesOf(bytes.subarray(range.start, range.end + 1))
    },
  }
}

/** A small picture; another `filler`, other bytes. */
export const picture = (filler = ''): Buffer => pngOf(4, 3, filler)

export const nameOf = (publicId: string, more: Partial<AssetName> = {}): AssetName => ({
  publicId,
  resourceType: 'image',
  type: 'upload',
  ...more,
})

export const wishFor = (publicId: string, more: Partial<UploadWish> = {}): UploadWish => ({
  name: nameOf(publicId),
  labels: {},
  originalFilename: null,
  overwrite: true,
  ...more,
})

export const storedAs = (cloud: Cloud, name: AssetName): Asset => {
  const asset = cloud.shelf.byName(name.resourceType, name.type, name.publicId)
  if (asset === undefined) throw new Error(`${name.publicId} is not there`)
  return asset
}

export const bytesOf = (asset: Asset): Buffer => asset.content?.read(0, asset.content.size - 1) ?? Buffer.alloc(0)

export const NEVER = new AbortController().signal
