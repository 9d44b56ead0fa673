import { isAppError } from '../../model/errors.ts'
import { fieldsOf, invalid, text, textLike, time } from '../../model/shape.ts'
import type { Sweeper } from '../../vault/sweeper.ts'
import type { Vault } from '../../vault/vault.ts'

/** A snapshot that no rule of retention may take: `accounts/<cloud>/pins/<time>-<snapshot id>.json`. */
export interface Pin {
  readonly format: 1
  /** The snapshot's id. */
  readonly snapshot: string
  readonly cloud: string
  readonly at: string
  /** What the person gave as the reason; may be empty. */
  readonly reason: string
  readonly tool: string
}

const ID = { pattern: /^[A-Za-z0-9_-]{1,64}$/, wanted: 'the id of a snapshot' }

/** Checks a record as `readRecord` gives it. Throws VAULT_INVALID. */
const decodePin = (value: unknown): Pin => {
  const fields = fieldsOf(value, 'the pin')
  if (fields['format'] !== 1) throw invalid('format', fields['format'], '1')
  return {
    format: 1,
    snapshot: textLike(fields, 'snapshot', ID),
    cloud: text(fields, 'cloud'),
    at: time(fields, 'at'),
    reason: text(fields, 'reason'),
    tool: text(fields, 'tool'),
  }
}

type Records = Pick<Vault, 'recordKeys' | 'readRecord' | 'writeRecord'>

/**
 * The pins of an account by snapshot id; of two for one snapshot the newer one counts. Throws VAULT_INVALID for one
 * that cannot be read: what nobody can read must not be taken for "not pinned".
 */
export async function readPins(
  vault: Omit<Records, 'writeRecord'>,
  cloud: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Pin>> {
  const pins = new Map<string, Pin>()
  for (const key of await vault.recordKeys({ kind: 'pins', cloud }, signal)) {
    const pin = await readPin(vault, key, signal)
    if (pin !== null) pins.set(pin.snapshot, pin)
  }
  return pins
}

/** Null when it was taken off since it was listed. */
async function readPin(vault: Pick<Vault, 'readRecord'>, key: string, signal?: AbortSignal): Promise<Pin | null> {
  try {
    return decodePin(await vault.readRecord(key, signal))
  } catch (error) {
    if (isAppError(error, 'OBJECT_NOT_FOUND')) return null
    throw error
  }
}

/** Pins again what is pinned, with the new reason. The caller holds the lock `prune`, or a prune may not see it. */
export async function pinSnapshot(
  { vault, sweeper }: { readonly vault: Records; readonly sweeper: Sweeper },
  pin: Pin,
  signal?: AbortSignal,
): Promise<void> {
  const before = await keysOf(vault, pin, signal)
  const key = await vault.writeRecord(
    { kind: 'pins', cloud: pin.cloud },
    { id: pin.snapshot, at: pin.at, value: { ...pin } },
    signal,
  )
  for (const old of before) if (old !== key) await sweeper.removeRecord(old, signal)
}

/** False when it was not pinned. */
export async function unpinSnapshot(
  { vault, sweeper }: { readonly vault: Omit<Records, 'writeRecord'>; readonly sweeper: Sweeper },
  of: Pick<Pin, 'cloud' | 'snapshot'>,
  signal?: AbortSignal,
): Promise<boolean> {
  const keys = await keysOf(vault, of, signal)
  for (const key of keys) await sweeper.removeRecord(key, signal)
  return keys.length > 0
}

/** By the key, so that a pin that cannot be read can be taken off all the same. */
async function keysOf(
  vault: Pick<Vault, 'recordKeys'>,
  of: Pick<Pin, 'cloud' | 'snapshot'>,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const keys = await vault.recordKeys({ kind: 'pins', cloud: of.cloud }, signal)
  return keys.filter((key) => key.endsWith(`Z-${of.snapshot}.json`))
}
