import { AppError, isAppError } from '../model/errors.ts'
import type { Bytes, Store } from './store.ts'

/** Reads something that must be small whole. Throws VAULT_INVALID when it is not small. */
export const readText = async (
  store: Store,
  key: string,
  options: { limit: number; signal?: AbortSignal | undefined },
): Promise<string> => {
  const pieces: Uint8Array[] = []
  let size = 0
  const bytes: Bytes = await store.get(key, options.signal)
  for await (const piece of bytes) {
    pieces.push(piece)
    size += piece.byteLength
    if (size > options.limit)
      throw new AppError('VAULT_INVALID', `${key} is larger than ${options.limit} bytes, which it never is`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))
  } catch (cause) {
    throw new AppError('VAULT_INVALID', `${key} is not text`, { cause })
  }
}

/** Runs a decoder and puts the name of what it decodes in front of its complaint. */
export const naming = <T>(what: string, decode: () => T): T => {
  try {
    return decode()
  } catch (error) {
    if (!isAppError(error, 'VAULT_INVALID')) throw error
    throw new AppError('VAULT_INVALID', `${what} cannot be used: ${error.message}`, {
      cause: error,
      ...(error.hint !== undefined && { hint: error.hint }),
    })
  }
}
