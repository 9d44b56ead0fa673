import type { ResumableBytes } from '../../steady.ts'
import type { Bytes, Stat, Variant } from '../../store.ts'
import { notFound } from './errors.ts'
import { fileOf, type Gcs, readList } from './place.ts'
import { byGeneration, type Page, parsePage, parseResource, type Resource, timeOf } from './resource.ts'

export interface Range {
  readonly start: number
  readonly end: number
}

/** `updated` moves with every change of metadata, so it may be later than the bytes and never earlier. */
export const statOf = (resource: Resource): Stat => {
  const changedAt = timeOf(resource.updated)
  return { size: Number(resource.size), ...(changedAt !== undefined && { changedAt }) }
}

const FIELDS = 'name,generation,metageneration,size,updated,md5Hash,metadata,retention'

export interface Listing {
  readonly prefix: string
  readonly versions: boolean
  /** Of each object. @default name, generation, size and time */
  readonly fields?: string
  /** Names of one answer; the service may give fewer. */
  readonly pageSize: number
  readonly signal?: AbortSignal | undefined
}

const readPage = async (gcs: Gcs, listing: Listing, pageToken: string | undefined): Promise<Page> => {
  const doing = `list ${listing.prefix}`
  const query = {
    prefix: gcs.nameOf(listing.prefix),
    maxResults: listing.pageSize,
    fields: `nextPageToken,items(${listing.fields ?? 'name,generation,size,updated'})`,
    ...(listing.versions && { versions: true }),
    ...(pageToken !== undefined && { pageToken }),
  }
  return parsePage(await readList(gcs.calls, query, { doing, signal: listing.signal }), doing)
}

/** Every object under the prefix, in the order of names, a page at a time. */
export async function* listResources(
  gcs: Gcs,
  listing: Listing,
  again: <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>,
): AsyncGenerator<Resource, void, void> {
  let token: string | undefined
  do {
    const current = token
    const page = await again(() => readPage(gcs, listing, current), listing.signal)
    yield* page.items
    token = page.nextPageToken
  } while (token !== undefined)
}

const once = <T>(work: () => Promise<T>): Promise<T> => work()

/** All generations of one key, live or not, oldest first. */
export const generationsOf = async (gcs: Gcs, key: string, signal?: AbortSignal): Promise<Resource[]> => {
  const name = gcs.nameOf(key)
  const found: Resource[] = []
  // Names come in order, and no name that begins with this one comes before it.
  for await (const resource of listResources(
    gcs,
    { prefix: key, versions: true, fields: FIELDS, pageSize: 100, signal },
    once,
  )) {
    if (resource.name !== name) break
    found.push(resource)
  }
  return found.sort(byGeneration)
}

/** The live object, or null; a bucket that is gone throws. */
export const lookAt = async (gcs: Gcs, key: string, signal?: AbortSignal): Promise<Resource | null> => {
  const doing = `look at ${key}`
  const answer = await gcs.calls.call(
    { doing, right: 'storage.objects.get and storage.objects.list', signal, accept: [404] },
    async () => (await fileOf(gcs, key).getMetadata({ fields: FIELDS }))[0],
  )
  if (answer.status !== 404) return parseResource(answer.json, doing)
  await gcs.checkBucket(signal)
  return null
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}

interface Opening {
  /** @default the live one */
  readonly generation?: string | undefined
  readonly range?: Range | undefined
  readonly signal?: AbortSignal | undefined
}

/** Throws OBJECT_NOT_FOUND before the first byte. A range that begins after the end yields nothing. */
export const openObject = async (gcs: Gcs, key: string, opening: Opening): Promise<ResumableBytes> => {
  const { generation, range, signal } = opening
  const { project } = gcs.place.options
  const options = {
    // What is read is checked by its name, whole or not; nothing is stored compressed.
    validation: false,
    decompress: false,
    ...range,
    ...(project !== undefined && { userProject: project }),
  }
  const right = 'storage.objects.get and storage.objects.list'
  const opened = await gcs.calls.open({ doing: `read ${key}`, right, signal, accept: [404, 416] }, () =>
    fileOf(gcs, key, generation).createReadStream(options),
  )
  if (opened.bytes !== undefined)
    return resumable(gcs, key, opened.bytes, {
      ...opening,
      generation: generation ?? opened.generation,
    })
  if (opened.status === 416) return nothing()
  await gcs.checkBucket(signal)
  throw notFound(key)
}

/** Goes on with the generation that was begun, so that no reader ever gets the parts of two bodies. */
const resumable = (gcs: Gcs, key: string, bytes: Bytes, { generation, range, signal }: Opening): ResumableBytes => ({
  [Symbol.asyncIterator]: () => bytes[Symbol.asyncIterator](),
  resume: (got) => {
    const rest = { start: (range?.start ?? 0) + got, end: range?.end ?? Number.MAX_SAFE_INTEGER }
    return openObject(gcs, key, { generation, range: rest, signal })
  },
})

export const variantOf = (gcs: Gcs, key: string, resource: Resource): Variant => ({
  ...statOf(resource),
  open: (signal, range) => openObject(gcs, key, { generation: resource.generation, range, signal }),
})
