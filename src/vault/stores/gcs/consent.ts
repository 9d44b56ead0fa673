import { AppError } from '../../../model/errors.ts'
import type { Gcs } from './place.ts'

/** At the root of the bucket, whatever the vault's prefix: the owner speaks for the bucket. */
const nameFor = (cloud: string): string => {
  if (/^[A-Za-z0-9_-]+$/u.test(cloud)) return `.wellknown/cloudinary/${cloud}`
  throw new AppError('STORE_REFUSED', `${JSON.stringify(cloud)} is not a cloud name`)
}

export const hasConsent = async (gcs: Gcs, cloud: string, signal?: AbortSignal): Promise<boolean> => {
  const name = nameFor(cloud)
  const answer = await gcs.calls.call(
    {
      doing: `look whether the bucket's owner allows ${cloud}`,
      right: 'storage.objects.get and storage.objects.list',
      signal,
      accept: [404],
    },
    (bucket) => bucket.file(name).getMetadata({ fields: 'name' }),
  )
  if (answer.status === 404) await gcs.checkBucket(signal)
  return answer.status !== 404
}

/** Empty, and never protected: consent can be taken back. */
export const giveConsent = async (gcs: Gcs, cloud: string, signal?: AbortSignal): Promise<void> => {
  const name = nameFor(cloud)
  const options = {
    resumable: false,
    validation: false,
    contentType: 'application/octet-stream',
    preconditionOpts: { ifGenerationMatch: 0 },
  }
  await gcs.calls.call({ doing: `allow ${cloud}`, right: 'storage.objects.create', signal, accept: [412] }, (bucket) =>
    bucket.file(name).save('', options),
  )
}
