import { expect, test } from 'vitest'
import {
  apiSignature,
  deliverySignature,
  isApiSignature,
  isDeliverySignature,
  isNotificationSignature,
  notificationSignature,
  stringToSign,
} from './signature.ts'

const eager = {
  timestamp: 1315060510,
  public_id: 'sample_image',
  eager: 'w_400,h_300,c_pad|w_260,h_200,c_crop',
}

test('signs the documented upload request', () => {
  expect(apiSignature(eager, 'abcd')).toBe('bfd09f95f331f558cbd1320e67aa8d488770583e')
})

test('signs the documented delivery URL', () => {
  const toSign = 'c_fill,w_300,h_250/e_grayscale/sample-authenticated.png'
  expect(deliverySignature(toSign, 'abcd')).toBe('s--iDy_JeBq--')
})

test('signs the documented SHA-1 notification', () => {
  const signature = notificationSignature("{public_id: 'sample'}", 1315060510, { secret: 'abcd' })
  expect(signature).toBe('25f7e91709c858b97d688ce8da799dedb290d9ef')
})

test('signs the documented SHA-256 notification', () => {
  const body = '{"public_id":"b8sjhoslj8cq8ovoa0ma","version":"1555337587","width":1000,"height":800}'
  const signature = notificationSignature(body, 7952342400000, { secret: 'hardcoded', algorithm: 'sha256' })
  expect(signature).toBe('6c5a29fd8815772fbac2f10ae741e093d0859313947ef8fadeb29126ded6649c')
  expect(isNotificationSignature(body, 7952342400000, { signature, secret: 'hardcoded' })).toBe(true)
  expect(isNotificationSignature(`${body} `, 7952342400000, { signature, secret: 'hardcoded' })).toBe(false)
})

test('leaves out what is never signed and what is empty, and joins arrays', () => {
  const params = { ...eager, file: 'x', cloud_name: 'c', resource_type: 'image', api_key: '1', signature: 's' }
  expect(stringToSign({ ...params, tags: '', context: null })).toBe(stringToSign(eager))
  expect(stringToSign({ public_ids: ['cat', 'dog'] })).toBe('public_ids=cat,dog')
})

test('version 2 keeps a value from smuggling in a parameter', () => {
  const smuggled = { notification_url: 'http://a.test/?x=1&tags=owned' }
  const meant = { notification_url: 'http://a.test/?x=1', tags: 'owned' }
  expect(stringToSign(smuggled, 1)).toBe(stringToSign(meant, 1))
  expect(stringToSign(smuggled, 2)).not.toBe(stringToSign(meant, 2))
})

test.each(['sha1', 'sha256'] as const)('accepts %s in both versions and refuses a wrong one', (algorithm) => {
  const params = { ...eager, tags: 'a&b' }
  for (const version of [1, 2] as const) {
    const signature = apiSignature(params, 'abcd', { algorithm, version })
    expect(isApiSignature(params, signature, 'abcd')).toBe(true)
    expect(isApiSignature(params, signature, 'abce')).toBe(false)
  }
  expect(isApiSignature(params, '', 'abcd')).toBe(false)
})

test('accepts short and long delivery signatures by both algorithms', () => {
  for (const options of [{ algorithm: 'sha1' }, { algorithm: 'sha256' }, { long: true }] as const) {
    const segment = deliverySignature('a/b.jpg', 'abcd', options)
    expect(isDeliverySignature('a/b.jpg', segment, 'abcd')).toBe(true)
    expect(isDeliverySignature('a/c.jpg', segment, 'abcd')).toBe(false)
  }
})
