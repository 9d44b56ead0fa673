import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCloud } from '../../../../sandbox/cloud.ts'
import { placeConfiguration } from '../../../../sandbox/sample/configuration.ts'
import { type Sandbox, startSandbox } from '../../../../sandbox/server.ts'
import type { Cloud } from '../../../../sandbox/state.ts'
import { NEVER, optionsFor } from '../../../../test/writer-rig.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { configurationName } from '../../configuration-name.ts'
import { createAccountReader } from '../../create-reader.ts'
import { createAccountWriter } from '../../create-writer.ts'
import type { AccountReader } from '../../reader.ts'
import type { AccountWriter, MakeablePart } from '../../writer.ts'

const PARTS: readonly MakeablePart[] = [
  'transformations',
  'upload_presets',
  'upload_mappings',
  'streaming_profiles',
  'metadata_fields',
  'metadata_rules',
  'triggers',
]

let sandbox: Sandbox
let full: Cloud
let empty: Cloud
let writer: AccountWriter
const readers: AccountReader[] = []

beforeEach(async () => {
  full = createCloud({ name: 'full', settings: { rateLimit: 100_000 } })
  empty = createCloud({ name: 'empty', settings: { rateLimit: 100_000 } })
  placeConfiguration(full, Date.now())
  sandbox = await startSandbox({ clouds: [full, empty] })
  writer = createAccountWriter(optionsFor(sandbox, empty))
})
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()))
  await writer.close()
  await sandbox.close()
})

type Items = Readonly<Record<MakeablePart, readonly JsonObject[]>>

const itemsOf = async (cloud: Cloud): Promise<Items> => {
  const reader = createAccountReader(optionsFor(sandbox, cloud))
  readers.push(reader)
  const { parts } = await reader.configuration(NEVER)
  return Object.fromEntries(PARTS.map((part) => [part, (parts[part] ?? []) as readonly Json[]])) as unknown as Items
}

const presentOf = (items: Items, part: MakeablePart, item: JsonObject): JsonObject | null =>
  items[part].find((other) => configurationName(part, other) === configurationName(part, item)) ?? null

const putAll = async (from: Items, to: Items, overwrite: boolean): Promise<string[]> => {
  const results: string[] = []
  for (const part of PARTS)
    for (const item of from[part])
      results.push(await writer.putConfiguration(part, item, { overwrite, present: presentOf(to, part, item) }, NEVER))
  return results
}

/** Without what accounts give of their own. */
const OWN = [
  'external_id',
  'id',
  'product_environment_id',
  'created_at',
  'updated_at',
  'condition_signature',
  'position',
]
const plain = (part: MakeablePart, item: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(item).filter(([key]) => !OWN.includes(key) || (key === 'external_id' && part === 'metadata_fields')),
  )
const plainItems = (items: Items) =>
  Object.fromEntries(
    PARTS.map((part) => [
      part,
      items[part]
        .map((item) => plain(part, item))
        .map((item) =>
          part === 'metadata_fields' && item['datasource'] === null ? { ...item, datasource: undefined } : item,
        )
        .map(
          (item) => JSON.parse(JSON.stringify(item, (_, value) => (value === null ? undefined : value))) as JsonObject,
        ),
    ]),
  )

describe('a configuration', () => {
  it('is the same in another account, item by item, and nothing is done twice', async () => {
    const wanted = await itemsOf(full)
    const first = await putAll(wanted, await itemsOf(empty), false)
    expect(first.filter((result) => result === 'same')).toHaveLength(7)
    expect(first.filter((result) => result === 'made')).toHaveLength(first.length - 7)
    const made = await itemsOf(empty)
    const [a, b] = [plainItems(wanted), plainItems(made)]
    for (const part of PARTS)
      expect([part, b[part]]).toEqual([part, (a[part] ?? []).map((item) => withDefaults(part, item))])
    const calls = writer.calls
    expect(new Set(await putAll(wanted, made, true))).toEqual(new Set(['same']))
    expect(writer.calls).toBe(calls)
  })

  it('is there once for each item, whichever answer is lost', async () => {
    const wanted = await itemsOf(full)
    const reset = { kind: 'reset', processed: true } as const
    sandbox.faults.seed(5)
    for (const method of ['POST', 'PUT', 'DELETE'])
      sandbox.faults.add({ area: 'admin', method, probability: 0.4, fault: reset })
    await putAll(wanted, await itemsOf(empty), false)
    sandbox.faults.clear()
    const made = await itemsOf(empty)
    expect(new Set(await putAll(wanted, made, false))).toEqual(new Set(['same']))
    for (const part of PARTS) expect([part, made[part].length]).toEqual([part, wanted[part].length])
  })

  it('that is there under the same names is left alone, or brought to what was kept', async () => {
    const wanted = await itemsOf(full)
    await putAll(wanted, await itemsOf(empty), false)
    disturb(empty)
    const disturbed = await itemsOf(empty)
    expect((await putAll(wanted, disturbed, false)).filter((result) => result === 'existing')).toHaveLength(8)
    expect(plainItems(await itemsOf(empty))).toEqual(plainItems(disturbed))
    expect((await putAll(wanted, disturbed, true)).filter((result) => result === 'changed')).toHaveLength(8)
    expect(new Set(await putAll(wanted, await itemsOf(empty), true))).toEqual(new Set(['same']))
  })

  it('that is there unknown to the caller is found out', async () => {
    const wanted = await itemsOf(full)
    const nothing = Object.fromEntries(PARTS.map((part) => [part, []])) as unknown as Items
    await putAll(wanted, nothing, false)
    const unique = wanted.metadata_rules.length
    const again = await putAll({ ...wanted, metadata_rules: [] }, nothing, false)
    expect(new Set(again)).toEqual(new Set(['same']))
    expect(unique).toBe(1)
  })
})

/** What an account adds to a field that says nothing of it. */
const withDefaults = (part: MakeablePart, item: JsonObject): JsonObject =>
  part === 'metadata_fields' ? { default_disabled: false, ...item } : item

/** One thing of each kind is another than it was. */
const disturb = (cloud: Cloud): void => {
  const preset = cloud.presets.get('web-signed')
  if (preset !== undefined) preset.settings = { tags: 'other', notification_url: 'https://x.test/' }
  const thumb = cloud.transformations.get('thumb')
  if (thumb !== undefined) thumb.definition = 'w_1'
  const mapping = cloud.mappings.get('old-shop')
  if (mapping !== undefined) mapping.template = 'https://elsewhere.test/'
  const profile = cloud.profiles.get('hd')
  if (profile !== undefined) profile.displayName = 'Another'
  const licence = cloud.fields.find((field) => field['external_id'] === 'licence_id')
  if (licence !== undefined) {
    licence['label'] = 'Another'
    licence['datasource'] = {
      values: [
        { external_id: 'full', value: 'Full', state: 'inactive', position: 0 },
        { external_id: 'expired', value: 'Expired', state: 'active', position: 1 },
        { external_id: 'stray', value: 'Stray', state: 'active', position: 2 },
      ],
    }
  }
  const channels = cloud.fields.find((field) => field['external_id'] === 'channels_id')
  if (channels !== undefined) channels['mandatory'] = true
  const [rule] = cloud.rules
  if (rule !== undefined) rule['state'] = 'inactive'
  const trigger = [...cloud.triggers.values()][0]
  if (trigger !== undefined) trigger.additive = true
}

describe('an item', () => {
  const put = (part: MakeablePart, item: Json, present: Json | null = null, overwrite = true) =>
    writer.putConfiguration(part, item, { overwrite, present }, NEVER)

  it('of a preset may be as lists show it or as its details do', async () => {
    full.presets.set('p', {
      name: 'p',
      unsigned: true,
      externalId: 'x',
      settings: {
        tags: 'a,b',
        context: 'k=v\\=w|l=m',
        transformation: 'c_fill,w_100/e_grayscale',
        eager: 'h_5,w_5|c_fit,w_7',
        overwrite: false,
        access_control: '[{"access_type":"token"}]',
        allowed_formats: 'jpg,png',
      },
    })
    const listed = (await itemsOf(full)).upload_presets.find((item) => item['name'] === 'p') ?? {}
    const key = full.keys[0]
    const response = await fetch(`${sandbox.url}/v1_1/full/upload_presets/p`, {
      headers: { authorization: `Basic ${Buffer.from(`${key?.key}:${key?.secret}`).toString('base64')}` },
    })
    const details = (await response.json()) as Json
    expect(await put('upload_presets', details)).toBe('made')
    expect(empty.presets.get('p')).toMatchObject({ unsigned: true, settings: full.presets.get('p')?.settings })
    expect(await put('upload_presets', listed, details)).toBe('same')
  })

  it('that was there before is not taken for made when an answer is lost', async () => {
    const preset = { name: 'p', unsigned: false, settings: { tags: 'a' } }
    await put('upload_presets', { ...preset, settings: { tags: 'b' } })
    sandbox.faults.add({ area: 'admin', method: 'POST', times: 1, fault: { kind: 'reset' } })
    expect(await put('upload_presets', preset, null, false)).toBe('existing')
    expect(empty.presets.get('p')?.settings).toEqual({ tags: 'b' })
  })

  it('of a mandatory field may come twice, mandatory only then', async () => {
    const field = { type: 'string', external_id: 'must', label: 'Must', mandatory: true, default_value: 'x' }
    expect(await put('metadata_fields', { ...field, mandatory: false })).toBe('made')
    expect(await put('metadata_fields', field, null)).toBe('changed')
    expect(empty.fields.find((one) => one['external_id'] === 'must')).toMatchObject(field)
  })

  it('of a field that is of another type is refused', async () => {
    await put('metadata_fields', { type: 'string', external_id: 'a', label: 'A' })
    const call = put('metadata_fields', { type: 'integer', external_id: 'a', label: 'A' })
    await expect(call).rejects.toMatchObject({ code: 'API_REFUSED', message: /of type string/ })
  })

  it('whose label another field has is refused in the words of the account', async () => {
    await put('metadata_fields', { type: 'string', external_id: 'a', label: 'A' })
    const call = put('metadata_fields', { type: 'string', external_id: 'b', label: 'A' })
    await expect(call).rejects.toMatchObject({ code: 'API_REFUSED', message: /label A already exists/ })
  })

  it('of an inactive rule is inactive', async () => {
    await put('metadata_fields', { type: 'string', external_id: 'a', label: 'A' })
    const rule = {
      metadata_field_id: 'a',
      name: 'r',
      condition: { metadata_field_id: 'a', equals: 'x' },
      result: { hide: true },
      state: 'inactive',
    }
    sandbox.faults.add({ area: 'admin', method: 'POST', times: 1, fault: { kind: 'reset', processed: true } })
    expect(await put('metadata_rules', rule)).toBe('made')
    expect(empty.rules).toMatchObject([{ name: 'r', state: 'inactive' }])
  })

  it.each<[string, Json]>([
    ['transformations', { name: 't_x', info: [{ overlay: { font_family: 'Arial', text: 'hi' } }] }],
    ['transformations', { name: 't_x', info: [{ no_such_thing: 1 }] }],
    ['upload_presets', { settings: {} }],
    ['upload_mappings', { folder: 'a' }],
    ['triggers', 'text'],
    ['metadata_fields', null],
  ])('of %s that cannot be written is refused by name, and nothing is sent: %j', async (part, item) => {
    await expect(put(part as MakeablePart, item)).rejects.toMatchObject({ code: 'API_REFUSED' })
    expect(writer.calls).toBe(0)
  })

  it('that the account refuses is told in its words', async () => {
    const call = put('triggers', { uri: 'https://x.test/', event_type: 'nonsense' })
    await expect(call).rejects.toMatchObject({ code: 'API_REFUSED', message: /event_type/ })
  })
})
