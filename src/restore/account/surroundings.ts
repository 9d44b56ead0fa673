import { configurationName } from '../../cloudinary/configuration-name.ts'
import type { MakeablePart } from '../../cloudinary/writer.ts'
import type { AccountConfiguration } from '../../model/account.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { fieldsOf, parseJson } from '../../model/shape.ts'
import { folderPaths } from '../folder-paths.ts'
import type { ConfigurationResult } from '../report.ts'
import { isItsOwn } from './its-own.ts'
import type { RestoreRun } from './run-state.ts'

/** What assets need, in the order in which one needs the other. */
const BEFORE_ASSETS: readonly MakeablePart[] = [
  'metadata_fields',
  'metadata_rules',
  'transformations',
  'streaming_profiles',
  'upload_presets',
  'upload_mappings',
]

/** What may only come when the assets are there: webhooks would tell of each of them. */
const AFTER_ASSETS: readonly MakeablePart[] = ['triggers']

export interface Surroundings {
  /** Fields, rules, transformations, profiles, presets, mappings; then folders. */
  beforeAssets(): Promise<void>
  /** Fields become mandatory again, then triggers. */
  afterAssets(): Promise<void>
  readonly results: readonly ConfigurationResult[]
}

/**
 * The account around the assets: what is missing is made; what is there and differs is brought to what was kept only
 * under the policy `overwrite`. One item that fails does not keep the others from coming.
 */
export async function openSurroundings(run: RestoreRun): Promise<Surroundings> {
  const results: ConfigurationResult[] = []
  const kept = await keptConfiguration(run)
  const present = kept === null ? null : await run.deps.reader.configuration(run.signal)
  const mandatory: JsonObject[] = []
  const put = async (part: MakeablePart, item: JsonObject, options: { overwrite: boolean; present: Json | null }) => {
    const name = configurationName(part, item) ?? '?'
    const tell = (outcome: ConfigurationResult['outcome'], reason: string | null): void => {
      const result = { part, name, outcome, reason }
      results.push(result)
      run.deps.listen({ type: 'configured', result })
    }
    try {
      tell(await run.deps.writer.putConfiguration(part, item, options, run.signal), null)
    } catch (error) {
      if (!isItsOwn(error)) throw error
      tell('failed', error.message)
    }
  }
  const putPart = async (part: MakeablePart): Promise<void> => {
    const there = itemsOf(present, part)
    const overwrite = run.options.conflict === 'overwrite'
    for (const item of itemsOf(kept, part)) {
      const name = configurationName(part, item)
      const same = there.find((one) => configurationName(part, one) === name) ?? null
      // A mandatory field without a value refuses uploads, also those of assets that never had one.
      const isLate = part === 'metadata_fields' && item['mandatory'] === true && same === null
      if (isLate) mandatory.push(item)
      await put(part, isLate ? { ...item, mandatory: false } : item, { overwrite, present: same })
    }
  }
  return {
    results,
    async beforeAssets() {
      if (kept !== null) for (const part of BEFORE_ASSETS) await putPart(part)
      await makeFolders(run, results)
    },
    async afterAssets() {
      for (const item of mandatory) {
        await put('metadata_fields', item, { overwrite: true, present: { ...item, mandatory: false } })
      }
      if (kept !== null) for (const part of AFTER_ASSETS) await putPart(part)
    },
  }
}

function itemsOf(configuration: AccountConfiguration | null, part: MakeablePart): readonly JsonObject[] {
  const value = configuration?.parts[part] ?? null
  if (!Array.isArray(value)) return []
  return (value as readonly Json[]).filter(
    (item): item is JsonObject => typeof item === 'object' && item !== null && !Array.isArray(item),
  )
}

async function keptConfiguration(run: RestoreRun): Promise<AccountConfiguration | null> {
  const { configuration } = run.selection.snapshot.snapshot
  if (configuration === null) return null
  for await (const line of run.deps.vault.readLines(configuration, run.signal)) {
    const fields = fieldsOf(parseJson(line), 'the configuration')
    const parts = fieldsOf(fields['parts'], 'parts') as AccountConfiguration['parts']
    return { parts, unavailable: {} }
  }
  return null
}

async function makeFolders(run: RestoreRun, results: ConfigurationResult[]): Promise<void> {
  const { folders } = run.selection.snapshot.snapshot
  if (folders === null) return
  const there = new Set((await run.deps.reader.folders(run.signal)).map(({ path }) => path))
  for await (const path of folderPaths(run.deps.vault, folders, run.signal)) {
    if (there.has(path)) continue
    // Folders come sorted by path; making one makes those above it.
    try {
      await run.deps.writer.createFolder(path, run.signal)
      results.push({ part: 'folders', name: path, outcome: 'made', reason: null })
    } catch (error) {
      if (!isItsOwn(error)) throw error
      results.push({ part: 'folders', name: path, outcome: 'failed', reason: error.message })
    }
  }
}
