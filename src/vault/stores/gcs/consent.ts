import { AppError } from '../../../model/errors.ts'
import type { Gcs } from './place.ts'

/** At the root of the bucket, whatever the vault's prefix: the owner speaks for the bucket. */
const nameFor = (cloud: string): string => {
  if (/^[A-Za-z0-9_-]+$/u.test(cloud)) return `.wellknown/cloudinary/${cloud}`
  throw new AppError('STORE_REFUSED', `${JSON.stringify(cloud)} is not a cloud name`)
}

export const hasConsent = async (gcs: Gcs, cloud: string, signal?: AbortSignal): Promise<boolean> => {
  const answer = await gcs.calls.call({
    method: 'GET',
    target: `${gcs.bucketPath}/o/${encodeURIComponent(nameFor(cloud))}`,
    query: { fields: 'name' },
    doing: `look whether the bucket's owner allows ${cloud}`,
    right: 'storage.objects.get and storage.objects.list',
    signal,
    accept: [404],
  })
  if (answer.status === 404) await gcs.checkBucket(signal)
  return answer.status !== 404
}

/** Empty, and never protected: consent can be taken back. */
export const giveConsent = async (gcs: Gcs, cloud: string, signal?: AbortSignal): Promise<void> => {
  await gcs.calls.call({
    method: 'POST',
    target: gcs.uploadPath,
    query: { uploadType: 'media', name: nameFor(cloud), ifGenerationMatch: '0', fields: 'generation' },
    headers: { 'content-type': 'application/octet-stream' },
    body: [],
    doing: `allow ${cloud}`,
    right: 'storage.objects.create',
    signal,
    accept: [412],
  })
}
