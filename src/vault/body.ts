import { createReadStream } from 'node:fs'
import type { Body } from './store.ts'

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  if (bytes.byteLength > 0) yield bytes
}

export const memoryBody = (bytes: Uint8Array): Body => ({
  size: bytes.byteLength,
  memory: bytes,
  open: () => single(bytes),
})

export const textBody = (text: string): Body => memoryBody(Buffer.from(text, 'utf8'))

/** A file the store may take as its own: after a successful `put` it may be gone. */
export const fileBody = (file: string, size: number): Body => ({
  size,
  file,
  open: () => createReadStream(file, { highWaterMark: 256 * 1024 }),
})
