import { holdingBoth } from './both-locks.ts'
import type { Context } from './context.ts'
import { AppError } from './model/errors.ts'
import { decodeHistoryHead } from './model/history.ts'
import type { Owners } from './vault/encryption/keys.ts'
import { type RekeyReport, rekey } from './vault/encryption/rekey.ts'
import { type Given, proveRecovery } from './vault/encryption/unlock.ts'
import type { Vault } from './vault/vault.ts'
import { givenKeys, keepWriterKey } from './vault-keys.ts'

export interface RekeyWish extends Owners {
  /** Brings what the new owners will have on the day it is needed. */
  readonly prove: () => Promise<Given>
}

/**
 * Gives an encrypted vault new keys and owners; needs a key that opens it now. Takes the locks of runs and of prunes.
 * Throws USAGE where nothing is encrypted. Killed half way it may be run again.
 */
export async function runRekeyCommand(
  context: Context,
  { prove, ...wish }: RekeyWish,
  signal: AbortSignal,
): Promise<RekeyReport & { readonly writerKeyFile: string }> {
  const { bare, name, raw } = await context.place()
  const { id, encryption } = bare.identity
  if (encryption === null) {
    throw new AppError('USAGE', `${name} is not encrypted, so it has no keys to change`, {
      hint: 'make an encrypted vault with cloudkeep init in another place, and cloudkeep copy into it',
    })
  }
  return await holdingBoth(context, 'rekey', async () => {
    const given = givenKeys(context.secrets)
    const report = await rekey(raw, { id, encryption }, { given, wish, lists: listsOf(bare, signal), signal })
    // Said before anything of the old keys is thrown away: until then they still open everything.
    await proveRecovery(raw, { id, encryption: report.encryption }, await prove(), signal)
    return { ...report, writerKeyFile: await keepWriterKey(context.config, report.writer) }
  })
}

/** The lists that heads name: segments, folders, configuration, failures, and the lines of histories. Some more than once. */
async function* listsOf(vault: Vault, signal: AbortSignal): AsyncGenerator<string, void, void> {
  for (const cloud of await vault.clouds(signal)) {
    for (const key of await vault.snapshotKeys(cloud, signal)) {
      const { snapshot } = await vault.readSnapshot(key, signal)
      for (const { object } of snapshot.segments) yield object
      for (const part of [snapshot.folders, snapshot.configuration, snapshot.failures]) if (part !== null) yield part
    }
    for (const key of await vault.recordKeys({ kind: 'history', cloud }, signal)) {
      yield decodeHistoryHead(await vault.readRecord(key, signal)).lines
    }
  }
}
