import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { json, type Reply, refuse } from './answers.ts'
import type { Generation } from './objects.ts'
import type { Ask, World } from './world.ts'
import { checkGeneration, describe, must } from './world.ts'

const Metadata = z.object({
  name: z.string().optional(),
  contentType: z.string().optional(),
  storageClass: z.string().optional(),
  md5Hash: z.string().optional(),
  crc32c: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  retention: z.object({ mode: z.enum(['Unlocked', 'Locked']), retainUntilTime: z.string() }).optional(),
})
type Metadata = z.infer<typeof Metadata>

interface Session {
  readonly metadata: Metadata
  readonly query: URLSearchParams
  readonly total: number | null
  received: Buffer
  done: Generation | null
}

const QUARTER = 256 * 1024

/** Checks rights and conditions as an upload begins, and again as it ends. */
const check = (world: World, metadata: Metadata, query: URLSearchParams): string => {
  const name = metadata.name ?? query.get('name') ?? refuse(400, 'required', 'Required')
  must(world, 'storage.objects.create')
  if (metadata.retention !== undefined) must(world, 'storage.objects.setRetention')
  checkGeneration(world.objects.live(name), query)
  if (world.objects.live(name) !== null) must(world, 'storage.objects.delete')
  return name
}

const store = (world: World, metadata: Metadata, query: URLSearchParams, bytes: Buffer): Generation => {
  const name = check(world, metadata, query)
  const { md5Hash, crc32c, name: _, ...rest } = metadata
  checkHashes(bytes, { md5Hash, crc32c }, world)
  return world.objects.insert({ ...rest, name, kmsKeyName: query.get('kmsKeyName') ?? undefined }, bytes)
}

const checkHashes = (
  bytes: Buffer,
  wanted: { md5Hash?: string | undefined; crc32c?: string | undefined },
  world: World,
): void => {
  const real = world.hash(bytes)
  if (wanted.md5Hash !== undefined && wanted.md5Hash !== real.md5Hash)
    refuse(400, 'invalid', `Provided MD5 hash "${wanted.md5Hash}" doesn't match calculated MD5 hash "${real.md5Hash}".`)
  if (wanted.crc32c !== undefined && wanted.crc32c !== real.crc32c)
    refuse(400, 'invalid', `Provided CRC32C "${wanted.crc32c}" doesn't match calculated CRC32C "${real.crc32c}".`)
}

/** The two parts of a multipart/related body. */
const partsOf = (body: Buffer, type: string): readonly [Buffer, Buffer] => {
  const boundary = /boundary="?([^";]+)"?/u.exec(type)?.[1] ?? refuse(400, 'badRequest', 'no boundary')
  const mark = Buffer.from(`--${boundary}`)
  const parts: Buffer[] = []
  for (let at = body.indexOf(mark); at >= 0; ) {
    const next = body.indexOf(mark, at + mark.length)
    if (next < 0) break
    const part = body.subarray(at + mark.length, next)
    // Between an empty line and the line break before the next boundary.
    parts.push(part.subarray(part.indexOf('\r\n\r\n') + 4, part.length - 2))
    at = next
  }
  const [first, second] = parts
  if (first === undefined || second === undefined || parts.length !== 2)
    return refuse(400, 'badRequest', 'not two parts')
  return [first, second]
}

const hashHeader = (value: string | undefined): { md5Hash?: string; crc32c?: string } => {
  const found: { md5Hash?: string; crc32c?: string } = {}
  for (const item of (value ?? '').split(',')) {
    const [, name, hash] = /^\s*(md5|crc32c)=(.+)$/u.exec(item) ?? []
    if (name === 'md5' && hash !== undefined) found.md5Hash = hash
    if (name === 'crc32c' && hash !== undefined) found.crc32c = hash
  }
  return found
}

/** Uploads as "Objects: insert" and "Perform resumable uploads" describe them. */
export class Uploads {
  readonly #sessions = new Map<string, Session>()
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  get open(): number {
    return this.#sessions.size
  }

  handle(ask: Ask): Reply {
    const id = ask.query.get('upload_id')
    if (id !== null) return this.#session(ask, id)
    const type = ask.query.get('uploadType')
    if (type === 'resumable') return this.#begin(ask)
    if (type === 'media') return json(this.#described(store(this.#world, {}, ask.query, ask.body)))
    if (type !== 'multipart') return refuse(400, 'badRequest', 'unknown uploadType')
    const [metadata, bytes] = partsOf(ask.body, ask.header('content-type') ?? '')
    const parsed = Metadata.parse(JSON.parse(metadata.toString()))
    return json(this.#described(store(this.#world, parsed, ask.query, bytes)))
  }

  #described(generation: Generation): Record<string, unknown> {
    const resource = describe(this.#world, generation)
    return this.#world.lie === null ? resource : { ...resource, ...this.#world.lie }
  }

  #begin(ask: Ask): Reply {
    const metadata = Metadata.parse(ask.body.length === 0 ? {} : JSON.parse(ask.body.toString()))
    check(this.#world, metadata, ask.query)
    const total = Number(ask.header('x-upload-content-length') ?? Number.NaN)
    const id = randomUUID()
    this.#sessions.set(id, {
      metadata,
      query: ask.query,
      total: Number.isNaN(total) ? null : total,
      received: Buffer.alloc(0),
      done: null,
    })
    return {
      status: 200,
      headers: { location: `http://${ask.header('host')}${ask.path}?uploadType=resumable&upload_id=${id}` },
    }
  }

  #session(ask: Ask, id: string): Reply {
    const session = this.#sessions.get(id)
    if (session === undefined) return refuse(404, 'notFound', 'unknown upload')
    if (ask.method === 'DELETE') {
      this.#sessions.delete(id)
      return { status: 499 }
    }
    if (session.done !== null) return json(this.#described(session.done))
    const range = ask.header('content-range') ?? ''
    const [, first, last, size] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/u.exec(range) ?? []
    if (size === undefined) return refuse(400, 'invalid', `bad Content-Range ${range}`)
    if (first !== undefined) this.#append(session, ask, { first: Number(first), last: Number(last), size })
    return this.#standing(session, ask, size)
  }

  #append(session: Session, ask: Ask, span: { first: number; last: number; size: string }): void {
    if (span.last - span.first + 1 !== ask.body.length) refuse(400, 'invalid', 'Content-Range and body differ')
    if (span.first > session.received.length) refuse(400, 'invalid', 'a gap')
    const isLast = span.size !== '*' && span.last + 1 === Number(span.size)
    if (!isLast && ask.body.length % QUARTER !== 0) refuse(400, 'invalid', 'not a multiple of 256 KiB')
    const fresh = ask.body.subarray(session.received.length - span.first)
    // The service may keep less than what was sent, in whole quarters of a megabyte.
    const kept = isLast ? fresh.length : Math.min(fresh.length, this.#world.keepAtMost())
    session.received = Buffer.concat([session.received, fresh.subarray(0, kept)])
  }

  #standing(session: Session, ask: Ask, size: string): Reply {
    const { received } = session
    if (size !== '*' && received.length === Number(size)) {
      if (session.total !== null && session.total !== received.length)
        refuse(400, 'invalid', 'another length announced')
      checkHashes(received, hashHeader(ask.header('x-goog-hash') ?? undefined), this.#world)
      session.done = store(this.#world, session.metadata, session.query, received)
      return json(this.#described(session.done))
    }
    return { status: 308, headers: received.length === 0 ? {} : { range: `bytes=0-${received.length - 1}` } }
  }
}
