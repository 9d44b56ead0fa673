import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { CRC32C } from '@google-cloud/storage'
import { errorJson, Refusal, type Reply, refuse } from './gcs/answers.ts'
import { bucket, list, move, object, rewrite } from './gcs/api.ts'
import { type BucketSettings, type Generation, Objects } from './gcs/objects.ts'
import { Uploads } from './gcs/uploads.ts'
import type { Ask, World } from './gcs/world.ts'

/** What a test orders instead of the next answers to requests that match. */
export interface Fault {
  /** Looks at `METHOD /path?query`. */
  readonly match: RegExp
  /** How many requests. @default 1 */
  readonly times?: number
  /** Answers so, with that reason, without doing anything. */
  readonly status?: number
  readonly reason?: string
  /** `before`: closes the connection without doing anything. `after`: does it, and closes the connection without an answer. */
  readonly cut?: 'before' | 'after'
  /** Sends so many bytes of the body, then closes the connection. */
  readonly cutBodyAt?: number
  /** Answers 200 with nothing in it, as something in between may, without doing anything. */
  readonly isEmpty?: boolean
  /** Never answers. */
  readonly isSilent?: boolean
}

export interface GcsOptions extends Partial<BucketSettings> {
  /** The one bucket there is. @default "vaults" */
  readonly bucket?: string
  /** The most names of one page, whatever is asked for. @default 1000 */
  readonly largestPage?: number
  /** What a service that does not know "Objects: move" answers to it. @default it knows */
  readonly moveRefusal?: number
  /** What befalls each request, by its number from 1 on; ordered faults come first. @default nothing */
  readonly plan?: (number: number) => Omit<Fault, 'match'> | null
}

export interface FakeGcs {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string
  readonly bucket: string
  /** IAM permissions of whoever asks; all of them at first. */
  readonly rights: Set<string>
  /** `METHOD /path?query` of every request. */
  readonly requests: string[]
  /** Headers of the requests, in the same order. */
  readonly headers: IncomingMessage['headers'][]
  readonly uploads: Uploads
  generations(name: string): readonly Generation[]
  order(fault: Fault): void
  /** Answers to uploads state these fields instead of the truth; null ends it. */
  lie(fields: Readonly<Record<string, string>> | null): void
  /** Of the next chunk of a resumable upload only so many bytes are kept. */
  keepOfNextChunk(bytes: number): void
  /** The bucket is deleted. */
  vanish(): void
  close(): Promise<void>
}

const RIGHTS = [
  'storage.buckets.get',
  'storage.objects.create',
  'storage.objects.delete',
  'storage.objects.get',
  'storage.objects.list',
  'storage.objects.update',
  'storage.objects.setRetention',
  'storage.objects.overrideUnlockedRetention',
]

const readAll = async (request: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces)
}

const hash = (bytes: Buffer): { md5Hash: string; crc32c: string } => {
  const crc = new CRC32C()
  crc.update(bytes)
  return { md5Hash: createHash('md5').update(bytes).digest('base64'), crc32c: crc.toString() }
}

const route = (
  world: World & { readonly isGone: boolean },
  ask: Ask,
  how: { uploads: Uploads; largestPage: number; moveRefusal: number | undefined },
): Reply => {
  const [, isUpload, name, rest] = /^(\/upload)?\/storage\/v1\/b\/([^/]+)(\/.*)?$/u.exec(ask.path) ?? []
  if (name === undefined) return refuse(404, 'notFound', 'Not Found')
  if (world.isGone || decodeURIComponent(name) !== world.name)
    return refuse(404, 'notFound', 'The specified bucket does not exist.')
  if (isUpload !== undefined) return how.uploads.handle(ask)
  if (rest === undefined) return bucket(world)
  if (rest === '/o') return list(world, ask, how.largestPage)
  const [, from, method, to] = /^\/o\/([^/]+)(?:\/(moveTo|rewriteTo\/b\/[^/]+)\/o\/([^/]+))?$/u.exec(rest) ?? []
  if (from === undefined) return refuse(404, 'notFound', 'Not Found')
  if (method === 'moveTo' && how.moveRefusal !== undefined) return refuse(how.moveRefusal, '', 'no such method')
  if (method !== undefined && to !== undefined)
    return (method === 'moveTo' ? move : rewrite)(world, ask, decodeURIComponent(from), decodeURIComponent(to))
  return object(world, ask, decodeURIComponent(from))
}

const reply = (response: ServerResponse, { status, headers = {}, body = '' }: Reply, cutBodyAt?: number): void => {
  const bytes = Buffer.from(body)
  response.writeHead(status, { ...headers, ...(status !== 204 && { 'content-length': String(bytes.length) }) })
  if (cutBodyAt === undefined) {
    response.end(bytes)
    return
  }
  response.write(bytes.subarray(0, cutBodyAt), () => setTimeout(() => response.destroy(), 20))
}

/**
 * A stand-in for Google Cloud Storage: a real HTTP server with one bucket, written from Google's public reference ("Cloud
 * Storage JSON API": Objects and Buckets, "Uploads and downloads", "Perform resumable uploads", "Object Retention Lock",
 * "HTTP status and error codes for JSON"). It refuses what the reference says is refused. It proves that the store uses
 * that interface as the reference describes it, and nothing about Google's service.
 */
export const startGcs = async (options: GcsOptions = {}): Promise<FakeGcs> => {
  const objects = new Objects({
    versioning: options.versioning ?? false,
    objectRetention: options.objectRetention ?? false,
    retentionPolicy: options.retentionPolicy ?? null,
    softDeleteSeconds: options.softDeleteSeconds ?? 604_800,
  })
  const rights = new Set(RIGHTS)
  const turned = { lie: null as Readonly<Record<string, string>> | null, keep: Number.POSITIVE_INFINITY, isGone: false }
  const world = {
    name: options.bucket ?? 'vaults',
    objects,
    rights,
    hash,
    get lie() {
      return turned.lie
    },
    get isGone() {
      return turned.isGone
    },
    keepAtMost: () => {
      const kept = turned.keep
      turned.keep = Number.POSITIVE_INFINITY
      return kept
    },
  }
  const uploads = new Uploads(world)
  const faults: { fault: Fault; left: number }[] = []
  const requests: string[] = []
  const headers: IncomingMessage['headers'][] = []

  const nextFault = (line: string): Omit<Fault, 'match'> | null => {
    const found = faults.find(({ fault, left }) => left > 0 && fault.match.test(line))
    if (found === undefined) return options.plan?.(requests.length) ?? null
    found.left -= 1
    return found.fault
  }
  const answer = (ask: Ask): Reply => {
    try {
      return route(world, ask, {
        uploads,
        largestPage: options.largestPage ?? 1000,
        moveRefusal: options.moveRefusal,
      })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, headers: { 'content-type': 'application/json' }, body: errorJson(error) }
    }
  }
  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500).end(String(error))
    })
  })
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const line = `${request.method} ${request.url}`
    requests.push(line)
    headers.push(request.headers)
    const fault = nextFault(line)
    const body = await readAll(request)
    if (fault?.isSilent === true) return
    if (fault?.isEmpty === true) return reply(response, { status: 200 })
    if (fault?.cut === 'before') return void response.destroy()
    if (fault?.status !== undefined) {
      const refusal = new Refusal(fault.status, fault.reason ?? '', 'ordered')
      return reply(response, { status: fault.status, body: errorJson(refusal) })
    }
    const made = answer({
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      header: (name) => (request.headers[name] === undefined ? null : String(request.headers[name])),
      body,
    })
    if (fault?.cut === 'after') return void response.destroy()
    reply(response, made, fault?.cutBodyAt)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    bucket: world.name,
    rights,
    requests,
    headers,
    uploads,
    generations: (name) => objects.generations(name),
    order: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    lie: (fields) => {
      turned.lie = fields
    },
    keepOfNextChunk: (bytes) => {
      turned.keep = bytes
    },
    vanish: () => {
      turned.isGone = true
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
