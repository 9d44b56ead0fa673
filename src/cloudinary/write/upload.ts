import { randomBytes } from 'node:crypto'
import { backOff, pause } from '../../lib/retry.ts'
import type { AssetFacts } from '../../model/asset.ts'
import { AppError } from '../../model/errors.ts'
import type { Settle } from '../api.ts'
import { succeeded } from '../api.ts'
import type { ApiAnswer } from '../exchange.ts'
import type { AccountRow } from '../reader.ts'
import { isObject, toBoolean } from '../wire/answer.ts'
import { type UploadBody, type Uploaded, type UploadWish, writtenName } from '../writer.ts'
import { findByName } from './find-asset.ts'
import type { Hands } from './hands.ts'
import { filledParams } from './labels.ts'
import { needsQueue } from './moderation.ts'
import type { UploadParams } from './multipart.ts'
import { assetOf, changeFailure } from './refusal.ts'
import { trustedLabels } from './relabel.ts'
import { reach } from './set-labels.ts'
import type { UploadCall } from './upload-api.ts'

/** Clocks are told in whole seconds and answers travel. */
const CLOCK_SLACK_SECONDS = 3
/** How often an account is looked at for an upload whose answer was lost, before the bytes are sent again. */
const LOOKS = 3

interface Sending {
  readonly hands: Hands
  readonly wish: UploadWish
  readonly body: UploadBody
  readonly what: string
  /** Unix seconds by the service's clock, before the first byte was sent. */
  readonly since: number
  /** Set once an answer was lost. */
  readonly doubt: { arose: boolean }
  readonly signal: AbortSignal
}

/** The name as people gave it. What follows its last dot is taken for the extension, which the kept name has not. */
const filename = (wish: UploadWish): string | undefined => {
  const { originalFilename: original, name } = wish
  if (original === null || original === '') return undefined
  const extension = /\.([A-Za-z0-9]+)$/.exec(name.publicId)?.[1]
  return original.includes('.') ? `${original}.${extension ?? 'bin'}` : original
}

/** Nothing that changes bytes, moves the asset elsewhere or is made by a preset. */
const uploadParams = (wish: UploadWish): UploadParams => {
  const { name, labels, overwrite } = wish
  const override = filename(wish)
  return {
    ...filledParams(labels),
    public_id: name.publicId,
    type: name.type,
    overwrite: String(overwrite),
    invalidate: overwrite ? 'true' : undefined,
    filename_override: override,
    discard_original_filename: override === undefined ? 'true' : undefined,
    moderation: labels.moderation !== undefined && needsQueue(labels.moderation) ? 'manual' : undefined,
    access_mode: labels.accessMode === 'authenticated' ? 'authenticated' : undefined,
  }
}

const callFor = (
  sending: Sending,
  range: { start: number; end: number },
  more: Pick<UploadCall, 'headers'>,
): UploadCall => ({
  what: sending.what,
  path: `/${sending.wish.name.resourceType}/upload`,
  params: uploadParams(sending.wish),
  file: { size: range.end - range.start + 1, open: () => sending.body.open(range) },
  ...more,
})

const isOurs = ({ etag, bytes, cldVersion }: AssetFacts, { body, since }: Sending): boolean =>
  (etag === null || etag === body.md5) && bytes === body.size && cldVersion >= since

/**
 * Whether the upload arrived although its answer did not: the asset is there with these bytes, and is newer than the
 * beginning of the upload. The service may still be busy with it, so it is looked for more than once.
 */
const arrived = (sending: Sending): Settle => {
  const { hands, wish, doubt, signal } = sending
  return async () => {
    doubt.arose = true
    for (let look = 1; look <= LOOKS; look++) {
      const row = await findByName(hands.admin, hands.details, wish.name, signal)
      if (row !== null && isOurs(row.facts, sending)) {
        return { status: 200, json: row.raw, isJson: true, error: null, requestId: null }
      }
      if (look < LOOKS) await pause(backOff(look, hands.retry, hands.random()), signal)
    }
    return null
  }
}

const inOneGo = (sending: Sending): Promise<ApiAnswer> => {
  const { hands, body, signal } = sending
  return hands.uploads.ask(callFor(sending, { start: 0, end: body.size - 1 }, {}), signal, arrived(sending))
}

const isUnfinished = ({ json }: ApiAnswer): boolean => isObject(json) && json['done'] === false

/** One after the other, under one id. Null: the service has all of them and yet has no asset. */
const chunksOnce = async (sending: Sending): Promise<ApiAnswer | null> => {
  const { hands, body, signal } = sending
  const uploadId = randomBytes(16).toString('hex')
  for (let start = 0; ; start += hands.chunkBytes) {
    const end = Math.min(start + hands.chunkBytes, body.size) - 1
    const last = end + 1 === body.size
    const headers = { 'x-unique-upload-id': uploadId, 'content-range': `bytes ${start}-${end}/${body.size}` }
    const call = callFor(sending, { start, end }, { headers })
    const answer = await hands.uploads.ask(call, signal, last ? arrived(sending) : undefined)
    if (!last && succeeded(answer)) continue
    // The id was used up by a last chunk whose answer was lost, or what came before it was forgotten.
    return succeeded(answer) && isUnfinished(answer) ? await arrived(sending)() : answer
  }
}

const inChunks = async (sending: Sending): Promise<ApiAnswer> => {
  const answer = (await chunksOnce(sending)) ?? (await chunksOnce(sending))
  if (answer !== null) return answer
  throw new AppError('API_UNEXPECTED', `${sending.what}: all chunks were taken, but no asset came of them`, {
    permanent: false,
  })
}

const checkStored = (what: string, facts: AssetFacts, body: UploadBody): void => {
  const wrong =
    facts.bytes !== null && facts.bytes !== body.size ? `${facts.bytes} bytes in place of ${body.size}` : null
  const other = facts.etag !== null && facts.etag !== body.md5 ? `MD5 ${facts.etag} in place of ${body.md5}` : null
  if (wrong === null && other === null) return
  throw new AppError('UPLOAD_MISMATCH', `${what}: the account states ${wrong ?? other}`, {
    hint: 'a default upload preset of the account may change what is uploaded; switch it off for the time of a restore',
  })
}

/** Stores the bytes and brings the asset to its labels. */
export const upload = async (
  hands: Hands,
  wish: UploadWish,
  body: UploadBody,
  signal: AbortSignal,
): Promise<Uploaded> => {
  const what = `upload ${writtenName(wish.name)}`
  if (body.size === 0) {
    throw new AppError('UPLOAD_REFUSED', `${what}: the file is empty, and Cloudinary takes no empty files`)
  }
  const since = Math.floor(hands.serverNow() / 1000) - CLOCK_SLACK_SECONDS
  const sending: Sending = { hands, wish, body, what, since, doubt: { arose: false }, signal }
  const answer = await (body.size > hands.chunkAbove ? inChunks(sending) : inOneGo(sending))
  if (!succeeded(answer)) throw changeFailure(what, answer)
  const row = assetOf(what, answer, wish.name)
  const existing = isObject(answer.json) && toBoolean(answer.json['existing']) === true
  // Sent twice because the first answer was lost, and found only the second time.
  const after = existing && sending.doubt.arose && isOurs(row.facts, sending)
  if (existing && !after) return { row, existing }
  checkStored(what, row.facts, body)
  return { row: await finish(sending, row), existing: false }
}

const finish = (sending: Sending, row: AccountRow): Promise<AccountRow> => {
  const { hands, wish, since, signal } = sending
  const { labels } = wish
  const { publicId, createdAt } = row.facts
  const fresh = createdAt !== null && Date.parse(createdAt) / 1000 >= since
  const queued = labels.moderation !== undefined && needsQueue(labels.moderation)
  const setting = { hands, name: { ...wish.name, publicId }, labels, signal }
  return reach(setting, { row, whole: false, trusted: trustedLabels(labels, fresh), fresh }, queued)
}
