import { isCloudName } from '../../../model/cloud-name.ts'
import { AppError } from '../../../model/errors.ts'
import type { Room } from './calls.ts'
import { ask } from './calls.ts'
import { isAbsence, isConditionNotMet } from './errors.ts'

/** At the container's root, whatever the prefix of the vault is. */
const blobName = (cloud: string): string => {
  if (isCloudName(cloud)) return `.wellknown/cloudinary/${cloud}`
  throw new AppError('STORE_REFUSED', `${JSON.stringify(cloud)} is not the name of a Cloudinary account`)
}

export const hasConsent = (room: Room, cloud: string, signal: AbortSignal | undefined): Promise<boolean> =>
  ask(
    room,
    { doing: `looking for the consent to ${cloud}`, right: 'read', signal },
    async ({ signal: abortSignal }) => {
      await room.container.getBlobClient(blobName(cloud)).getProperties({ abortSignal })
      return true
    },
    (error) => (isAbsence(error) ? false : undefined),
  )

export const giveConsent = async (room: Room, cloud: string, signal: AbortSignal | undefined): Promise<void> => {
  await ask(
    room,
    { doing: `writing the consent to ${cloud}`, right: 'write', signal },
    async ({ signal: abortSignal }) => {
      const options = { abortSignal, conditions: { ifNoneMatch: '*' } }
      await room.container.getBlockBlobClient(blobName(cloud)).upload('', 0, options)
      return true
    },
    (error) => (isConditionNotMet(error) ? true : undefined),
  )
}
