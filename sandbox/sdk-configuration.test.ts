import { afterAll, beforeAll, expect, it } from 'vitest'
import { dataUri, picture, refusal, type Sdk, startSdk } from './sdk-testing.ts'

let sdk: Sdk
beforeAll(async () => {
  sdk = await startSdk()
})
afterAll(() => sdk.sandbox.close())

it('creates, lists, moves and deletes folders', async () => {
  const { api, uploader } = sdk.cloudinary
  expect(await api.create_folder('a/b & c/d')).toMatchObject({ success: true, path: 'a/b & c/d', name: 'd' })
  await api.create_folder('z')
  const root = await api.root_folders()
  expect(root.folders.map((folder: { path: string }) => folder.path)).toEqual(['a', 'z'])
  expect((await api.sub_folders('a')).folders).toEqual([expect.objectContaining({ name: 'b & c', path: 'a/b & c' })])
  await uploader.upload(dataUri(picture(1)), { public_id: 'in folder', asset_folder: 'a/b & c/d' } as object)
  expect(await api.rename_folder('a/b & c', 'a/moved')).toMatchObject({ to: { path: 'a/moved' } })
  expect(await api.resource('in folder')).toMatchObject({ asset_folder: 'a/moved/d' })
  expect(
    (
      await (sdk.cloudinary as typeof sdk.cloudinary & { search_folders: typeof sdk.cloudinary.search }).search_folders
        .expression('path:a/*')
        .execute()
    ).total_count,
  ).toBeGreaterThan(0)
  expect((await api.delete_folder('z')).deleted).toContain('z')
  expect((await refusal(api.sub_folders('nowhere'))).http_code).toBe(404)
})

it('keeps upload presets', async () => {
  const { api } = sdk.cloudinary
  const settings = { name: 'web', unsigned: false, tags: 'a,b', folder: 'inbox', overwrite: true }
  expect(await api.create_upload_preset(settings)).toMatchObject({ message: 'created', name: 'web' })
  expect((await refusal(api.create_upload_preset(settings))).http_code).toBe(409)
  expect((await api.upload_presets()).presets).toEqual([
    expect.objectContaining({ name: 'web', unsigned: false, settings: expect.objectContaining({ folder: 'inbox' }) }),
  ])
  await api.update_upload_preset('web', { unsigned: true, folder: 'other' } as object)
  expect(await api.upload_preset('web')).toMatchObject({ unsigned: true, settings: { folder: 'other' } })
  await api.delete_upload_preset('web')
  expect((await refusal(api.upload_preset('web'))).http_code).toBe(404)
})

it('keeps named transformations', async () => {
  const { api } = sdk.cloudinary
  expect(await api.create_transformation('small', { width: 100, height: 80, crop: 'fill' })).toMatchObject({
    message: 'created',
  })
  expect((await refusal(api.create_transformation('small', { width: 1, crop: 'fill' }))).http_code).toBe(409)
  expect(await api.transformation('small')).toMatchObject({
    named: true,
    info: [{ width: 100, height: 80, crop: 'fill' }],
  })
  const { transformations } = await api.transformations({ named: true } as object)
  expect(transformations).toEqual([expect.objectContaining({ name: 't_small', named: true })])
  await api.update_transformation('small', { allowed_for_strict: true } as object)
  expect(await api.transformation('small')).toMatchObject({ allowed_for_strict: true })
  await api.delete_transformation('small')
  expect((await refusal(api.transformation('small'))).http_code).toBe(404)
})

it('keeps metadata fields, their lists and their rules', async () => {
  const { api } = sdk.cloudinary
  const values = [
    { external_id: 'red', value: 'Red' },
    { external_id: 'blue', value: 'Blue' },
  ]
  expect(
    await api.add_metadata_field({
      external_id: 'colour',
      label: 'Colour',
      type: 'enum',
      datasource: { values },
    } as object as never),
  ).toMatchObject({ external_id: 'colour', type: 'enum' })
  await api.add_metadata_field({ external_id: 'count', label: 'Count', type: 'integer' } as never)
  expect((await api.list_metadata_fields())['metadata_fields']).toHaveLength(2)
  expect(await api.update_metadata_field('colour', { label: 'Color' } as never)).toMatchObject({ label: 'Color' })
  await api.update_metadata_field_datasource('colour', { values: [{ external_id: 'green', value: 'Green' }] } as never)
  await api.delete_datasource_entries('colour', ['red'])
  await api.restore_metadata_field_datasource('colour', ['red'])
  const field = await api.metadata_field_by_field_id('colour')
  expect(
    (field as object as { datasource: { values: { external_id: string }[] } }).datasource.values
      .map((value) => value.external_id)
      .sort(),
  ).toEqual(['blue', 'green', 'red'])
  const rule = {
    metadata_field_id: 'count',
    name: 'blue things are counted',
    condition: { metadata_field_id: 'colour', equals: 'blue' },
    result: { set_mandatory: true },
  }
  const created = (await api.add_metadata_rule(rule as never)) as object as { external_id: string }
  expect(((await api.list_metadata_rules()) as object as { metadata_rules: object[] }).metadata_rules).toHaveLength(1)
  expect(await api.update_metadata_rule(created.external_id, { name: 'renamed' } as never)).toMatchObject({
    name: 'renamed',
  })
  await api.delete_metadata_rule(created.external_id)
  await api.delete_metadata_field('colour')
  expect((await refusal(api.metadata_field_by_field_id('colour'))).http_code).toBe(404)
})

it('keeps upload mappings and streaming profiles', async () => {
  const { api } = sdk.cloudinary
  expect(await api.create_upload_mapping('remote', { template: 'https://x.test/' } as object)).toMatchObject({
    message: 'created',
    folder: 'remote',
  })
  await api.update_upload_mapping('remote', { template: 'https://y.test/' } as object)
  expect(await api.upload_mapping('remote')).toMatchObject({ folder: 'remote', template: 'https://y.test/' })
  expect((await api.upload_mappings())['mappings']).toHaveLength(1)
  await api.delete_upload_mapping('remote')
  expect((await api.list_streaming_profiles()).data.map((profile: { name: string }) => profile.name)).toContain(
    'full_hd',
  )
  await api.create_streaming_profile('mine', {
    display_name: 'Mine',
    representations: [{ transformation: { crop: 'scale', width: 100, height: 100 } }],
  } as never)
  expect((await api.get_streaming_profile('mine')).data).toMatchObject({ name: 'mine', predefined: false })
  await api.update_streaming_profile('mine', {
    display_name: 'Still mine',
    representations: [{ transformation: { crop: 'scale', width: 50 } }],
  } as never)
  await api.delete_streaming_profile('mine')
  expect((await api.list_streaming_profiles()).data.map((profile: { name: string }) => profile.name)).not.toContain(
    'mine',
  )
})

it('keeps triggers, which the SDK has no methods for', async () => {
  const { key = '', secret = '' } = sdk.cloud.keys[0] ?? {}
  const headers = {
    authorization: `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`,
    'content-type': 'application/json',
  }
  const ask = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${sdk.sandbox.url}/v1_1/acme/triggers${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const created = await ask('POST', '', { uri: 'http://127.0.0.1:9/hook', event_type: 'upload' })
  expect(created.status).toBe(201)
  const { id } = (await created.json()) as { id: string }
  expect(await (await ask('GET', '')).json()).toMatchObject({ total: 1 })
  expect((await ask('DELETE', `/${id}`)).status).toBe(200)
})
