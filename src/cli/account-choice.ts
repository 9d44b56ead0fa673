import type { CatalogReader } from '../catalog/catalog.ts'
import type { Config } from '../config/config.ts'
import { locationName } from '../config/vault-location.ts'
import { AppError } from '../model/errors.ts'

/**
 * The account a reading command is about: the one asked for, else the only one in the vault, else that of the
 * credentials. Throws USAGE when that leaves more than one, and SNAPSHOT_NOT_FOUND when the vault is still empty.
 */
export async function chooseCloud(reader: Pick<CatalogReader, 'clouds'>, config: Config): Promise<string> {
  const clouds = await reader.clouds()
  if (clouds.length === 0) {
    throw new AppError('SNAPSHOT_NOT_FOUND', `the vault ${locationName(config.vault)} holds no snapshot yet`, {
      hint: 'cloudkeep backup makes the first one',
    })
  }
  const asked = isAskedFor(config)
  if (config.cloud !== null && clouds.includes(config.cloud)) return config.cloud
  if (config.cloud !== null && asked) {
    throw new AppError('USAGE', `the vault holds no account "${config.cloud}"`, {
      hint: `it holds ${clouds.join(', ')}`,
    })
  }
  const [only, ...others] = clouds
  if (only !== undefined && others.length === 0) return only
  throw new AppError('USAGE', 'the vault holds several accounts', {
    hint: `say which with --cloud: ${clouds.join(', ')}`,
  })
}

/** True when a person named the account, rather than credentials that happen to be there. */
export const isAskedFor = (config: Config): boolean => /--cloud|CLOUDKEEP_CLOUD| cloud$/.test(config.origins.cloud)
