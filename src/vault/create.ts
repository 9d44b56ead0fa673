import { AppError } from '../model/errors.ts'
import { memoryBody, textBody } from './body.ts'
import { readText } from './content.ts'
import type { KeyFile, NewKeys } from './encryption/keys.ts'
import { encodeIdentity, IDENTITY_KEY } from './identity.ts'
import type { ObjectsOptions } from './objects.ts'
import { openVault, placeOf } from './open.ts'
import { ENCRYPTED_README_TEXT, README_KEY, README_TEXT } from './readme.ts'
import type { Store } from './store.ts'
import type { Vault } from './vault.ts'

export interface Birth extends ObjectsOptions {
  readonly now: Date
  /** Letters, digits, - and _; at most 64. */
  readonly id: string
  /** The program and its version. */
  readonly tool: string
  /** Makes the vault an encrypted one; the writer's key has to be safe somewhere else already. @default null */
  readonly keys?: Pick<NewKeys, 'files' | 'encryption'> | null
  readonly signal?: AbortSignal
}

const FIRST_LINES = [README_TEXT, ENCRYPTED_README_TEXT].map((text) => text.slice(0, text.indexOf('\n')))

/** A README of ours is what a creation leaves that was killed half way, and key files where it was to be encrypted. */
const isOurs = async (store: Store, key: string, { keys = null, signal }: Birth): Promise<boolean> => {
  // What was only tried out, or held for a while, is no vault, and may be impossible to remove.
  if (key.startsWith('check/') || key.startsWith('locks/')) return true
  if (key.startsWith('keys/')) return keys !== null
  if (key !== README_KEY) return false
  const text = await readText(store, key, { limit: 1024 * 1024, signal })
  return FIRST_LINES.some((line) => text.startsWith(`${line}\n`))
}

const refuseOccupied = async (store: Store, birth: Birth): Promise<void> => {
  for await (const { key } of store.list('', birth.signal)) {
    if (await isOurs(store, key, birth)) continue
    const wasVault = key.startsWith('objects/') || key.startsWith('accounts/')
    throw new AppError('VAULT_INVALID', `${placeOf(store)} is not empty and not a vault: it holds ${key}`, {
      hint: wasVault
        ? `this looks like a vault that lost its ${IDENTITY_KEY}; put that file back`
        : 'choose an empty place',
    })
  }
}

/** Two who make a vault at once must not end with the key file of one and the recipient of the other. */
const putKeyFile = async (store: Store, { key, bytes }: KeyFile, signal: AbortSignal | undefined): Promise<void> => {
  if (await store.put(key, memoryBody(bytes), signal, 'create')) return
  throw new AppError(
    'VAULT_LOCKED',
    `${key} appeared in ${placeOf(store)} meanwhile: somebody else makes a vault there`,
  )
}

/**
 * Makes a vault in an empty place, or opens the one that is there. Killed half way it can be called again: the README
 * comes first, and the place is a vault only when `cloudkeep.json` is there. Throws VAULT_INVALID when the place holds
 * anything else.
 */
export const createVault = async (store: Store, birth: Birth): Promise<Vault> => {
  const { signal } = birth
  if ((await store.stat(IDENTITY_KEY, signal)) === null) {
    await refuseOccupied(store, birth)
    const keys = birth.keys ?? null
    await store.put(README_KEY, textBody(keys === null ? README_TEXT : ENCRYPTED_README_TEXT), signal)
    for (const file of keys?.files ?? []) await putKeyFile(store, file, signal)
    const identity = {
      format: 1,
      id: birth.id,
      digest: 'sha256',
      createdAt: birth.now.toISOString(),
      tool: birth.tool,
      encryption: keys?.encryption ?? null,
    } as const
    await store.put(IDENTITY_KEY, textBody(encodeIdentity(identity)), signal)
  }
  return openVault(store, birth, signal)
}
