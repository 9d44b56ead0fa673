import { z } from 'zod'
import { AppError } from '../model/errors.ts'
import type { Failure } from '../model/snapshot.ts'
import type { Vault } from '../vault/vault.ts'

const shape = z.object({
  assetId: z.string(),
  publicId: z.string(),
  resourceType: z.string(),
  type: z.string(),
  code: z.string(),
  reason: z.string(),
})

/** The failures that a snapshot names, as they lie in the vault. Throws VAULT_INVALID on a line that is none. */
export async function* readFailures(vault: Vault, object: string, signal: AbortSignal): AsyncGenerator<Failure> {
  for await (const line of vault.readLines(object, signal)) {
    const parsed = shape.safeParse(parseJson(line))
    if (!parsed.success)
      throw new AppError('VAULT_INVALID', `the list of failures ${object} holds a line that is no failure`)
    yield parsed.data
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
