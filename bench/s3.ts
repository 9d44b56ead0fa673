/**
 * Backups into a bucket of a real S3 server (radosgw, on this machine), in three parts:
 *
 * - `photos`: 3,000 photographs, with and without encryption, in turn with the vendor's package in a bare loop and with
 *   rclone. The peers neither hash nor sync nor keep books, and those that begin with files download nothing.
 * - `requests`: what the bucket is asked by a first run and by those in which nothing changed.
 * - `large`: peak memory with one asset of 50 MiB, 500 MiB and 5 GiB, with and without encryption.
 *
 * `npm run build && node dist/bench/s3.js [--parts photos,requests,large] [--assets 3000] [--rounds 3] [--latency 0,40]
 * [--concurrency 16,48] [--place /dev/shm] [--sizes 50,500,5120] [--large-place /tmp]
 * [--encrypted no,yes] [--disk 40]`; `--disk` is the room of the server for `large`, in GiB of its temporary folder.
 * `NODE_OPTIONS=--no-warnings` keeps the vendor's note on versions of Node out of the tables.
 */
import { parseArgs } from 'node:util'
import { measureLarge } from './s3-large.ts'
import { comparePhotos, countRequests } from './s3-photos.ts'
import { type S3Server, startS3 } from './s3-place.ts'

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'photos,requests,large' },
    assets: { type: 'string', default: '3000' },
    median: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    latency: { type: 'string', default: '0,40' },
    concurrency: { type: 'string', default: '16,48' },
    place: { type: 'string', default: '/dev/shm' },
    sizes: { type: 'string', default: '50,500,5120' },
    'large-place': { type: 'string', default: '/tmp' },
    encrypted: { type: 'string', default: 'no,yes' },
    disk: { type: 'string', default: '40' },
  },
})
const numbers = (list: string): number[] => list.split(',').map(Number)

const wish = {
  assets: Number(values.assets),
  medianBytes: Number(values.median),
  rounds: Number(values.rounds),
  concurrencies: numbers(values.concurrency),
  place: values.place,
}

const photos = async (server: S3Server): Promise<void> => {
  for (const latencyMs of numbers(values.latency)) await comparePhotos(server, { ...wish, latencyMs })
}

const requests = async (server: S3Server): Promise<void> => {
  for (const latencyMs of numbers(values.latency)) {
    console.log(`\nrequests to the bucket, ${wish.assets} photographs, ${latencyMs} ms\n`)
    console.log('| run | wall | requests | of which |\n| --- | --- | --- | --- |')
    await countRequests(server, { ...wish, latencyMs })
  }
}

const large = async (server: S3Server): Promise<void> => {
  for (const encrypted of values.encrypted.split(','))
    await measureLarge(server, {
      sizes: numbers(values.sizes),
      isEncrypted: encrypted === 'yes',
      place: values['large-place'],
    })
}

const parts: Record<string, (server: S3Server) => Promise<void>> = { photos, requests, large }
for (const name of values.parts.split(',')) {
  const part = parts[name]
  if (part === undefined) throw new Error(`there is no part ${name}`)
  // What is large lies on the disk; photographs in memory, so that the disk is on nobody's clock.
  const server = await startS3(name === 'large' ? Number(values.disk) : 0)
  if (server === null) {
    console.log('radosgw is not installed: left out')
    break
  }
  try {
    await part(server)
  } finally {
    await server.stop()
  }
}
