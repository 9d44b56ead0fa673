import { createApiOf } from './api.ts'
import { connect } from './connection.ts'
import type { AccountReaderOptions } from './create-reader.ts'
import { deleteVersions, restoreVersions } from './write/backups.ts'
import { destroy, rename } from './write/change-asset.ts'
import { putConfiguration } from './write/configuration/put.ts'
import { createFolder } from './write/folders.ts'
import type { Hands } from './write/hands.ts'
import { createSilence } from './write/label-state.ts'
import { relabel } from './write/relabel.ts'
import { relate } from './write/relate.ts'
import { sendWrite, type WriteRequest } from './write/request.ts'
import { upload } from './write/upload.ts'
import { createUploadApi } from './write/upload-api.ts'
import { type AccountWriter, CHUNK_ABOVE, CHUNK_BYTES, type WriterEvents } from './writer.ts'

export interface AccountWriterOptions extends AccountReaderOptions, WriterEvents {
  /** Bytes of a chunk; larger bodies than `chunkAbove` go in chunks. At least 5 MiB. @default 20 MB */
  readonly chunkBytes?: number
  /** @default 100 MB, the most that one request may carry */
  readonly chunkAbove?: number
}

/** The service looks into media before it answers, and at long videos for longer than at anything that is read. */
const PATIENCE = 5
const ANSWER_MS = 60_000

/**
 * Writes to one account over HTTP. Holds connections until `close`. Throws CONFIG_INVALID for a prefix that is none; no
 * credential is tried before the first call.
 */
export const createAccountWriter = (options: AccountWriterOptions): AccountWriter => {
  const { cloud, apiKey, apiSecret, wait } = options
  const connection = connect(options)
  const { dispatcher, gate, now, retry, random, authorization } = connection
  const serverNow = (): number => now() + gate.skewMs
  const admin = createApiOf<WriteRequest>({ ...connection, send: sendWrite })
  const uploads = createUploadApi({
    ...connection,
    wait,
    credentials: { apiKey, apiSecret, authorization, serverNow },
    onStrain: options.onStrain ?? (() => undefined),
    answerMs: PATIENCE * (options.timeouts?.headersMs ?? ANSWER_MS),
  })
  const hands: Hands = {
    admin,
    uploads,
    details: { idsWork: false, allFlags: false },
    lists: { useFields: true },
    silence: createSilence(),
    retry,
    random,
    serverNow,
    chunkBytes: options.chunkBytes ?? CHUNK_BYTES,
    chunkAbove: options.chunkAbove ?? CHUNK_ABOVE,
  }
  return {
    account: { cloud },
    get calls() {
      return admin.calls
    },
    get uploads() {
      return uploads.uploads
    },
    upload: (wish, body, signal) => upload(hands, wish, body, signal),
    relabel: (asset, labels, signal) => relabel(hands, asset, labels, signal),
    rename: (from, to, signal) => rename(hands, from, to, signal),
    destroy: (asset, signal) => destroy(hands, asset, signal),
    restoreVersions: (wishes, signal) => restoreVersions(hands, wishes, signal),
    deleteVersions: (assetId, versionIds, signal) => deleteVersions(hands, assetId, versionIds, signal),
    createFolder: (path, signal) => createFolder(admin, path, signal),
    relate: (asset, to, signal) => relate(admin, asset, to, signal),
    putConfiguration: (part, item, options, signal) => putConfiguration(admin, { part, item, ...options }, signal),
    close: () => dispatcher.destroy(),
  }
}
