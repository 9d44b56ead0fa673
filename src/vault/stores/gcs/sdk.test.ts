import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import type { BucketOptions, BucketPlace } from '../../../model/vault-place.ts'
import { loadSdk, openAccess } from './sdk.ts'

const place = (options: BucketOptions): BucketPlace => ({ vendor: 'gs', bucket: 'b', prefix: '', options })
const NAMES = ['GOOGLE_APPLICATION_CREDENTIALS', 'STORAGE_EMULATOR_HOST'] as const
const before = NAMES.map((name) => [name, process.env[name]] as const)

afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
})

/** A service that gives out tokens, or whatever a test wants it to. */
const tokenService = async (status: number, body: unknown): Promise<{ url: string; asked: () => number }> => {
  let asked = 0
  const server = createServer((request, response) => {
    asked += 1
    request.resume()
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `http://127.0.0.1:${address.port}/token`, asked: () => asked }
}

/** Credentials in a file, of the kind that fetches its tokens from a service named in it. */
const useCredentials = async (tokenUrl: string): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'gcs-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const token = join(folder, 'subject')
  await writeFile(token, 'subject token')
  const file = join(folder, 'credentials.json')
  const credentials = {
    type: 'external_account',
    audience: '//iam.googleapis.com/locations/global/workforcePools/p/providers/q',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: tokenUrl,
    credential_source: { file: token },
  }
  await writeFile(file, JSON.stringify(credentials))
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = file
}

test('a package that is not installed is named with the command that installs it', async () => {
  const name = '@google-cloud/not-there'
  await expect(loadSdk(() => import(name))).rejects.toMatchObject({
    code: 'STORE_REFUSED',
    permanent: true,
    hint: 'npm install @google-cloud/storage@7.22.0',
  })
})

test('a package that is broken is not called missing', async () => {
  await expect(loadSdk(() => Promise.reject(new SyntaxError('broken')))).rejects.toThrow('broken')
})

test('Google itself gets a proof of who asks, from the credentials of the surroundings', async () => {
  const service = await tokenService(200, { access_token: 'abc', token_type: 'Bearer', expires_in: 3600 })
  await useCredentials(service.url)
  const access = openAccess(await loadSdk(), place({}), 1000)
  expect(access.endpoint).toBe('https://storage.googleapis.com')
  const headers = await access.prove()
  expect(headers).toMatchObject({ Authorization: 'Bearer abc' })
  await access.prove()
  expect(service.asked()).toBe(1)
})

test('credentials that are refused stay refused', async () => {
  const service = await tokenService(400, { error: 'invalid_grant', error_description: 'no' })
  await useCredentials(service.url)
  const { prove } = openAccess(await loadSdk(), place({}), 1000)
  await expect(prove()).rejects.toMatchObject({ code: 'STORE_REFUSED', permanent: true })
})

test('a service for credentials that has trouble may recover', async () => {
  const service = await tokenService(503, {})
  await useCredentials(service.url)
  const { prove } = openAccess(await loadSdk(), place({}), 1000)
  await expect(prove()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', permanent: false })
})

test('credentials that cannot be read are refused with a hint', async () => {
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = '/nowhere/credentials.json'
  const { prove } = openAccess(await loadSdk(), place({}), 1000)
  await expect(prove()).rejects.toMatchObject({
    code: 'STORE_REFUSED',
    hint: expect.stringContaining('GOOGLE_APPLICATION_CREDENTIALS'),
  })
})

test('whoever is reached without TLS gets no credentials', async () => {
  const service = await tokenService(200, { access_token: 'abc', token_type: 'Bearer', expires_in: 3600 })
  await useCredentials(service.url)
  const access = openAccess(await loadSdk(), place({ endpoint: 'http://127.0.0.1:1/' }), 1000)
  expect(access.endpoint).toBe('http://127.0.0.1:1')
  expect(await access.prove()).toEqual({})
  expect(service.asked()).toBe(0)
})

test.each(['http://127.0.0.1:1', 'http://127.0.0.1:1/storage/v1'])(
  'an emulator is found in the environment as %s',
  async (host) => {
    process.env['STORAGE_EMULATOR_HOST'] = host
    expect(openAccess(await loadSdk(), place({}), 1000).endpoint).toBe('http://127.0.0.1:1')
  },
)

test('an endpoint of its own with TLS gets credentials', async () => {
  const service = await tokenService(200, { access_token: 'abc', token_type: 'Bearer', expires_in: 3600 })
  await useCredentials(service.url)
  const access = openAccess(await loadSdk(), place({ endpoint: 'https://storage-private.p.googleapis.com' }), 1000)
  expect(await access.prove()).toMatchObject({ Authorization: 'Bearer abc' })
})
