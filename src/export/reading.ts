import { isOneObjects } from '../vault/object-loss.ts'
import type { Bytes } from '../vault/store.ts'
import type { Vault } from '../vault/vault.ts'
import type { OnBytes } from './packing.ts'

/** One object while it is read. */
export interface Reading {
  /** Throws instead of ending when the bytes are not what their name says. */
  bytes(): Bytes
  /** Gives back an error that is this object's own, for the caller to settle; throws any other. */
  loss(error: unknown): Promise<unknown>
}

export function createReading(
  vault: Vault,
  digest: string,
  { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: OnBytes },
): Reading {
  const failure: { error: unknown } = { error: null }
  return {
    async *bytes() {
      try {
        for await (const piece of await vault.openObject(digest, signal)) {
          onBytes(piece.byteLength)
          yield piece
        }
      } catch (error) {
        failure.error = error
        throw error
      }
    },
    async loss(error) {
      if (error !== failure.error || !(await isOneObjects(vault, error))) throw error
      return error
    },
  }
}
