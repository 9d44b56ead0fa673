import { describe, expect, test } from 'vitest'
import type { BucketOptions } from '../../../model/vault-place.ts'
import type { Variables } from './account.ts'
import { findAccess } from './account.ts'

const access = (variables: Variables, options: BucketOptions = {}) =>
  findAccess({ vendor: 'az', bucket: 'box', prefix: '', options }, variables)
const STRING = 'DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a2V5==;EndpointSuffix=core.windows.net'

describe('the way into an account', () => {
  test('is a connection string before all else', () => {
    expect(
      access({ AZURE_STORAGE_CONNECTION_STRING: STRING, AZURE_STORAGE_ACCOUNT: 'x', AZURE_STORAGE_KEY: 'y' }),
    ).toEqual({
      url: 'https://acme.blob.core.windows.net',
      key: { account: 'acme', secret: 'a2V5==' },
      sas: null,
    })
  })
  test('may be a connection string with a SAS token, an endpoint of its own, or the emulator', () => {
    const sas = 'BlobEndpoint=https://acme.blob.core.chinacloudapi.cn/;SharedAccessSignature=?sv=1&sig=a%3D'
    expect(access({ AZURE_STORAGE_CONNECTION_STRING: sas })).toEqual({
      url: 'https://acme.blob.core.chinacloudapi.cn',
      key: null,
      sas: 'sv=1&sig=a%3D',
    })
    const emulator = access({ AZURE_STORAGE_CONNECTION_STRING: 'UseDevelopmentStorage=true' })
    expect(emulator).toMatchObject({
      url: 'http://127.0.0.1:10000/devstoreaccount1',
      key: { account: 'devstoreaccount1' },
    })
  })
  test('is the account with its key, then with a SAS token, then a sign-in', () => {
    const account = { AZURE_STORAGE_ACCOUNT: 'acme' }
    const url = 'https://acme.blob.core.windows.net'
    const both = { ...account, AZURE_STORAGE_KEY: 'k', AZURE_STORAGE_SAS_TOKEN: '?sv=1' }
    expect(access(both)).toEqual({ url, key: { account: 'acme', secret: 'k' }, sas: null })
    expect(access({ ...both, AZURE_STORAGE_KEY: '' })).toEqual({ url, key: null, sas: 'sv=1' })
    expect(access(account)).toEqual({ url, key: null, sas: null })
  })
  test('takes the account of the place before that of the environment', () => {
    expect(access({ AZURE_STORAGE_ACCOUNT: 'acme', AZURE_STORAGE_KEY: 'k' }, { account: 'other' })).toMatchObject({
      url: 'https://other.blob.core.windows.net',
      key: { account: 'other' },
    })
    expect(() => access({ AZURE_STORAGE_CONNECTION_STRING: STRING }, { account: 'other' })).toThrow(
      /acme, not of other/u,
    )
  })
  test('leads to the endpoint of the place, and at an address to the folder of the account', () => {
    const variables = { AZURE_STORAGE_ACCOUNT: 'acme', AZURE_STORAGE_KEY: 'k' }
    const urlOf = (endpoint: string) => access(variables, { endpoint }).url
    expect(urlOf('https://acme.blob.core.usgovcloudapi.net/')).toBe('https://acme.blob.core.usgovcloudapi.net')
    expect(urlOf('http://127.0.0.1:10000')).toBe('http://127.0.0.1:10000/acme')
    expect(urlOf('http://127.0.0.1:10000/acme/')).toBe('http://127.0.0.1:10000/acme')
    expect(access({ AZURE_STORAGE_CONNECTION_STRING: STRING }, { endpoint: 'http://localhost:1' }).url).toBe(
      'http://localhost:1/acme',
    )
    expect(() => urlOf('blob.core')).toThrow(/not the URL/u)
  })
  test('is missing when nothing names the account', () => {
    for (const variables of [{}, { AZURE_STORAGE_KEY: 'k' }, { AZURE_STORAGE_CONNECTION_STRING: 'nonsense' }])
      expect(() => access(variables)).toThrow(
        expect.objectContaining({ code: 'STORE_REFUSED', hint: expect.any(String) }),
      )
    const keyOnly = () => access({ AZURE_STORAGE_KEY: 'k' }, { endpoint: 'https://acme.example' })
    expect(keyOnly).toThrow(/of which account/u)
  })
  test('never shows a secret in what it says', () => {
    const secret = 'AccountKey=c2VjcmV0;DefaultEndpointsProtocol=https'
    expect(() => access({ AZURE_STORAGE_CONNECTION_STRING: secret })).toThrow(/^(?!.*c2VjcmV0)/u)
  })
})
