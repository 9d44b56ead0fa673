import { AppError } from '../../../model/errors.ts'
import type { Stat } from '../../store.ts'
import type { Connection } from './connection.ts'
import { changedAt } from './read.ts'

export type Listed = Stat & { key: string }

/** Names at the root that are the bucket's or its console's, and folders that a console made: nobody's data. */
export const isOurs = (key: string): boolean => key !== '' && !key.startsWith('.') && !key.endsWith('/')

export const endless = ({ name }: Connection): AppError =>
  new AppError('STORE_REFUSED', `cannot list ${name}: the service says that there is more, but not where`)

/** All keys with that prefix, page by page; a page that fails is asked for again. */
export async function* listKeys(
  connection: Connection,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Listed, void, void> {
  const { sdk, client, bucket, base, ask } = connection
  let token: string | undefined
  do {
    const input = { Bucket: bucket, Prefix: base + prefix, ...(token !== undefined && { ContinuationToken: token }) }
    const page = await ask({ what: `list ${prefix}*`, right: 's3:ListBucket', signal }, (options) =>
      client.send(new sdk.ListObjectsV2Command(input), options),
    )
    for (const { Key: fullKey, Size: size, LastModified: modified } of page.Contents ?? []) {
      const key = fullKey?.slice(base.length)
      if (key !== undefined && size !== undefined && isOurs(key)) yield { key, size, ...changedAt(modified) }
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
    if (page.IsTruncated === true && token === undefined) throw endless(connection)
  } while (token !== undefined)
}
