import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { signDelivery, signRequest, stringToSign } from './signature.ts'

describe('request signatures', () => {
  it('agree with the example of the documentation', () => {
    const params = {
      timestamp: 1315060510,
      public_id: 'sample_image',
      eager: 'w_400,h_300,c_pad|w_260,h_200,c_crop',
    }
    expect(signRequest(params, 'abcd')).toBe('bfd09f95f331f558cbd1320e67aa8d488770583e')
  })

  it('leave out empty values, join arrays and sort by name', () => {
    expect(stringToSign({ type: 'upload', public_ids: ['cat', 'dog'], format: '', timestamp: 1 })).toBe(
      'public_ids=cat,dog&timestamp=1&type=upload',
    )
  })

  it('escape an ampersand in a value, so that it cannot pass for a parameter', () => {
    expect(stringToSign({ public_id: 'a&type=private', timestamp: 1 })).toBe('public_id=a%26type=private&timestamp=1')
  })

  it('can be SHA-256', () => {
    expect(signRequest({ timestamp: 1 }, 's', 'sha256')).toBe(createHash('sha256').update('timestamp=1s').digest('hex'))
  })

  it('share their hash with webhooks, whose vectors they reproduce', () => {
    const sign = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('hex')
    expect(sign('sha1', "{public_id: 'sample'}1315060510abcd")).toBe('25f7e91709c858b97d688ce8da799dedb290d9ef')
    const body = '{"public_id":"b8sjhoslj8cq8ovoa0ma","version":"1555337587","width":1000,"height":800}'
    expect(sign('sha256', `${body}7952342400000hardcoded`)).toBe(
      '6c5a29fd8815772fbac2f10ae741e093d0859313947ef8fadeb29126ded6649c',
    )
  })
})

describe('delivery signatures', () => {
  it('agree with the example of the documentation', () => {
    expect(signDelivery('c_fill,w_300,h_250/e_grayscale/sample-authenticated.png', 'abcd')).toBe('s--iDy_JeBq--')
  })

  it('can be long, and SHA-256', () => {
    const long = signDelivery('a.jpg', 'abcd', { algorithm: 'sha256', length: 32 })
    expect(long).toMatch(/^s--[\w-]{32}--$/)
  })
})
