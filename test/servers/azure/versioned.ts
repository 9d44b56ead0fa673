import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'

// A blob service with one container that has version-level immutability, as little of it as the store uses. Azurite knows
// neither versions nor immutability (it answers 501), so this is written from the vendor's reference: "Put Blob", "Put
// Block List", "List Blobs", "Delete Blob", "Set Blob Immutability Policy", "Blob versioning", "Version-level WORM
// policies for immutable blob data" (learn.microsoft.com). It proves which requests the store sends and what it makes of
// the answers; it does not prove that the service answers so. Signatures are not looked at.

export interface Recorded {
  readonly method: string
  /** With its query. */
  readonly url: URL
  readonly headers: IncomingMessage['headers']
}

interface Version {
  readonly id: string
  readonly bytes: Buffer
  readonly md5: string
  readonly modified: Date
  until: Date | null
  mode: string | null
  held: boolean
}

interface Blob {
  /** Oldest first. */
  versions: Version[]
  current: Version | null
  staged: Map<string, Buffer>
}

/** What is done instead of, or after, what was asked for. */
export type Trouble =
  | { readonly status: number; readonly code: string }
  /** `hang` answers never, `drop` breaks the connection, `lose` does the work first, `cut` and `stall` in mid body. */
  | 'hang'
  | 'drop'
  | 'lose'
  | 'cut'
  | 'stall'

export interface VersionedServer {
  readonly endpoint: string
  readonly requests: Recorded[]
  readonly blobs: ReadonlyMap<string, Blob>
  /** Asked at each request; null lets it pass. */
  trouble: (request: Recorded) => Trouble | null
  /** Milliseconds of rest after each piece of a request's body. */
  pace: number
  /** Headers of the container's properties. */
  container: Record<string, string>
  hold(name: string): void
  close(): Promise<void>
}

const ACCOUNT = 'testaccount'
const PAGE = 3

const readAll = async (request: IncomingMessage, pace: number): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of request) {
    pieces.push(piece)
    if (pace > 0) await new Promise((resolve) => setTimeout(resolve, pace))
  }
  return Buffer.concat(pieces)
}

class Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string) {
    super(code)
    this.status = status
    this.code = code
  }
}

interface Exchange extends Recorded {
  readonly body: Buffer
  readonly response: ServerResponse
  readonly name: string
  readonly query: URLSearchParams
  /** What happens after half of a body, whose length was promised. */
  readonly half?: 'cut' | 'stall'
}

const header = ({ headers }: Recorded, name: string): string | null => {
  const value = headers[name]
  return typeof value === 'string' ? value : null
}

const answer = (response: ServerResponse, status: number, headers: Record<string, string> = {}, body = ''): void => {
  response.writeHead(status, { 'x-ms-version': '2025-01-05', ...headers })
  response.end(body)
}

const isProtected = ({ until, held }: Version): boolean => held || (until !== null && until.getTime() > Date.now())

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

const itemXml = (name: string, blob: Blob, version: Version): string =>
  `<Blob><Name>${escaped(name)}</Name><VersionId>${version.id}</VersionId>` +
  `${blob.current === version ? '<IsCurrentVersion>true</IsCurrentVersion>' : ''}<Properties>` +
  `<Last-Modified>${version.modified.toUTCString()}</Last-Modified><Etag>0x${version.id.length}</Etag>` +
  `<Content-Length>${version.bytes.length}</Content-Length><Content-MD5>${version.md5}</Content-MD5>` +
  `<BlobType>BlockBlob</BlobType>` +
  `${version.until === null ? '' : `<ImmutabilityPolicyUntilDate>${version.until.toUTCString()}</ImmutabilityPolicyUntilDate><ImmutabilityPolicyMode>${version.mode}</ImmutabilityPolicyMode>`}` +
  `${version.held ? '<LegalHold>true</LegalHold>' : ''}</Properties></Blob>`

const propertiesOf = (version: Version): Record<string, string> => ({
  etag: `"${version.id}"`,
  'last-modified': version.modified.toUTCString(),
  'x-ms-version-id': version.id,
  'x-ms-blob-type': 'BlockBlob',
  'content-md5': version.md5,
  ...(version.until !== null && {
    'x-ms-immutability-policy-until-date': version.until.toUTCString(),
    'x-ms-immutability-policy-mode': version.mode ?? '',
  }),
})

/** The rules of the service, without the wire. */
class Service {
  readonly blobs = new Map<string, Blob>()
  private count = 0

  blob(name: string): Blob {
    const found = this.blobs.get(name) ?? { versions: [], current: null, staged: new Map() }
    this.blobs.set(name, found)
    return found
  }

  add(exchange: Exchange, bytes: Buffer): void {
    const blob = this.blob(exchange.name)
    const isCreate = header(exchange, 'if-none-match') === '*'
    if (isCreate && blob.current !== null) throw new Refusal(409, 'BlobAlreadyExists')
    this.count += 1
    const modified = new Date()
    const md5 = createHash('md5').update(bytes).digest('base64')
    const until = header(exchange, 'x-ms-immutability-policy-until-date')
    const version: Version = {
      id: `${modified.toISOString().slice(0, 19)}.${String(this.count).padStart(7, '0')}Z`,
      bytes,
      md5: header(exchange, 'x-ms-blob-content-md5') ?? md5,
      modified,
      until: until === null ? null : new Date(until),
      mode: header(exchange, 'x-ms-immutability-policy-mode'),
      held: false,
    }
    blob.versions.push(version)
    blob.current = version
    blob.staged.clear()
    answer(exchange.response, 201, { etag: `"${version.id}"`, 'x-ms-version-id': version.id })
  }

  put(exchange: Exchange): void {
    const comp = exchange.query.get('comp')
    if (comp === 'immutabilityPolicies') this.protect(exchange)
    else if (comp === 'block') this.stage(exchange)
    else if (comp === 'blocklist') this.commit(exchange)
    else this.add(exchange, this.checked(exchange, 'x-ms-blob-content-md5'))
  }

  checked(exchange: Exchange, name: string): Buffer {
    const stated = header(exchange, name)
    const isWrong = stated !== null && stated !== createHash('md5').update(exchange.body).digest('base64')
    if (isWrong) throw new Refusal(400, 'Md5Mismatch')
    return exchange.body
  }

  stage(exchange: Exchange): void {
    const id = exchange.query.get('blockid') ?? ''
    this.blob(exchange.name).staged.set(id, this.checked(exchange, 'content-md5'))
    answer(exchange.response, 201)
  }

  commit(exchange: Exchange): void {
    const ids = [...exchange.body.toString().matchAll(/<Latest>([^<]*)<\/Latest>/gu)].map(([, id]) => id ?? '')
    const blocks = ids.map((id) => this.blob(exchange.name).staged.get(id)).filter((block) => block !== undefined)
    if (blocks.length < ids.length) throw new Refusal(400, 'InvalidBlockList')
    this.add(exchange, Buffer.concat(blocks))
  }

  find({ name, query }: Exchange): Version {
    const blob = this.blob(name)
    const id = query.get('versionid')
    const found = id === null ? blob.current : blob.versions.find((version) => version.id === id)
    if (found === null || found === undefined) throw new Refusal(404, 'BlobNotFound')
    return found
  }

  protect(exchange: Exchange): void {
    const version = this.find(exchange)
    const until = new Date(header(exchange, 'x-ms-immutability-policy-until-date') ?? 0)
    const isShorter = version.until !== null && until < version.until
    if (version.mode === 'locked' && isShorter) throw new Refusal(409, 'BlobImmutableDueToPolicy')
    version.until = until
    version.mode = (header(exchange, 'x-ms-immutability-policy-mode') ?? 'unlocked').toLowerCase()
    answer(exchange.response, 200)
  }

  remove(exchange: Exchange): void {
    const version = this.find(exchange)
    const blob = this.blob(exchange.name)
    const isById = exchange.query.has('versionid')
    if (isById && blob.current === version) throw new Refusal(403, 'OperationNotAllowedOnRootBlob')
    if (isById && isProtected(version)) throw new Refusal(409, 'BlobImmutableDueToPolicy')
    if (isById) blob.versions = blob.versions.filter((other) => other !== version)
    else blob.current = null
    answer(exchange.response, 202)
  }

  blockList({ name, response }: Exchange): void {
    const blocks = [...this.blob(name).staged].map(
      ([id, { length }]) => `<Block><Name>${id}</Name><Size>${length}</Size></Block>`,
    )
    if (blocks.length === 0) throw new Refusal(404, 'BlobNotFound')
    const xml = `<BlockList><UncommittedBlocks>${blocks.join('')}</UncommittedBlocks></BlockList>`
    answer(response, 200, { 'content-type': 'application/xml' }, xml)
  }

  read(exchange: Exchange): void {
    const { response, method } = exchange
    const version = this.find(exchange)
    const range = /^bytes=(\d+)-(\d*)$/u.exec(header(exchange, 'x-ms-range') ?? header(exchange, 'range') ?? '')
    const start = Number(range?.[1] ?? 0)
    if (range !== null && start >= version.bytes.length) throw new Refusal(416, 'InvalidRange')
    const bytes = version.bytes.subarray(start, range?.[2] ? Number(range[2]) + 1 : undefined)
    const length = { 'content-length': String(bytes.length) }
    const whole = range === null ? {} : { 'x-ms-blob-content-md5': version.md5 }
    response.writeHead(range === null ? 200 : 206, { ...propertiesOf(version), ...whole, ...length })
    const half = bytes.subarray(0, bytes.length / 2)
    if (exchange.half === 'cut') response.write(half, () => response.destroy())
    else if (exchange.half === 'stall') response.write(half)
    else response.end(method === 'HEAD' ? undefined : bytes)
  }

  list({ query, response }: Exchange): void {
    const prefix = query.get('prefix') ?? ''
    const withVersions = (query.get('include') ?? '').includes('versions')
    const items = [...this.blobs]
      .filter(([name]) => name.startsWith(prefix))
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([name, blob]) =>
        blob.versions
          .filter((version) => withVersions || blob.current === version)
          .map((version) => itemXml(name, blob, version)),
      )
    const from = Number(query.get('marker') ?? 0)
    const next = from + PAGE < items.length ? String(from + PAGE) : ''
    const xml =
      `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="x" ContainerName="x">` +
      `<Blobs>${items.slice(from, from + PAGE).join('')}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`
    answer(response, 200, { 'content-type': 'application/xml' }, xml)
  }
}

const refuse = ({ method, response }: Exchange, { status, code }: { status: number; code: string }): void => {
  const body = method === 'HEAD' ? '' : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`
  answer(response, status, { 'x-ms-error-code': code, 'content-type': 'application/xml' }, body)
}

const dispatch = (server: VersionedServer, service: Service, exchange: Exchange): void => {
  const { method, query, name, response } = exchange
  const comp = query.get('comp')
  if (name === '' && comp === 'list') service.list(exchange)
  else if (name === '') answer(response, 200, server.container)
  else if (method === 'PUT') service.put(exchange)
  else if (method === 'DELETE') service.remove(exchange)
  else if (comp === 'blocklist') service.blockList(exchange)
  else service.read(exchange)
}

const serve = (server: VersionedServer, service: Service, exchange: Exchange): void => {
  const trouble = server.trouble(exchange)
  if (trouble === 'hang') return
  if (trouble === 'drop' || trouble === 'lose') exchange.response.destroy()
  if (trouble === 'drop') return
  if (typeof trouble === 'object' && trouble !== null) refuse(exchange, trouble)
  else if (trouble === 'cut' || trouble === 'stall') dispatch(server, service, { ...exchange, half: trouble })
  else dispatch(server, service, exchange)
}

export const startVersioned = async (): Promise<VersionedServer> => {
  const service = new Service()
  const http = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://server')
    const name = decodeURIComponent(url.pathname).split('/').slice(3).join('/')
    const recorded: Recorded = { method: request.method ?? '', url, headers: request.headers }
    // A client that gives up in the middle of its body.
    const body = await readAll(request, server.pace).catch(() => null)
    if (body === null) return
    const exchange = { ...recorded, body, response, name, query: url.searchParams }
    server.requests.push(recorded)
    try {
      serve(server, service, exchange)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refuse(exchange, error)
    }
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const server: VersionedServer = {
    endpoint: `http://127.0.0.1:${port}/${ACCOUNT}`,
    requests: [],
    blobs: service.blobs,
    trouble: () => null,
    pace: 0,
    container: { 'x-ms-immutable-storage-with-versioning-enabled': 'true' },
    hold: (name) => {
      for (const version of service.blob(name).versions) version.held = true
    },
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections()
        http.close(() => resolve())
      }),
  }
  return server
}
