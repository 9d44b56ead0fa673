import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Checks a bag by the rules of RFC 8493, sections 2 and 3, knowing nothing of how ours are made. Returns sentences
 * about what is wrong; empty means complete and valid.
 */
export async function bagFaults(bag: string): Promise<string[]> {
  const faults: string[] = []
  const files = await filesIn(bag)
  const declaration = files.get('bagit.txt')
  // 2.1.1: exactly two lines, UTF-8 without a byte order mark.
  if (declaration === undefined) return ['bagit.txt is missing']
  if (!/^BagIt-Version: \d+\.\d+\r?\nTag-File-Character-Encoding: UTF-8\r?\n?$/u.test(declaration.toString('utf8')))
    faults.push('bagit.txt is not the declaration that the RFC asks for')
  if (![...files.keys()].some((path) => path.startsWith('data/'))) faults.push('there is no payload')

  const payload = parseManifest(files.get('manifest-sha256.txt'), 'manifest-sha256.txt', faults)
  for (const [path, digest] of payload) {
    if (!path.startsWith('data/')) faults.push(`the manifest names ${path}, which is no payload`)
    check(files, path, digest, faults)
  }
  // 3: complete only when every payload file is in the manifest.
  for (const path of files.keys())
    if (path.startsWith('data/') && !payload.has(path)) faults.push(`${path} is not in the manifest`)

  const tags = parseManifest(files.get('tagmanifest-sha256.txt'), 'tagmanifest-sha256.txt', faults)
  for (const [path, digest] of tags) {
    if (path.startsWith('data/') || path.startsWith('tagmanifest-')) faults.push(`the tag manifest names ${path}`)
    check(files, path, digest, faults)
  }
  // 2.2.1: payload manifests must be in a tag manifest.
  if (!tags.has('manifest-sha256.txt')) faults.push('the manifest is not in the tag manifest')
  faults.push(...infoFaults(files))
  return faults
}

function infoFaults(files: ReadonlyMap<string, Buffer>): string[] {
  const info = files.get('bag-info.txt')?.toString('utf8')
  if (info === undefined) return []
  const faults: string[] = []
  const fields = new Map<string, string>()
  for (const line of info.split(/\r?\n|\r/u)) {
    if (line === '' || /^[ \t]/u.test(line)) continue
    const [, label, value] = /^([^:\s][^:]*): ?(.*)$/u.exec(line) ?? []
    if (label === undefined || value === undefined) faults.push(`bag-info.txt: "${line}" is no "Label: value"`)
    else fields.set(label, value)
  }
  const payload = [...files].filter(([path]) => path.startsWith('data/'))
  const octets = payload.reduce((sum, [, bytes]) => sum + bytes.length, 0)
  if (fields.get('Payload-Oxum') !== `${octets}.${payload.length}`)
    faults.push(`Payload-Oxum is ${fields.get('Payload-Oxum')}`)
  const date = fields.get('Bagging-Date')
  if (date === undefined || !/^\d{4}-\d\d-\d\d$/u.test(date)) faults.push(`Bagging-Date is ${date}`)
  return faults
}

function check(files: ReadonlyMap<string, Buffer>, path: string, digest: string, faults: string[]): void {
  const bytes = files.get(path)
  if (bytes === undefined) faults.push(`${path} is named and missing`)
  else if (createHash('sha256').update(bytes).digest('hex') !== digest.toLowerCase())
    faults.push(`${path} has other bytes`)
}

/** 2.1.3: `checksum filepath`, with CR, LF and % in the path percent-encoded and nothing else. */
function parseManifest(bytes: Buffer | undefined, name: string, faults: string[]): ReadonlyMap<string, string> {
  const listed = new Map<string, string>()
  if (bytes === undefined) {
    faults.push(`${name} is missing`)
    return listed
  }
  if (bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) faults.push(`${name} has a byte order mark`)
  for (const line of new TextDecoder('utf-8', { fatal: true }).decode(bytes).split(/\r\n|\n|\r/u)) {
    if (line === '') continue
    const [, digest, encoded] = /^([0-9a-fA-F]{64})[ \t]+\*?(.+)$/u.exec(line) ?? []
    if (digest === undefined || encoded === undefined) {
      faults.push(`${name}: "${line}" is no line of a manifest`)
      continue
    }
    const stray = encoded.replace(/%0[ad]|%25/giu, '').includes('%')
    if (stray) faults.push(`${name}: a percent sign in "${encoded}" is not encoded`)
    const path = encoded.replace(/%0a/giu, '\n').replace(/%0d/giu, '\r').replaceAll('%25', '%')
    if (path.startsWith('/') || path.split('/').includes('..')) faults.push(`${name} leads outside: ${path}`)
    if (listed.has(path)) faults.push(`${name} names ${path} twice`)
    listed.set(path, digest)
  }
  return listed
}

async function filesIn(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.set(path.slice(folder.length + 1), await readFile(path))
  }
  return files
}
