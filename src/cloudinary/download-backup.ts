import { type OpenBody, type SigningOptions, signedUrl } from './download.ts'
import type { OpenedBody } from './reader.ts'

/** See `AccountReader.openBackup`. The signature covers exactly these two ids and the time, as the SDKs sign it. */
export const createBackupDownloader =
  (open: OpenBody, options: SigningOptions) =>
  async (
    assetId: string,
    versionId: string,
    at: { readonly offset: number },
    signal: AbortSignal,
  ): Promise<OpenedBody> => {
    const url = signedUrl('download_backup', { asset_id: assetId, version_id: versionId }, options)
    return await open({ name: `version ${versionId} of ${assetId}`, url }, { offset: at.offset, etag: null }, signal)
  }
