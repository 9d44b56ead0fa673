import { AppError } from '../../../model/errors.ts'
import { checkSignal } from '../../interrupt.ts'
import type { Body } from '../../store.ts'

/** Gives a body in buffers of chosen lengths, and makes sure that it is exactly as long as announced. */
export interface BodyReader {
  /** Exactly so many bytes, in a buffer that nobody else changes. Throws OBJECT_CORRUPT when the body ends earlier. */
  next(length: number): Promise<Uint8Array>
  /** Throws OBJECT_CORRUPT when the body goes on. */
  end(): Promise<void>
  /** Lets go of the source; may be called at any time, more than once. */
  close(): Promise<void>
}

const wrongLength = (key: string, body: Body, has: string): AppError =>
  new AppError('OBJECT_CORRUPT', `the body for ${key} has ${has} bytes, not ${body.size} as announced`)

const memoryReader = (key: string, body: Body, memory: Uint8Array): BodyReader => {
  let at = 0
  const check = (): void => {
    if (memory.byteLength !== body.size) throw wrongLength(key, body, String(memory.byteLength))
  }
  return {
    next: async (length) => {
      check()
      at += length
      return memory.subarray(at - length, at)
    },
    end: async () => check(),
    close: async () => undefined,
  }
}

const streamReader = (key: string, body: Body, signal: AbortSignal | undefined): BodyReader => {
  const pieces = body.open()[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)
  let total = 0
  /** False at the end. */
  const pull = async (): Promise<boolean> => {
    checkSignal(signal, `writing ${key}`)
    const { done, value } = await pieces.next()
    if (done === true) return false
    rest = value
    total += value.byteLength
    checkSignal(signal, `writing ${key}`)
    return true
  }
  return {
    next: async (length) => {
      const buffer = Buffer.allocUnsafe(length)
      for (let filled = 0; filled < length; ) {
        if (rest.byteLength === 0 && !(await pull())) throw wrongLength(key, body, String(total))
        const taken = rest.subarray(0, length - filled)
        // Copied at once: a source may use its buffer again for the next piece.
        buffer.set(taken, filled)
        filled += taken.byteLength
        rest = rest.subarray(taken.byteLength)
      }
      return buffer
    },
    end: async () => {
      while (rest.byteLength === 0) if (!(await pull())) return
      throw wrongLength(key, body, `at least ${total}`)
    },
    close: async () => {
      await pieces.return?.()
    },
  }
}

export const readBody = (key: string, body: Body, signal: AbortSignal | undefined): BodyReader =>
  body.memory === undefined ? streamReader(key, body, signal) : memoryReader(key, body, body.memory)
