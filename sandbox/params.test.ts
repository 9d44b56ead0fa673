import { describe, expect, it } from 'vitest'
import { booleanOf, flagOf, idsOf, integerOf, listOf, mapOf, parseBody, textOf, unflatten } from './params.ts'

const form = (text: string) => unflatten(new URLSearchParams(text))

describe('parameters', () => {
  it('are read in every notation of arrays and maps', () => {
    expect(form('a[]=1&a[]=2')).toEqual({ a: ['1', '2'] })
    expect(form('a[1]=second&a[0]=first')).toEqual({ a: ['first', 'second'] })
    expect(form('a=1&a=2')).toEqual({ a: ['1', '2'] })
    expect(form('a[b]=1&a[c][]=2')).toEqual({ a: { b: '1', c: ['2'] } })
    expect(form('v[0][id]=x&v[0][value]=y')).toEqual({ v: [{ id: 'x', value: 'y' }] })
    expect(form('odd]name=1&[x]=2')).toEqual({ 'odd]name': '1', '[x]': '2' })
    expect(form('a=b+c%2B')).toEqual({ a: 'b c+' })
  })

  it('cannot reach the prototype of anything', () => {
    const read = form('__proto__[polluted]=1&a[__proto__][polluted]=1')
    expect(Object.keys(read)).toEqual(['__proto__', 'a'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('come from forms, multipart and JSON bodies', async () => {
    const body = new FormData()
    body.append('ids[]', 'a')
    body.append('ids[]', 'b,c')
    const request = new Request('http://x', { method: 'POST', body })
    const bytes = Buffer.from(await request.arrayBuffer())
    expect(await parseBody(bytes, request.headers.get('content-type') ?? '')).toEqual({ ids: ['a', 'b,c'] })
    expect(await parseBody(Buffer.from('{"a":[1]}'), 'application/json; charset=utf-8')).toEqual({ a: [1] })
    expect(await parseBody(Buffer.alloc(0), 'application/json')).toEqual({})
    await expect(parseBody(Buffer.from('[1]'), 'application/json')).rejects.toMatchObject({ status: 400 })
  })

  it('have types that the reader asks for', () => {
    const params = { yes: true, one: '1', no: 'false', list: 'a, b', items: ['a,b'], empty: '', map: '{"a":1}', n: '7' }
    expect([flagOf(params, 'yes'), flagOf(params, 'one'), flagOf(params, 'no'), flagOf(params, 'none')]).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect([booleanOf(params, 'no'), booleanOf(params, 'none')]).toEqual([false, undefined])
    expect([listOf(params, 'list'), listOf(params, 'items'), listOf(params, 'empty')]).toEqual([
      ['a', 'b'],
      ['a,b'],
      [],
    ])
    expect([idsOf(params, 'items'), idsOf(params, 'list'), idsOf(params, 'empty')]).toEqual([
      ['a,b'],
      ['a, b'],
      undefined,
    ])
    expect([textOf(params, 'empty'), textOf(params, 'items')]).toEqual([undefined, 'a,b'])
    expect(mapOf(params, 'map')).toEqual({ a: 1 })
    expect(integerOf(params, 'n', { min: 1, max: 9, fallback: 3 })).toBe(7)
    expect(integerOf(params, 'none', { min: 1, max: 9, fallback: 3 })).toBe(3)
    expect(() => integerOf(params, 'list', { min: 1, max: 9, fallback: 3 })).toThrow(/list/)
  })
})
