import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { VersionRow } from '../../catalog/catalog.ts'
import { RESOURCE_TYPES } from '../../model/asset.ts'
import { AppError } from '../../model/errors.ts'
import { libraryPath } from '../../model/library-path.ts'
import { chooseCloud } from '../account-choice.ts'
import { assetRecord } from '../asset-record.ts'
import { type FoundAsset, findAsset } from '../asset-ref.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatTime, safe } from '../format.ts'
import { copyVerified, type PromisedBytes, writeVerified } from '../verified-write.ts'
import { refusePurged } from '../version-provenance.ts'

export const get: CliCommand = {
  name: 'get',
  summary: 'get the bytes of one asset back, checked while they are read',
  group: 'look',
  operands: [['<ASSET[@VERSION]>', 'an asset, perhaps with a version: an id, a number, a snapshot or a date']],
  options: [
    {
      flags: '-o, --output <FILE>',
      help: 'a file, a folder, or - for stdout (default: its name, here; stdout when that is no terminal)',
    },
    { flags: '--force', help: 'replace a file that is there' },
  ],
  notes: `  cloudkeep get products/chair
  cloudkeep get products/chair@1 -o chair-first.jpg
  cloudkeep get products/chair@2026-10-01 -o - | sha256sum

The numbers are those of cloudkeep versions; they go back to earlier assets of the same name.`,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings, signal, options } = call
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const found = await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, settings.config)
    return await findAsset(reader, cloud, call.operands[0] ?? '')
  })
  const { version } = found
  refusePurged(version)
  const { object, size } = version
  if (object === null || size === null) {
    throw new AppError(
      'VERSION_NOT_FOUND',
      `version ${version.version} of "${safe(version.publicId)}" is kept as a record, without bytes`,
      {
        hint: `its delivery type is ${version.type}; cloudkeep show prints the record, backup --remote or --derived fetches such bytes`,
      },
    )
  }
  const promised: PromisedBytes = { bytes: await (await ctx.vault()).openObject(object, signal), digest: object, size }
  const target = await targetOf(call, nameOf(version))
  if (target === null) {
    await copyVerified(promised, signal, (chunk) => writeOut(call, chunk))
  } else {
    const mtime = Date.parse(version.uploadedAt ?? version.createdAt ?? version.capturedAt)
    await writeVerified(target, promised, {
      force: options.flag('force'),
      mtime: Number.isNaN(mtime) ? null : mtime,
      signal,
    })
  }
  out.say(told(found, target, out.talk))
  out.record('file', { file: target, ...assetRecord(version) })
  return {
    exit: EXIT.done,
    summary: { cloud: version.cloud, assetId: version.assetId, version: version.version, file: target, size },
  }
}

/** Null is stdout. */
async function targetOf({ options, out }: Call, name: string): Promise<string | null> {
  const asked = options.text('output')
  if (asked === '-' && out.json)
    throw new AppError('USAGE', '-o - and --json both want stdout', { hint: 'give -o FILE' })
  if (asked === '-' || (asked === undefined && out.width === null && !out.json)) return null
  if (asked === undefined) return resolve(name)
  const folder = await stat(asked).then(
    (found) => found.isDirectory(),
    () => false,
  )
  return folder || asked.endsWith('/') ? resolve(join(asked, name)) : resolve(asked)
}

/** An imported version has no place in the library: it is called like its public_id. */
function nameOf(version: VersionRow): string {
  const { path, assetId, publicId, format } = version
  if (path !== null) return fileName(version)
  const resourceType = RESOURCE_TYPES.find((each) => each === version.resourceType) ?? 'raw'
  return fileName({
    assetId,
    path: libraryPath({ assetId, publicId, resourceType, format, folder: null, displayName: null }, 'fixed'),
  })
}

/**
 * The last segment of the library path: made safe for every system when it was recorded. It comes from a vault all the
 * same, so what is no plain name in the folder is not believed.
 */
export function fileName(version: Pick<VersionRow, 'path' | 'assetId'>): string {
  const last = version.path?.split('/').at(-1) ?? ''
  const plain = last !== '' && last !== '.' && last !== '..' && safe(last) === last && !/[\\:]/.test(last)
  return plain ? last : version.assetId.replace(/[^0-9a-z]/gi, '_')
}

function writeOut({ out }: Call, chunk: Uint8Array): Promise<void> {
  // Waits until the pipe has taken it: a slow reader must not make a video pile up in memory.
  return new Promise((done, failed) => {
    out.stdout.write(chunk, (error) => (error ? failed(error) : done()))
  })
}

function told(
  { version, ordinal, versions, explicit }: FoundAsset,
  target: string | null,
  theme: Call['out']['talk'],
): string {
  const which =
    explicit || versions.length > 1
      ? `, version ${ordinal} of ${versions.length} from ${formatTime(version.since ?? version.capturedAt)}`
      : ''
  const gone = version.untilSeq === null || explicit ? '' : ', gone from the account'
  const imported = version.origin === 'import' ? ", from Cloudinary's backup" : ''
  const place = target === null ? 'stdout' : safe(target)
  return `${theme.ok(theme.marks.ok)} ${safe(version.publicId)} ${theme.dim(theme.marks.arrow)} ${place}  ${theme.dim(`${formatBytes(version.size ?? 0)}, sha256 agrees${which}${imported}${gone}`)}`
}
