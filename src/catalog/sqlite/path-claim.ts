import { pathKey } from '../../model/path-key.ts'
import type { ClaimAnswer, PathClaim } from '../hot-path.ts'
import { afterPrefix } from '../text.ts'
import type { Connection } from './connection.ts'
import { savePath } from './step-statements.ts'

/** The current versions' paths, and those of gone assets, whose files stay: the last version of each. */
const HELD = `select 1 from versions v where v.account_id = ? and v.asset_id is not ?
  and (v.until_seq is null or not exists (
    select 1 from versions later
    where later.account_id = v.account_id and later.asset_id = v.asset_id and later.from_seq > v.from_seq))
  and not (v.object is not null and v.object is ? and (v.until_seq is not null
    or exists (select 1 from run_gone g where g.run = ? and g.asset_id = v.asset_id)))`
/** The same when the files of gone assets are removed, those that this run found gone included. */
const HELD_BY_PRESENT = `select 1 from versions v where v.account_id = ? and v.asset_id is not ? and v.until_seq is null
  and not exists (select 1 from run_gone g where g.run = ? and g.asset_id = v.asset_id)`
/** What this run has given out. */
const RESERVED = 'select 1 from steps where run = ? and asset_id is not ? and listed = 1'
const EXACTLY = 'and path_key = ? limit 1'
const BELOW = 'and path_key > ? and path_key < ? limit 1'

/** See `CatalogWriter.claimPath`. An asset's own present file does not stand in the way of the same path. */
export async function claimPath(on: Connection, claim: PathClaim): Promise<ClaimAnswer> {
  const { run, assetId, path } = claim
  const key = pathKey(path)
  if (isHeld(on, claim, { except: assetId, where: EXACTLY, keys: [key] })) return { kind: 'taken' }
  const below = [`${key}/`, afterPrefix(`${key}/`)]
  if (isHeld(on, claim, { except: null, where: BELOW, keys: below })) return { kind: 'taken' }
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
    const file = path.slice(0, end)
    if (isHeld(on, claim, { except: null, where: EXACTLY, keys: [pathKey(file)] }))
      return { kind: 'file-in-the-way', file }
  }
  await savePath(on, run, { assetId, path })
  return { kind: 'free' }
}

interface Question {
  readonly except: string | null
  readonly where: string
  readonly keys: readonly string[]
}

function isHeld(on: Connection, claim: PathClaim, { except, where, keys }: Question): boolean {
  const { accountId, run, goneIsFree, object = null } = claim
  const held = goneIsFree
    ? on.prepare(`${HELD_BY_PRESENT} ${where}`).get(accountId, except, run, ...keys)
    : on.prepare(`${HELD} ${where}`).get(accountId, except, object, run, ...keys)
  return held !== undefined || on.prepare(`${RESERVED} ${where}`).get(run, except, ...keys) !== undefined
}
