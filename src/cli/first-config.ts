import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Settings } from '../config/config.ts'
import { AppError } from '../model/errors.ts'

/**
 * Writes `cloudkeep.config.json` into the working directory, so that later commands need no flags. Null when there is a
 * config file already: it is a person's, and stays as it is.
 */
export async function writeFirstConfig(
  settings: Settings,
  { vault, cloud }: { readonly vault: string; readonly cloud: string | null },
): Promise<string | null> {
  if (settings.configFile !== null) return null
  const file = resolve(settings.config.cwd, 'cloudkeep.config.json')
  const content = { vault, ...(cloud === null ? {} : { cloud }) }
  try {
    await writeFile(file, `${JSON.stringify(content, null, 2)}\n`, { flag: 'wx' })
    return file
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return null
    throw new AppError('CONFIG_INVALID', `the config file ${file} cannot be written`, {
      hint: '--no-config leaves it out',
      cause,
    })
  }
}
