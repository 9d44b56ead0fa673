import { createHash } from 'node:crypto'
import { CRC32C } from '@google-cloud/storage'
import { refuse } from './answers.ts'

export interface Retention {
  readonly mode: 'Unlocked' | 'Locked'
  readonly retainUntilTime: string
}

/** One generation of an object, as the "Objects" resource describes it. */
export interface Generation {
  readonly name: string
  readonly generation: string
  readonly bytes: Buffer
  readonly md5Hash: string
  readonly crc32c: string
  readonly timeCreated: string
  readonly storageClass: string
  readonly kmsKeyName: string | undefined
  readonly contentType: string
  metageneration: number
  updated: string
  timeDeleted?: string
  metadata: Record<string, string>
  retention?: Retention
}

export interface NewObject {
  readonly name: string
  readonly contentType?: string | undefined
  readonly storageClass?: string | undefined
  readonly metadata?: Record<string, string> | undefined
  readonly retention?: Retention | undefined
  readonly kmsKeyName?: string | undefined
}

export interface BucketSettings {
  readonly versioning: boolean
  /** Single objects may be protected. */
  readonly objectRetention: boolean
  readonly retentionPolicy: { readonly seconds: number; readonly isLocked: boolean } | null
  readonly softDeleteSeconds: number
}

const hash = (bytes: Buffer): { md5Hash: string; crc32c: string } => {
  const crc = new CRC32C()
  crc.update(bytes)
  return { md5Hash: createHash('md5').update(bytes).digest('base64'), crc32c: crc.toString() }
}

/** The objects of one bucket with all their generations. */
export class Objects {
  readonly #names = new Map<string, Generation[]>()
  readonly settings: BucketSettings
  #last = 0n

  constructor(settings: BucketSettings) {
    this.settings = settings
  }

  /** Microseconds since the epoch, and always more than before. */
  #nextGeneration(): string {
    const now = BigInt(Date.now()) * 1000n
    this.#last = now > this.#last ? now : this.#last + 1n
    return String(this.#last)
  }

  /** In the order of their bytes, as the service lists them. */
  names(): string[] {
    return [...this.#names.keys()].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
  }

  generations(name: string): readonly Generation[] {
    return this.#names.get(name) ?? []
  }

  live(name: string): Generation | null {
    return this.generations(name).find(({ timeDeleted }) => timeDeleted === undefined) ?? null
  }

  find(name: string, generation: string | null): Generation | null {
    if (generation === null) return this.live(name)
    return this.generations(name).find((one) => one.generation === generation) ?? null
  }

  /** When the bucket's policy lets go of an object. */
  policyEnd({ timeCreated }: Generation): string | undefined {
    const { retentionPolicy } = this.settings
    if (retentionPolicy === null) return undefined
    return new Date(Date.parse(timeCreated) + retentionPolicy.seconds * 1000).toISOString()
  }

  #checkFree(found: Generation): void {
    const ends = [found.retention?.retainUntilTime, this.policyEnd(found)]
    if (ends.some((end) => end !== undefined && Date.parse(end) > Date.now()))
      refuse(403, 'retentionPolicyNotMet', `Object '${found.name}' is subject to a retention and cannot be deleted`)
  }

  /** What is live makes room: hidden where versions are kept, removed elsewhere, unless it is protected. */
  #retire(name: string): void {
    const found = this.live(name)
    if (found === null) return
    if (this.settings.versioning) found.timeDeleted = new Date().toISOString()
    else this.#erase(found)
  }

  #erase(found: Generation): void {
    this.#checkFree(found)
    const left = this.generations(found.name).filter((one) => one !== found)
    if (left.length === 0) this.#names.delete(found.name)
    else this.#names.set(found.name, left)
  }

  #add(generation: Generation): Generation {
    this.#retire(generation.name)
    this.#names.set(generation.name, [...this.generations(generation.name), generation])
    return generation
  }

  insert(made: NewObject, bytes: Buffer): Generation {
    if (made.retention !== undefined && !this.settings.objectRetention)
      refuse(400, 'invalid', 'The bucket is not enabled for object retention')
    const now = new Date().toISOString()
    return this.#add({
      name: made.name,
      generation: this.#nextGeneration(),
      bytes,
      ...hash(bytes),
      timeCreated: now,
      updated: now,
      storageClass: made.storageClass ?? 'STANDARD',
      kmsKeyName: made.kmsKeyName,
      contentType: made.contentType ?? 'application/octet-stream',
      metageneration: 1,
      metadata: { ...made.metadata },
      ...(made.retention !== undefined && { retention: made.retention }),
    })
  }

  /** Without a generation the live one, which is only hidden where versions are kept. */
  remove(name: string, generation: string | null): void {
    const found = this.find(name, generation)
    if (found === null) return
    if (generation === null) this.#retire(name)
    else this.#erase(found)
  }

  move(found: Generation, to: string): Generation {
    this.#checkFree(found)
    this.#retire(to)
    this.remove(found.name, found.generation)
    return this.copy(found, to, found.kmsKeyName)
  }

  copy(found: Generation, to: string, kmsKeyName: string | undefined): Generation {
    const { retention: _, timeDeleted: __, ...rest } = found
    const now = new Date().toISOString()
    return this.#add({
      ...rest,
      kmsKeyName,
      name: to,
      generation: this.#nextGeneration(),
      metageneration: 1,
      timeCreated: now,
      updated: now,
    })
  }
}
