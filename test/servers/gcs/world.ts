import { refuse } from './answers.ts'
import type { Generation, Objects } from './objects.ts'

/** A request as the handlers see it. */
export interface Ask {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  header(name: string): string | null
  readonly body: Buffer
}

/** What the handlers share, and what a test can turn. */
export interface World {
  readonly name: string
  readonly objects: Objects
  readonly rights: ReadonlySet<string>
  /** Fields that answers to uploads state instead of the truth. */
  readonly lie: Readonly<Record<string, string>> | null
  /** Bytes of the next chunk of a resumable upload that are kept. */
  keepAtMost(): number
  hash(bytes: Buffer): { md5Hash: string; crc32c: string }
}

export const must = (world: World, right: string): void => {
  if (!world.rights.has(right))
    refuse(403, 'forbidden', `the caller does not have ${right} access to the Google Cloud Storage object.`)
}

/** ifGenerationMatch=0: only when nothing is live. */
export const checkGeneration = (live: Generation | null, query: URLSearchParams): void => {
  const wanted = query.get('ifGenerationMatch')
  if (wanted === null) return
  if (wanted !== (live?.generation ?? '0'))
    refuse(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.')
}

/** The "Objects" resource. */
export const describe = (world: World, generation: Generation): Record<string, unknown> => {
  const { bytes, metageneration, ...rest } = generation
  const retentionExpirationTime = world.objects.policyEnd(generation)
  return {
    kind: 'storage#object',
    bucket: world.name,
    size: String(bytes.length),
    metageneration: String(metageneration),
    ...rest,
    ...(retentionExpirationTime !== undefined && { retentionExpirationTime }),
  }
}
