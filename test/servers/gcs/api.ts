import { z } from 'zod'
import { json, type Reply, refuse } from './answers.ts'
import type { Generation, Retention } from './objects.ts'
import { type Ask, checkGeneration, describe, must, type World } from './world.ts'

/** Who may not list is not told that something is absent. */
const absent = (world: World, name: string): never => {
  must(world, 'storage.objects.list')
  return refuse(404, 'notFound', `No such object: ${world.name}/${name}`)
}

const found = (world: World, name: string, query: URLSearchParams): Generation =>
  world.objects.find(name, query.get('generation')) ?? absent(world, name)

/** "Objects: list" */
export const list = (world: World, ask: Ask, largestPage: number): Reply => {
  must(world, 'storage.objects.list')
  const { query } = ask
  const limit = Math.min(largestPage, Number(query.get('maxResults') ?? 1000))
  const all = world.objects
    .names()
    .filter((name) => name.startsWith(query.get('prefix') ?? ''))
    .flatMap((name) => {
      if (query.get('versions') === 'true') return world.objects.generations(name)
      const live = world.objects.live(name)
      return live === null ? [] : [live]
    })
  const start = Number(Buffer.from(query.get('pageToken') ?? '', 'base64').toString() || 0)
  const items = all.slice(start, start + limit).map((one) => describe(world, one))
  const isMore = start + limit < all.length
  return json({
    kind: 'storage#objects',
    ...(items.length > 0 && { items }),
    ...(isMore && { nextPageToken: Buffer.from(String(start + limit)).toString('base64') }),
  })
}

/** "Objects: get" with alt=media */
const media = (ask: Ask, one: Generation): Reply => {
  const headers = {
    'content-type': one.contentType,
    'x-goog-generation': one.generation,
    'x-goog-hash': `md5=${one.md5Hash}`,
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/u.exec(ask.header('range') ?? '') ?? []
  if (first === undefined) return { status: 200, headers, body: one.bytes }
  const start = Number(first)
  if (start >= one.bytes.length) return refuse(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable')
  const end = Math.min(one.bytes.length - 1, last === '' ? Number.POSITIVE_INFINITY : Number(last))
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${start}-${end}/${one.bytes.length}` },
    body: one.bytes.subarray(start, end + 1),
  }
}

const Patch = z.object({
  metadata: z.record(z.string(), z.string().nullable()).optional(),
  retention: z
    .object({ mode: z.enum(['Unlocked', 'Locked']), retainUntilTime: z.string() })
    .nullable()
    .optional(),
})

const checkRetention = (world: World, one: Generation, wanted: Retention | null, query: URLSearchParams): void => {
  must(world, 'storage.objects.setRetention')
  if (!world.objects.settings.objectRetention) refuse(400, 'invalid', 'The bucket is not enabled for object retention')
  const { retention } = one
  if (retention === undefined) return
  const isShorter = wanted === null || Date.parse(wanted.retainUntilTime) < Date.parse(retention.retainUntilTime)
  const isOther = wanted?.mode !== retention.mode
  if (retention.mode === 'Locked' && (isShorter || isOther))
    refuse(403, 'retentionPolicyNotMet', 'A locked retention cannot be reduced')
  if (!isShorter && !isOther) return
  if (query.get('overrideUnlockedRetention') !== 'true')
    refuse(403, 'forbidden', 'overrideUnlockedRetention must be true')
  must(world, 'storage.objects.overrideUnlockedRetention')
}

/** "Objects: patch" */
const patch = (world: World, ask: Ask, one: Generation): Reply => {
  must(world, 'storage.objects.update')
  const wanted = ask.query.get('ifMetagenerationMatch')
  if (wanted !== null && wanted !== String(one.metageneration)) refuse(412, 'conditionNotMet', 'metageneration')
  const { metadata, retention } = Patch.parse(JSON.parse(ask.body.toString()))
  if (retention !== undefined) {
    checkRetention(world, one, retention, ask.query)
    if (retention === null) delete one.retention
    else one.retention = retention
  }
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (value === null) delete one.metadata[name]
    else one.metadata[name] = value
  }
  one.metageneration += 1
  one.updated = new Date().toISOString()
  return json(describe(world, one))
}

/** "Objects: move" */
export const move = (world: World, ask: Ask, from: string, to: string): Reply => {
  for (const right of ['storage.objects.get', 'storage.objects.delete', 'storage.objects.create']) must(world, right)
  if (from === to) refuse(400, 'invalid', 'source and destination are the same')
  const one = world.objects.live(from) ?? absent(world, from)
  checkGeneration(world.objects.live(to), ask.query)
  return json(describe(world, world.objects.move(one, to)))
}

/** "Objects: rewrite" within the bucket. */
export const rewrite = (world: World, ask: Ask, from: string, to: string): Reply => {
  for (const right of ['storage.objects.get', 'storage.objects.create']) must(world, right)
  const one = world.objects.find(from, ask.query.get('sourceGeneration')) ?? absent(world, from)
  if (world.objects.live(to) !== null) must(world, 'storage.objects.delete')
  const size = String(one.bytes.length)
  // Always in two steps: large objects take several, and whoever calls has to go on with the token.
  if (ask.query.get('rewriteToken') !== one.generation)
    return json({ done: false, totalBytesRewritten: '0', objectSize: size, rewriteToken: one.generation })
  const made = world.objects.copy(one, to, ask.query.get('destinationKmsKeyName') ?? undefined)
  return json({ done: true, totalBytesRewritten: size, objectSize: size, resource: describe(world, made) })
}

export const object = (world: World, ask: Ask, name: string): Reply => {
  const { query } = ask
  if (ask.method === 'DELETE') {
    // Rights come first: who may not delete is told so, whether there is anything or not.
    must(world, 'storage.objects.delete')
    const one = found(world, name, query)
    checkGeneration(one, query)
    world.objects.remove(name, query.get('generation'))
    return { status: 204 }
  }
  if (ask.method === 'PATCH') return patch(world, ask, found(world, name, query))
  if (ask.method !== 'GET') return refuse(405, 'methodNotAllowed', 'no such method')
  must(world, 'storage.objects.get')
  const one = found(world, name, query)
  return query.get('alt') === 'media' ? media(ask, one) : json(describe(world, one))
}

/** "Buckets: get" */
export const bucket = (world: World): Reply => {
  must(world, 'storage.buckets.get')
  const { versioning, objectRetention, retentionPolicy, softDeleteSeconds } = world.objects.settings
  return json({
    kind: 'storage#bucket',
    name: world.name,
    versioning: { enabled: versioning },
    softDeletePolicy: { retentionDurationSeconds: String(softDeleteSeconds) },
    ...(objectRetention && { objectRetention: { mode: 'Enabled' } }),
    ...(retentionPolicy !== null && {
      retentionPolicy: { retentionPeriod: String(retentionPolicy.seconds), isLocked: retentionPolicy.isLocked },
    }),
  })
}
