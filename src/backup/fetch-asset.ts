import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StepRow, Transferred } from '../catalog/catalog.ts'
import type { DownloadSource } from '../cloudinary/reader.ts'
import { backOff } from '../lib/retry.ts'
import type { Throttle } from '../lib/throttle.ts'
import type { AssetFacts } from '../model/asset.ts'
import type { Proof } from '../model/entry.ts'
import { AppError, isAppError } from '../model/errors.ts'
import { mergeFacts } from '../model/merge-facts.ts'
import { createPart, type Digests, type Part } from './part.ts'
import { factsOfStep, nameOf, type Run } from './run-state.ts'

/** Tries per source and round for what may pass: broken connections, 5xx, bodies that came short or wrong. */
const TRIES = 4
const BETWEEN_TRIES = { firstMs: 200, maxMs: 30_000 }
const BETWEEN_ROUNDS = { firstMs: 500, maxMs: 30_000 }
/** All sources are gone through this often before the asset is given up for this run. */
const ROUNDS = 3

export interface FetchContext {
  readonly run: Run
  readonly throttle: Throttle
  /** Told of every strain, so that the number of transfers adapts. */
  readonly strained: () => void
  /** Saves that bytes are good, before their object gets its name; many at a time become one commit. */
  readonly hashed: { add(transferred: Transferred): Promise<void> }
  /** The body has come in and is good: its place on the line is free. Once an asset at the most. */
  readonly received: () => void
  /** Told when a transfer begins or ends waiting for room in scratch: meanwhile it needs no place on the line. */
  readonly parked: (isWaiting: boolean) => void
  /** Where images and videos were found so far; decides what is tried first. */
  readonly found: { plain: number; original: number }
  readonly signal: AbortSignal
}

export type FetchOutcome =
  | { readonly kind: 'fetched'; readonly transferred: Transferred; readonly facts: AssetFacts; readonly source: string }
  | { readonly kind: 'vanished' }
  | { readonly kind: 'failed'; readonly facts: AssetFacts; readonly error: AppError }

/**
 * Brings one asset's bytes into the vault, or says why not. The order of sources is the reader's: the URL that the
 * account itself gave, the untransformed original, the signed download. Between rounds the account is asked what it
 * holds now, because the usual reason for a body that matches nothing is that somebody just replaced the asset.
 */
export async function fetchAsset(context: FetchContext, step: StepRow): Promise<FetchOutcome> {
  const { run } = context
  const records = factsOfStep(run.deps.reader, step)
  if (records === null) throw new Error(`step ${step.assetId} is to be fetched but has no record`)
  let facts = records.facts
  if (facts.etag === null && run.live.etagCalls > 0) {
    run.live.etagCalls -= 1
    const fresh = await refresh(context, facts)
    if (fresh === null) return { kind: 'vanished' }
    facts = fresh
  }
  let failure: AppError | null = null
  for (let round = 1; round <= ROUNDS; round += 1) {
    const result = await tryRound(context, facts)
    if (!(result instanceof AppError)) return { kind: 'fetched', facts, ...result }
    failure = result
    if (isTheStores(failure)) break
    const fresh = await refresh(context, facts)
    if (fresh === null) return { kind: 'vanished' }
    // Refused by every source and the account says nothing new: another round would ask the same and hear the same.
    if (failure.code === 'DOWNLOAD_REFUSED' && round > 1 && fresh.cldVersion === facts.cldVersion) break
    facts = fresh
    if (round < ROUNDS)
      await sleep(backOff(round, BETWEEN_ROUNDS, Math.random()), undefined, { signal: context.signal })
  }
  return {
    kind: 'failed',
    facts,
    error: failure ?? new AppError('DOWNLOAD_REFUSED', 'there is no place to download it from'),
  }
}

/** One API call. Null when the account positively says that the asset is gone. */
async function refresh(context: FetchContext, facts: AssetFacts): Promise<AssetFacts | null> {
  const { run, signal } = context
  try {
    const details = await run.deps.reader.details(facts, signal)
    if (!details.found) return null
    await run.deps.catalog.write((tx) => tx.saveDetails(run.id, facts.assetId, JSON.stringify(details.row.raw)))
    return mergeFacts(facts, null, details.row.facts)
  } catch (error) {
    // Not knowing is not absence: go on with what was listed.
    if (isAppError(error) && !isAppError(error, 'INTERRUPTED') && !isAppError(error, 'API_LIMIT')) return facts
    throw error
  }
}

type Fetched = { readonly transferred: Transferred; readonly source: string }

async function tryRound(context: FetchContext, facts: AssetFacts): Promise<Fetched | AppError> {
  let worst: AppError | null = null
  for (const source of orderedSources(context, facts)) {
    try {
      const transferred = await fetchFrom(context, facts, source)
      if (source.kind === 'secure_url') context.found.plain += 1
      if (source.kind === 'fl_original') context.found.original += 1
      return { transferred, source: source.kind }
    } catch (error) {
      if (!isAppError(error) || endsTheRun(error)) throw error
      // The bytes had come; another place would give the same ones.
      if (isTheStores(error)) return error
      worst = graver(worst, error)
    }
  }
  return worst ?? new AppError('DOWNLOAD_REFUSED', `there is no place to download ${nameOf(facts)} from`)
}

/**
 * An account that optimises by default answers its own URLs with other bytes than the original's. After a few such
 * answers the untransformed form comes first, so that the rest of the account is not downloaded twice.
 */
function orderedSources(context: FetchContext, facts: AssetFacts): readonly DownloadSource[] {
  const sources = context.run.deps.reader.sources(facts)
  const { plain, original } = context.found
  if (original < 3 || original < plain) return sources
  const first = sources.filter((source) => source.kind === 'fl_original')
  return [...first, ...sources.filter((source) => source.kind !== 'fl_original')]
}

const endsTheRun = (error: AppError): boolean =>
  error.code === 'STORE_FULL' ||
  error.code === 'STORE_REFUSED' ||
  error.code === 'INTERRUPTED' ||
  error.code === 'API_LIMIT'

const isTheStores = (error: AppError): boolean => error.code === 'STORE_UNAVAILABLE'

/** The error that tells most: a body that does not match says more than a refusal of the last resort. */
function graver(a: AppError | null, b: AppError): AppError {
  if (a === null) return b
  const weight = (error: AppError): number =>
    error.code === 'DOWNLOAD_MISMATCH' ? 3 : error.code === 'DOWNLOAD_UNAVAILABLE' ? 2 : 1
  return weight(b) > weight(a) ? b : a
}

async function fetchFrom(context: FetchContext, facts: AssetFacts, source: DownloadSource): Promise<Transferred> {
  const { run, signal } = context
  const part = await openPart(context, facts, source)
  let isWanted = false
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await receive(context, { facts, source, part })
        const digests = await part.digest()
        const proof = prove(facts, part.length, digests)
        context.received()
        return await keep(context, facts, { part, digests, proof })
      } catch (error) {
        if (!isAppError(error)) throw error
        if (error.code === 'DOWNLOAD_MISMATCH') await part.reset()
        isWanted = isTheStores(error)
        if (endsTheRun(error) || !isWorthRepeating(run, error, attempt)) throw error
        context.strained()
        const delayMs = pauseFor(error, attempt, run.deps.now().getTime())
        run.deps.listen({ type: 'retry', what: nameOf(facts), attempt, delayMs, reason: error.message })
        await sleep(delayMs, undefined, { signal })
      }
    }
  } finally {
    // What came in and could not be kept need not come again.
    await (signal.aborted || isWanted ? part.suspend() : part.discard())
  }
}

async function openPart(context: FetchContext, facts: AssetFacts, source: DownloadSource): Promise<Part> {
  const { run, signal } = context
  run.scratch.warn(facts)
  context.parked(true)
  try {
    return await createPart(facts.bytes, scratchFile(run, facts, source), { budget: run.scratch.budget, signal })
  } finally {
    context.parked(false)
  }
}

/**
 * A wrong body of the right length may be the network's doing, so it is asked for once more. A store that is far away has
 * repeated itself before it gave up.
 */
const isWorthRepeating = ({ deps }: Run, error: AppError, attempt: number): boolean => {
  if (error.permanent || (isTheStores(error) && deps.vault.store.traits.isFar === true)) return false
  return attempt < (error.code === 'DOWNLOAD_MISMATCH' ? 2 : TRIES)
}

/** What the service asked for, up to five minutes, or a short back-off. */
const pauseFor = (error: AppError, attempt: number, now: number): number =>
  Math.max(backOff(attempt, BETWEEN_TRIES, Math.random()), Math.min(300_000, (error.resumeAt ?? now) - now))

/** The name is the same on every run, so that a large body goes on where a killed run left it. */
function scratchFile(run: Run, facts: AssetFacts, source: DownloadSource): string {
  const name = createHash('sha256')
    .update(`${facts.assetId} ${facts.cldVersion} ${facts.etag ?? ''} ${source.kind}`)
    .digest('hex')
  return join(run.deps.scratch, `${name.slice(0, 32)}.part`)
}

interface Receiving {
  readonly facts: AssetFacts
  readonly source: DownloadSource
  readonly part: Part
}

/** Reads until the body is whole. What has come stays in the part, and the next attempt asks for the rest only. */
async function receive({ run, throttle, signal }: FetchContext, { facts, source, part }: Receiving): Promise<void> {
  const { bytes } = facts
  if (bytes !== null && part.length > bytes) await part.reset()
  if (bytes !== null && part.length === bytes && bytes > 0) return
  const opened = await run.deps.reader.openSource(facts, source, { offset: part.length, etag: null }, signal)
  try {
    if (opened.start !== part.length) {
      if (opened.start !== 0)
        throw new AppError('DOWNLOAD_UNAVAILABLE', `another range came than was asked for`, { permanent: false })
      await part.reset()
    }
    const total = opened.total ?? bytes
    if (bytes !== null && opened.total !== null && opened.total !== bytes)
      throw mismatch(facts, `${opened.total} bytes are offered`)
    for await (const chunk of opened.body) {
      await part.append(chunk)
      if (total !== null && part.length > total) throw mismatch(facts, `more than ${total} bytes came`)
      run.live.fetchedBytes += chunk.length
      if (run.deps.bwlimit !== null) await throttle(chunk.length, signal)
    }
    if (total !== null && part.length < total) {
      throw new AppError('DOWNLOAD_UNAVAILABLE', `the connection ended after ${part.length} of ${total} bytes`, {
        permanent: false,
      })
    }
  } finally {
    opened.destroy()
  }
}

const mismatch = (facts: AssetFacts, saw: string, permanent = true): AppError =>
  new AppError(
    'DOWNLOAD_MISMATCH',
    `${saw}, the account says ${facts.bytes ?? 'an unknown number of'} bytes${facts.etag === null ? '' : ` with MD5 ${facts.etag}`}`,
    { permanent },
  )

/** Guarantee 1: nothing is accepted whose length or MD5 is not what the account states. */
function prove(facts: AssetFacts, length: number, digests: Digests): Proof {
  if (facts.bytes !== null && length !== facts.bytes) throw mismatch(facts, `${length} bytes came`)
  if (facts.etag === null) return 'length'
  if (digests.md5 !== facts.etag) throw mismatch(facts, `a body with MD5 ${digests.md5} came`, false)
  return 'md5'
}

async function keep(
  { run, hashed, signal }: FetchContext,
  facts: AssetFacts,
  good: { readonly part: Part; readonly digests: Digests; readonly proof: Proof },
): Promise<Transferred> {
  const { part, digests, proof } = good
  const transferred: Transferred = {
    assetId: facts.assetId,
    object: digests.sha256,
    size: part.length,
    md5: digests.md5,
    proof,
  }
  // The row first, the object's name second: a kill between the two is told apart by looking whether the object is there.
  await hashed.add(transferred)
  await run.deps.vault.putObject(digests.sha256, part.body(), signal)
  return transferred
}
