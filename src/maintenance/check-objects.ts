import { createHash } from 'node:crypto'
import type { DigestSet } from '../lib/digest-set.ts'
import { isAppError } from '../model/errors.ts'
import type { Vault } from '../vault/vault.ts'
import type { Finding, VerifyOptions } from './report.ts'

interface Checking {
  readonly needed: DigestSet
  readonly findings: Finding[]
  readonly options: VerifyOptions
  readonly signal: AbortSignal
}

interface Checked {
  objects: number
  bytes: number
  read: number
}

/** Objects read at a time. Reading is the disk's work and hashing one core's; a few in flight keep both busy. */
const AT_A_TIME = 4
/** Progress is told this often, in objects. */
const PROGRESS_EVERY = 64

/** Walks all objects, then asks for the needed ones that the walk did not meet. */
export async function checkObjects(vault: Vault, checking: Checking): Promise<Checked> {
  const checked: Checked = { objects: 0, bytes: 0, read: 0 }
  const flying = new Set<Promise<void>>()
  let failed: unknown = null
  for await (const { digest, size } of vault.listObjects(checking.signal)) {
    if (failed !== null) break
    checking.needed.mark(digest)
    checked.objects += 1
    checked.bytes += size
    if (checked.objects % PROGRESS_EVERY === 0) tell(checking, checked)
    if (checking.options.read === 'none') continue
    const job = readBack(vault, { digest, size }, checking, checked).catch((error: unknown) => {
      failed ??= error
    })
    flying.add(job)
    void job.finally(() => flying.delete(job))
    if (flying.size >= AT_A_TIME) await Promise.race(flying)
  }
  await Promise.all(flying)
  if (failed !== null) throw failed
  tell(checking, checked)
  await findMissing(vault, checking)
  return checked
}

function tell({ options, needed }: Checking, checked: Checked): void {
  const total = Math.max(needed.size, checked.objects)
  options.onProgress({ phase: 'objects', done: checked.objects, total, bytes: checked.bytes, totalBytes: 0 })
}

async function readBack(
  vault: Vault,
  object: { readonly digest: string; readonly size: number },
  { findings, signal }: Checking,
  checked: Checked,
): Promise<void> {
  const add = (code: Finding['code'], message: string): void => {
    findings.push({ severity: 'error', code, subject: object.digest, message, affects: [] })
  }
  try {
    const hash = createHash('sha256')
    let length = 0
    for await (const chunk of await vault.openObject(object.digest, signal)) {
      hash.update(chunk)
      length += chunk.length
    }
    checked.read += 1
    const found = hash.digest('hex')
    if (found !== object.digest) add('object-corrupt', `its ${length} bytes have the SHA-256 ${found}`)
  } catch (error) {
    if (!isAppError(error) || error.code === 'INTERRUPTED') throw error
    add(error.code === 'OBJECT_NOT_FOUND' ? 'object-missing' : 'object-corrupt', error.message)
  }
}

/** A walk may miss what was put while it went on, so each absence is asked for by name. */
async function findMissing(vault: Vault, { needed, findings, signal }: Checking): Promise<void> {
  for (const digest of needed.unmarked()) {
    if ((await vault.statObject(digest, signal)) !== null) continue
    findings.push({
      severity: 'error',
      code: 'object-missing',
      subject: digest,
      message: 'a snapshot names it, the vault does not hold it',
      affects: [],
    })
  }
}
