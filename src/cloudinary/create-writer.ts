import type { AccountReaderOptions } from './create-reader.ts'
import type { AccountWriter, WriterEvents } from './writer.ts'

export interface AccountWriterOptions extends AccountReaderOptions, WriterEvents {
  /** Bytes of a chunk; larger bodies than `chunkAbove` go in chunks. @default 20 MB */
  readonly chunkBytes?: number
  /** @default 100 MB, the most that one request may carry */
  readonly chunkAbove?: number
}

export const createAccountWriter = (_options: AccountWriterOptions): AccountWriter => {
  throw new Error('the writer is being built')
}
