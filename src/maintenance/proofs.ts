import { isAppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import { decodeProof, type ProofOfVault } from '../model/proof.ts'
import type { Vault } from '../vault/vault.ts'
import type { ReadingCycle } from './verify/reading.ts'

type Records = Pick<Vault, 'recordKeys' | 'readRecord'>

/** The newest evidence of each kind; null where there is none. */
export interface LatestProofs {
  /** The last check, whatever it read. */
  readonly verify: ProofOfVault | null
  /** The last check that had read every byte, in one go or as the end of a cycle. */
  readonly everyByte: ProofOfVault | null
  readonly drill: ProofOfVault | null
  /** The reading by part that is under way. */
  readonly cycle: ReadingCycle | null
}

/** Newest first, read as they are asked for. A record that cannot be read proves nothing and is left out. */
async function* proofsFromNewest(vault: Records, signal?: AbortSignal): AsyncGenerator<ProofOfVault, void, void> {
  const keys = await vault.recordKeys({ kind: 'proofs' }, signal)
  for (const key of [...keys].reverse()) {
    try {
      yield decodeProof(await vault.readRecord(key, signal))
    } catch (error) {
      // Encrypted by somebody else it proves nothing to whoever cannot read it.
      const isNone = ['VAULT_INVALID', 'OBJECT_NOT_FOUND', 'KEY_MISSING'] as const
      if (!isNone.some((code) => isAppError(error, code))) throw error
    }
  }
}

export async function allProofs(vault: Records, signal?: AbortSignal): Promise<readonly ProofOfVault[]> {
  const proofs: ProofOfVault[] = []
  for await (const proof of proofsFromNewest(vault, signal)) proofs.push(proof)
  return proofs.reverse()
}

export async function latestProofs(vault: Records, signal?: AbortSignal): Promise<LatestProofs> {
  let verify: ProofOfVault | null = null
  let everyByte: ProofOfVault | null = null
  let drill: ProofOfVault | null = null
  let cycle: ReadingCycle | null = null
  for await (const proof of proofsFromNewest(vault, signal)) {
    if (proof.kind === 'drill') drill ??= proof
    else {
      verify ??= proof
      // What came before the last complete reading is over; a cycle begun after it is the one under way.
      if (everyByte === null && cycle === null && !proof.everyByte) cycle = cycleIn(proof)
      if (proof.everyByte) everyByte ??= proof
    }
    if (everyByte !== null && drill !== null) break
  }
  return { verify, everyByte, drill, cycle }
}

const cycleIn = ({ cycleStartedAt, passes }: ProofOfVault): ReadingCycle | null =>
  cycleStartedAt === null ? null : { startedAt: cycleStartedAt, passes: passes ?? [] }

/** The JSON of a proof, for `writeRecord`. */
const encodeProof = (proof: ProofOfVault): Json => {
  const { snapshots, passes, damaged, ...plain } = proof
  return {
    ...plain,
    snapshots: snapshots.map((snapshot) => ({ ...snapshot })),
    ...(passes !== undefined && { passes: passes.map((pass) => ({ ...pass })) }),
    ...(damaged !== undefined && { damaged: [...damaged] }),
  }
}

/** Writes the evidence and returns its key. Throws what the store throws. */
export const writeProof = (vault: Pick<Vault, 'writeRecord'>, proof: ProofOfVault): Promise<string> =>
  vault.writeRecord({ kind: 'proofs' }, { id: proof.id, at: proof.at, value: encodeProof(proof) })
