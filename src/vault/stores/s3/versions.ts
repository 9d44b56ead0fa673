import { AppError } from '../../../model/errors.ts'
import type { Stat, Variant } from '../../store.ts'
import type { Connection } from './connection.ts'
import { endless, isOurs, type Listed } from './list.ts'
import { lockOf } from './lock.ts'
import { changedAt, openKey } from './read.ts'

/** One body, or one mark of a deletion, that a key got. */
export interface KeyVersion {
  /** Relative to the vault. */
  readonly key: string
  readonly id: string
  /** Null for the mark of a deletion. */
  readonly stat: Stat | null
}

interface Entry {
  readonly Key?: string | undefined
  readonly VersionId?: string | undefined
  readonly Size?: number | undefined
  readonly LastModified?: Date | undefined
}

const versionOf = ({ Key, VersionId, Size, LastModified }: Entry, base: string, isMark: boolean): KeyVersion => ({
  key: (Key ?? '').slice(base.length),
  id: VersionId ?? 'null',
  stat: isMark ? null : { size: Size ?? 0, ...changedAt(LastModified) },
})

interface At {
  readonly KeyMarker?: string
  readonly VersionIdMarker?: string
}

/**
 * Every version under a prefix, in pages: by key, then from the newest to the oldest body; the marks of deletions of a page
 * come after its bodies, since the service gives them apart.
 */
async function* versionPages(
  connection: Connection,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly KeyVersion[], void, void> {
  const { sdk, client, bucket, base, ask } = connection
  let at: At | null = {}
  while (at !== null) {
    const from: At = at
    const page = await ask({ what: `list ${prefix}*`, right: 's3:ListBucketVersions', signal }, (options) =>
      client.send(new sdk.ListObjectVersionsCommand({ Bucket: bucket, Prefix: base + prefix, ...from }), options),
    )
    yield [
      ...(page.Versions ?? []).map((entry) => versionOf(entry, base, false)),
      ...(page.DeleteMarkers ?? []).map((entry) => versionOf(entry, base, true)),
    ]
    const { IsTruncated: isMore, NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page
    if (isMore === true && !KeyMarker) throw endless(connection)
    at = isMore === true && KeyMarker ? { KeyMarker, ...(VersionIdMarker && { VersionIdMarker }) } : null
  }
}

/** Every version of exactly that key; bodies from the newest to the oldest. */
const versionsOf = async (
  connection: Connection,
  key: string,
  signal: AbortSignal | undefined,
): Promise<readonly KeyVersion[]> => {
  const found: KeyVersion[] = []
  for await (const page of versionPages(connection, key, signal)) {
    found.push(...page.filter((version) => version.key === key))
    // Longer keys come after it: the next page has nothing more of this one.
    if (page.some((version) => version.key !== key)) break
  }
  return found
}

const bodiesOf = (versions: readonly KeyVersion[]): readonly (KeyVersion & { stat: Stat })[] =>
  versions.flatMap((version) => (version.stat === null ? [] : [{ ...version, stat: version.stat }]))

/** The first body that the key ever got; null when it has none. */
export const oldestOf = async (
  connection: Connection,
  key: string,
  signal: AbortSignal | undefined,
): Promise<(KeyVersion & { stat: Stat }) | null> => bodiesOf(await versionsOf(connection, key, signal)).at(-1) ?? null

export const variantsOf = async (
  connection: Connection,
  key: string,
  signal: AbortSignal | undefined,
): Promise<readonly Variant[]> =>
  bodiesOf(await versionsOf(connection, key, signal))
    .map(({ id, stat }) => ({
      ...stat,
      open: (during?: AbortSignal, range?: { start: number; end: number }) =>
        openKey(connection, { key, versionId: id, signal: during }, range),
    }))
    .reverse()

/** Each key once, with its oldest body, whether somebody hid it by a mark of deletion or not. */
export async function* listOldest(
  connection: Connection,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Listed, void, void> {
  let last: Listed | null = null
  for await (const page of versionPages(connection, prefix, signal))
    for (const { key, stat } of page) {
      if (stat === null || !isOurs(key)) continue
      if (last !== null && last.key !== key) yield last
      last = { key, ...stat }
    }
  if (last !== null) yield last
}

/** Why a version could not be removed: VAULT_SEALED when it is locked, else the refusal itself. */
const whyKept = async (connection: Connection, { key, id }: KeyVersion, refusal: unknown): Promise<unknown> => {
  const { isLocked, until } = await lockOf(connection, key, id).catch(() => ({ isLocked: false, until: null }))
  if (!isLocked) return refusal
  const end = until === null ? 'by a legal hold' : `until ${new Date(until).toISOString()}`
  return new AppError('VAULT_SEALED', `cannot delete ${key}: the bucket keeps it ${end}`, { cause: refusal })
}

/** Removes every version and every mark of a key; throws VAULT_SEALED when one is locked. */
export const deleteVersions = async (
  connection: Connection,
  key: string,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const { sdk, client, bucket, base, ask } = connection
  for (const version of await versionsOf(connection, key, signal))
    await ask({ what: `delete ${key}`, right: 's3:DeleteObjectVersion', signal }, async (options) => {
      const input = { Bucket: bucket, Key: base + key, VersionId: version.id }
      await client.send(new sdk.DeleteObjectCommand(input), options)
    }).catch(async (refusal: unknown) => {
      throw refusal instanceof AppError && refusal.code === 'STORE_REFUSED'
        ? await whyKept(connection, version, refusal)
        : refusal
    })
}
