import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { AssetFacts } from '../model/asset.ts'
import { type DerivedRow, derivedRows, withObjects } from '../model/derived.ts'
import { AppError, isAppError } from '../model/errors.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { createPart } from './part.ts'
import { nameOf, type Run } from './run-state.ts'

const TRIES = 4

/**
 * Downloads what Cloudinary has derived from an asset and writes the objects' names beside their rows. Derived files
 * can be made again from the original, so one that fails is told of and does not fail the asset. Cloudinary states no
 * MD5 for them: the length is the proof.
 */
export async function keepDerived(run: Run, facts: AssetFacts, details: Json): Promise<Json> {
  const objects = new Map<JsonObject, string>()
  for (const derived of derivedRows(details)) {
    try {
      objects.set(derived.row, await fetchDerived(run, facts, derived))
    } catch (error) {
      if (!isAppError(error) || (!error.code.startsWith('DOWNLOAD') && error.code !== 'HOST_REFUSED')) throw error
      run.partial.add('failures')
      run.deps.listen({
        type: 'note',
        message: `${nameOf(facts)}, derived ${derived.transformation}: ${error.message}`,
      })
    }
  }
  return withObjects(details, objects)
}

async function fetchDerived(run: Run, facts: AssetFacts, derived: DerivedRow): Promise<string> {
  if (derived.secureUrl === null) throw new AppError('DOWNLOAD_REFUSED', 'it has no URL')
  const { reader, vault, scratch } = run.deps
  const wanted = { ...facts, secureUrl: derived.secureUrl, bytes: derived.bytes, etag: null }
  const name = createHash('sha256').update(`derived ${derived.secureUrl}`).digest('hex').slice(0, 32)
  const bounds = { budget: run.scratch.budget, signal: run.signal }
  const part = await createPart(derived.bytes, join(scratch, `${name}.part`), bounds)
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await part.reset()
        const opened = await reader.openSource(wanted, { kind: 'secure_url' }, { offset: 0, etag: null }, run.signal)
        for await (const chunk of opened.body) await part.append(chunk)
        if (derived.bytes === null || part.length === derived.bytes) break
        throw new AppError('DOWNLOAD_MISMATCH', `${part.length} bytes came, ${derived.bytes} were listed`, {
          permanent: false,
        })
      } catch (error) {
        if (!isAppError(error) || error.permanent || attempt >= TRIES) throw error
      }
    }
    const { sha256 } = await part.digest()
    await vault.putObject(sha256, part.body(), run.signal)
    return sha256
  } finally {
    await part.discard()
  }
}
