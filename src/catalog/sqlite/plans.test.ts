import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  assetIdOf,
  CLOUD,
  collect,
  each,
  entryOf,
  lineOf,
  purgeOf,
  put,
  storedSnapshot,
} from '../../../test/samples/history.ts'
import type { CatalogWriter } from '../catalog.ts'
import { catalogWriter } from '../transaction.ts'
import { openSqliteCatalog } from './catalog.ts'
import { Connection } from './connection.ts'
import { sqliteHotPath } from './hot-path.ts'

let folder: string
let connection: Connection
let asked: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-plans-'))
  const file = join(folder, 'catalog.sqlite')
  await (await openSqliteCatalog(file)).close()
  connection = await Connection.open(file, { cacheKiB: 1024 })
  asked = []
  const prepare = connection.prepare.bind(connection)
  connection.prepare = (text) => {
    if (!text.startsWith('explain')) asked.push(text)
    return prepare(text)
  }
})
afterEach(async () => {
  connection.close()
  await rm(folder, { recursive: true })
})

/** How the database would answer everything that `action` asks, step by step. */
async function plansOf(action: (tx: CatalogWriter) => Promise<unknown>): Promise<string[]> {
  const hot = sqliteHotPath(connection)
  const tx = catalogWriter({ db: connection.db, hot, generation: 1, turn: async () => {}, sweepLater: () => {} })
  await connection.begin('immediate')
  await tx.addSnapshot(storedSnapshot(1), each(put({ assetId: assetIdOf(1), path: 'p' })))
  await tx.beginRun({ id: 'r', cloud: CLOUD, command: 'backup', startedAt: 'now' })
  asked = []
  await action(tx)
  const texts = [...new Set(asked)].filter((text) => /\b(versions|steps|search_marks|run_gone)\b/u.test(text))
  return texts.flatMap((text) =>
    connection
      .prepare(`explain query plan ${text}`)
      .all()
      .map((row) => String(row['detail'])),
  )
}

/** A step that reads a whole table, a whole account or a whole run. Purges are few, and read whole to mark versions. */
const isWhole = (detail: string): boolean =>
  !/^SEARCH (purges|purged) USING PRIMARY KEY \(account_id=\?\)$/u.test(detail) &&
  (/^SCAN (?!json_each|\(subquery|CONSTANT|changed|\d)/u.test(detail) || /\((account_id|run)=\?\)$/u.test(detail))

const at = { resourceType: 'image', type: 'upload' }

test('no question about one asset, page or change reads everything there is', async () => {
  const id = assetIdOf(1)
  const plans = await plansOf(async (tx) => {
    await tx.known(CLOUD, [id])
    await tx.missing(CLOUD, 'r', [at], id, 5)
    await tx.withoutDetails(CLOUD, id, 5)
    await tx.replacedSince(CLOUD, 1)
    await collect(tx.currentIds(CLOUD, 'a'))
    await collect(tx.versionsAt(CLOUD, 1, { after: { publicId: 'a', assetId: id } }))
    await collect(tx.versionsAt(CLOUD, 1, { glob: 'a/*' }))
    await tx.versionsOf(CLOUD, id)
    await tx.byPublicId(CLOUD, 'a', at)
    await tx.byAssetId(CLOUD, id)
    await tx.byPath(CLOUD, 'p')
    await tx.namedBy(CLOUD, entryOf({ assetId: id }).object ?? '')
    await collect(tx.goneAt(CLOUD, 1, {}))
    await tx.addHistory(CLOUD, { key: 'h', origin: 'import' }, each([lineOf({ assetId: id, bytes: 'older' })]))
    await tx.addPurge(CLOUD, 'p', purgeOf(entryOf({ assetId: id })))
    await tx.purgedVersions(CLOUD)
    await tx.forgetRecord(CLOUD, 'p')
    await tx.forgetRecord(CLOUD, 'h')
    await collect(tx.diff(CLOUD, 1, 2))
    await tx.steps('r', { after: id, limit: 5 })
    await collect(tx.doneSteps('r', 'a'))
    await collect(tx.goneIds('r', 'a'))
    await tx.unlistedMarks('r', id, 5)
    await tx.searchMarks('r', [id])
    await tx.saveSteps('r', [{ assetId: id, kind: 'fetch', state: 'queued', why: '', listHash: '', listRaw: '{}' }])
    await tx.saveSearchMarks('r', [{ assetId: id, etag: null, updatedAt: null, raw: '{}' }])
    await tx.markHashed('r', { assetId: id, object: '', size: 1, md5: '', proof: 'md5' })
    await tx.markFailed('r', id, { code: '', reason: '' })
    await tx.claimPath(CLOUD, 'r', { assetId: id, path: 'a/b', goneIsFree: false })
    await tx.claimPath(CLOUD, 'r', { assetId: id, path: 'a/b', goneIsFree: true })
    await tx.addSnapshot(storedSnapshot(2), each(put({ assetId: id, bytes: 'other' })))
  })
  expect(plans.length).toBeGreaterThan(30)
  expect(plans.filter(isWhole)).toEqual([])
})

test('what is queued, written, failed and reserved has an index of its own', async () => {
  const plans = await plansOf(async (tx) => {
    await tx.queuedFetches('r', { limit: 5, except: new Set(), withSearch: true })
    await tx.queuedFetches('r', { limit: 5, except: new Set(), withSearch: false })
    await tx.steps('r', { state: 'failed', limit: 5 })
    await tx.steps('r', { kind: 'rename', state: 'done', limit: 5 })
    await tx.changedPrefixes('r', 2)
    await tx.requeueFailed('r')
  })
  const used = plans
    .filter((detail) => / (s|steps) USING/u.test(detail))
    .map((detail) => /steps_\w+/u.exec(detail)?.[0])
  expect(used).toEqual(['steps_queue', 'steps_queue', 'steps_failed', 'steps_written', 'steps_written', 'steps_failed'])
})

test('nothing is sorted that could come in order', async () => {
  const plans = await plansOf(async (tx) => {
    await collect(tx.versionsAt(CLOUD, 1, {}))
    await collect(tx.diff(CLOUD, 1, 2))
    await collect(tx.goneAt(CLOUD, 1, {}))
    await tx.missing(CLOUD, 'r', [at], '', 5)
    await collect(tx.doneSteps('r', ''))
    await tx.queuedFetches('r', { limit: 5, except: new Set(), withSearch: false })
    await tx.unlistedMarks('r', '', 5)
  })
  expect(plans.filter((detail) => detail.includes('TEMP B-TREE'))).toEqual([])
})
