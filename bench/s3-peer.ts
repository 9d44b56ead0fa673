/**
 * The vendor's package and nothing else: puts files, or what URLs give, into a bucket, so many at a time. It neither
 * hashes nor keeps books nor looks whether a key is there. Started by `s3.ts` as a process of its own.
 */
import { readFile } from 'node:fs/promises'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { request } from 'undici'
import { z } from 'zod'

const Task = z.object({
  endpoint: z.string(),
  bucket: z.string(),
  /** A file with a JSON array of paths or `http:` URLs. */
  list: z.string(),
  concurrency: z.number(),
})
const task = Task.parse(JSON.parse(process.argv[2] ?? '{}'))
const sources = z.array(z.string()).parse(JSON.parse(await readFile(task.list, 'utf8')))
const agent = { keepAlive: true, maxSockets: task.concurrency }
const client = new S3Client({
  endpoint: task.endpoint,
  forcePathStyle: true,
  // Without checksums of its own it is fastest.
  requestChecksumCalculation: 'WHEN_REQUIRED',
  requestHandler: { httpAgent: agent },
})

const bytesOf = async (source: string): Promise<Uint8Array> =>
  source.startsWith('http:') ? new Uint8Array(await (await request(source)).body.arrayBuffer()) : readFile(source)

let next = 0
const work = async (): Promise<void> => {
  for (let number = next++; number < sources.length; number = next++) {
    const body = await bytesOf(sources[number] ?? '')
    await client.send(new PutObjectCommand({ Bucket: task.bucket, Key: `files/${number}`, Body: body }))
  }
}
await Promise.all(Array.from({ length: task.concurrency }, work))
client.destroy()
