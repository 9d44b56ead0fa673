import { createHash, randomUUID } from 'node:crypto'
import type { Body, PutMode } from '../../store.ts'
import { readBody } from './body-reader.ts'
import type { Connection } from './connection.ts'
import { newBody, type Settings } from './settings.ts'

export interface Write {
  /** Relative to the vault. */
  readonly key: string
  readonly body: Body
  readonly mode: PutMode
  readonly signal: AbortSignal | undefined
}

/** A body that the key got by this call. */
export interface Written {
  /** Where the bucket keeps versions. */
  readonly versionId: string | undefined
}

/** What every body bears, so that a lost answer can be told from somebody else's body. */
const MARK = 'cloudkeep-put'

export const markOf = (mark: string) => ({ Metadata: { [MARK]: mark } })

/** Null unless the key now has the body that was sent with that mark. */
export const findOurs = (connection: Connection, { key, signal }: Write, mark: string): Promise<Written | null> => {
  const { sdk, client, bucket, base } = connection
  return connection.ask<Written | null>(
    { what: `look at ${key}`, right: 's3:GetObject', signal },
    async (options) => {
      const found = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: base + key }), options)
      return found.Metadata?.[MARK] === mark ? { versionId: found.VersionId } : null
    },
    { NotFound: () => null },
  )
}

export const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest()

/** The service knows no conditions on writing (Backblaze B2 answers 501 to them): nothing was written. */
export const NO_CONDITIONS = Symbol('no conditions')

/**
 * A whole body in one request, from one buffer; its MD5 goes along, so the service refuses what was damaged on its way.
 * Null, with mode `create`, when the key was there.
 */
export const putWhole = async (
  connection: Connection,
  settings: Settings,
  write: Write,
): Promise<Written | null | typeof NO_CONDITIONS> => {
  const { key, body, mode, signal } = write
  const { sdk, client, bucket, base } = connection
  const reader = readBody(key, body, signal)
  try {
    const bytes = await reader.next(body.size)
    await reader.end()
    const mark = randomUUID()
    const command = {
      Bucket: bucket,
      Key: base + key,
      Body: bytes,
      ContentLength: bytes.byteLength,
      ContentMD5: md5(bytes).toString('base64'),
      ...markOf(mark),
      ...newBody(settings, key),
      ...(mode === 'create' && { IfNoneMatch: '*' }),
    }
    return await connection.ask<Written | null | typeof NO_CONDITIONS>(
      { what: `write ${key}`, right: 's3:PutObject', signal },
      async (options) => {
        const answer = await client.send(new sdk.PutObjectCommand(command), options)
        return { versionId: answer.VersionId }
      },
      // An earlier try may have arrived though its answer did not.
      {
        PreconditionFailed: (attempt) => (attempt > 1 ? findOurs(connection, write, mark) : null),
        ...(mode === 'create' && { NotImplemented: () => NO_CONDITIONS }),
      },
    )
  } finally {
    await reader.close()
  }
}
