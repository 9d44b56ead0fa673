import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { apiSignature } from '../signature.ts'
import { pngOf, startUploadApi, type UploadApi } from './testing.ts'

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi()
})
afterEach(() => api[Symbol.asyncDispose]())

type Fields = Record<string, string>

const post = async (fields: Fields, authorization?: string): Promise<[status: number, message: string]> => {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new Blob([new Uint8Array(pngOf(1, 1))]), 'a.png')
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
  const response = await fetch(`${api.sandbox.url}/v1_1/acme/image/upload`, { method: 'POST', body: form, headers })
  const answer = (await response.json()) as { error?: { message: string }; public_id?: string }
  return [response.status, answer.error?.message ?? answer.public_id ?? '']
}

const credentials = () => api.cloud.keys[0] ?? { key: '', secret: '' }
const now = (): string => String(Math.floor(api.now / 1000))

describe('a signed upload', () => {
  const sign = (fields: Fields, options = {}): Fields => ({
    ...fields,
    api_key: credentials().key,
    signature: apiSignature(fields, credentials().secret, options),
  })

  it.each([{}, { version: 1 }, { algorithm: 'sha256' }, { algorithm: 'sha256', version: 1 }])(
    'passes, signed by %o',
    async (options) => {
      const fields = { public_id: 'a', timestamp: now(), tags: 'x&y,z' }
      expect(await post(sign(fields, options))).toEqual([200, 'a'])
    },
  )

  it('is refused with the string that should have been signed', async () => {
    const answer = await post({ ...sign({ public_id: 'a', timestamp: now() }), tags: 'smuggled' })
    expect(answer).toEqual([
      401,
      expect.stringMatching(
        /^Invalid Signature [0-9a-f]{40}\. String to sign - 'public_id=a&tags=smuggled&timestamp=\d+'\.$/,
      ),
    ])
  })

  it('is stale after an hour', async () => {
    const old = String(Math.floor(api.now / 1000) - 3601)
    const [status, message] = await post(sign({ public_id: 'a', timestamp: old }))
    expect([status, message]).toEqual([
      400,
      expect.stringMatching(/^Stale request - reported time is .* which is more than 1 hour ago$/),
    ])
  })

  it('needs a key of the account', async () => {
    const fields = { public_id: 'a', timestamp: now() }
    expect(await post({ ...sign(fields), api_key: '42' })).toEqual([401, 'Invalid api_key'])
  })
})

describe('an upload with Basic credentials', () => {
  const basic = (key: string, secret: string) => `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`

  it('needs neither signature nor timestamp', async () => {
    expect(await post({ public_id: 'a' }, basic(credentials().key, credentials().secret))).toEqual([200, 'a'])
  })

  it('is refused with a wrong secret', async () => {
    expect(await post({ public_id: 'a' }, basic(credentials().key, 'x'))).toEqual([401, 'api_secret mismatch'])
  })
})

describe('an unsigned upload', () => {
  const preset = (name: string, unsigned: boolean, settings: Record<string, string | boolean>) =>
    api.cloud.presets.set(name, { name, unsigned, settings, externalId: name })

  it('needs a preset that allows it', async () => {
    preset('closed', false, {})
    expect(await post({ public_id: 'a' })).toEqual([400, 'Upload preset must be specified when using unsigned upload'])
    expect(await post({ upload_preset: 'none' })).toEqual([400, 'Upload preset not found'])
    expect(await post({ upload_preset: 'closed' })).toEqual([
      400,
      'Upload preset must be whitelisted for unsigned uploads',
    ])
  })

  it('is ruled by its preset, but adds its own tags', async () => {
    preset('web', true, { tags: 'web', asset_folder: 'inbox', overwrite: true })
    expect(await post({ public_id: 'a', upload_preset: 'web', tags: 'mine', asset_folder: 'elsewhere' })).toEqual([
      200,
      'a',
    ])
    const asset = api.cloud.shelf.byName('image', 'upload', 'a')
    expect([asset?.tags, asset?.assetFolder]).toEqual([['web', 'mine'], 'inbox'])
  })

  it('may not overwrite, nor say so', async () => {
    preset('web', true, {})
    await post({ public_id: 'a', upload_preset: 'web' })
    const [status, message] = await post({ public_id: 'a', upload_preset: 'web', overwrite: 'true' })
    expect([status, message]).toEqual([
      400,
      expect.stringMatching(/^Overwrite parameter is not allowed when using unsigned upload/),
    ])
    expect(await post({ public_id: 'a', upload_preset: 'web' })).toEqual([200, 'a'])
    expect(api.cloud.shelf.byName('image', 'upload', 'a')?.versions).toHaveLength(1)
  })

  it('may not choose the id where the preset forbids it', async () => {
    preset('web', true, { disallow_public_id: true })
    expect((await post({ public_id: 'a', upload_preset: 'web' }))[0]).toBe(400)
  })
})

it('a signed upload overrules its preset', async () => {
  api.cloud.presets.set('p', {
    name: 'p',
    unsigned: false,
    settings: { tags: 'preset', asset_folder: 'inbox' },
    externalId: 'p',
  })
  const answer = await api.upload(
    'image/upload',
    { public_id: 'a', upload_preset: 'p', tags: 'own' },
    { bytes: pngOf(1, 1) },
  )
  expect(answer).toMatchObject({ tags: ['own'], asset_folder: 'inbox' })
})
