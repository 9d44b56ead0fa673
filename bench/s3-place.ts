/** Buckets of a real S3 server for measurements, and a proxy that counts what goes there and may make it far away. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CreateBucketCommand, DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { z } from 'zod'
import { generateIdentity, recipientOf } from '../src/vault/encryption/age/x25519.ts'
import { CLI, measure } from './process.ts'

const SCRIPT = fileURLToPath(new URL('../../scripts/servers.mjs', import.meta.url))
const Facts = z.object({
  endpoint: z.string(),
  owner: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
})

export interface S3Server {
  readonly endpoint: string
  /** Credentials of who may do everything, as all peers read them. */
  readonly env: Readonly<Record<string, string>>
  makeBucket(): Promise<string>
  /** Takes everything out, so that the memory of the server is there for the next one. */
  empty(bucket: string): Promise<void>
  stop(): Promise<void>
}

/** `disk`: bodies lie in a file of up to so many GiB; 0: in memory. Null when the server's programs are not installed. */
export async function startS3(disk = 0): Promise<S3Server | null> {
  const child = spawn(process.execPath, [SCRIPT, 's3', '--json', '--disk', `${disk}`, '--while', `${process.pid}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  for await (const line of createInterface({ input: child.stdout })) {
    const { endpoint, owner } = Facts.parse(JSON.parse(line))
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: owner })
    return {
      endpoint,
      env: {
        AWS_ACCESS_KEY_ID: owner.accessKeyId,
        AWS_SECRET_ACCESS_KEY: owner.secretAccessKey,
        AWS_REGION: 'us-east-1',
      },
      makeBucket: async () => {
        const bucket = `bench-${randomBytes(6).toString('hex')}`
        await client.send(new CreateBucketCommand({ Bucket: bucket }))
        return bucket
      },
      empty: (bucket) => empty(client, bucket),
      stop: async () => {
        client.destroy()
        child.kill()
        await ended
      },
    }
  }
  return null
}

async function empty(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const { Contents: found = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
    if (found.length === 0) return
    const keys = found.map(({ Key }) => ({ Key }))
    await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys, Quiet: true } }))
  }
}

export interface S3Proxy {
  readonly url: string
  /** `PUT objects` and the like, with how many of it came since the last time this was called. */
  counted(): Readonly<Record<string, number>>
  close(): void
}

/** Method and folder of the vault; lists and the like go by their query. */
const kindOf = (method: string, url: string): string => {
  const [path = '', query = ''] = url.split('?')
  const [, , , folder = ''] = path.split('/')
  const asked = /(?:^|&)(list-type|uploads|uploadId|partNumber|object-lock|prefix)/u.exec(query)?.[1]
  return `${method} ${folder === '' ? '(bucket)' : folder}${asked === undefined ? '' : ` ?${asked}`}`
}

/** Passes everything on as it comes; with a latency each request waits so long first. */
export async function startProxy(target: string, latencyMs: number): Promise<S3Proxy> {
  const { hostname, port } = new URL(target)
  const agent = new Agent({ keepAlive: true })
  let counts: Record<string, number> = {}
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request
    const kind = kindOf(method, path)
    counts[kind] = (counts[kind] ?? 0) + 1
    if (latencyMs > 0) await sleep(latencyMs)
    const onward = httpRequest({ hostname, port, method, path, headers, agent, setHost: false })
    onward.once('error', () => response.destroy())
    onward.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // The address of a server that listens on TCP.
  const { port: own } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${own}`,
    counted: () => {
      const before = counts
      counts = {}
      return before
    },
    close: () => {
      server.close()
      server.closeAllConnections()
      agent.destroy()
    },
  }
}

/** A vault in a bucket, with a cache and keys of its own. */
export interface BucketVault {
  readonly url: string
  readonly bucket: string
  readonly env: Readonly<Record<string, string>>
  /** Takes cache, scratch and what the bucket holds away. */
  remove(): Promise<void>
}

export interface VaultWish {
  /** Where the program is to find the bucket. @default the server itself */
  readonly endpoint?: string
  readonly isEncrypted: boolean
  /** The folder under which cache and scratch lie. */
  readonly place: string
}

/** An empty vault, with the consent of its bucket to the account `bench`. */
export async function makeVault(server: S3Server, wish: VaultWish): Promise<BucketVault> {
  const bucket = await server.makeBucket()
  const folder = await mkdtemp(join(wish.place, 'cloudkeep-bench-'))
  const identity = generateIdentity()
  const key = join(folder, 'key.txt')
  await writeFile(key, `${identity}\n`)
  const env = { ...server.env, CLOUDKEEP_CACHE: join(folder, 'cache'), XDG_CONFIG_HOME: join(folder, 'config') }
  const url = `s3://${bucket}/vault?endpoint=${wish.endpoint ?? server.endpoint}`
  const encryption = wish.isEncrypted ? ['--recipient', recipientOf(identity), '--prove', key] : []
  const { code, stdout } = await measure(
    process.execPath,
    [CLI, 'init', url, '--cloud', 'bench', ...encryption, '--json'],
    env,
  )
  if (code !== 0) throw new Error(`init ended with ${code}: ${stdout.slice(-500)}`)
  return {
    url,
    bucket,
    env: { ...env, ...(wish.isEncrypted && { CLOUDKEEP_IDENTITY_FILE: key }) },
    remove: async () => {
      await server.empty(bucket)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
