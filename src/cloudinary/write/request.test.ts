import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, expectTypeOf, it } from 'vitest'
import type { Api } from '../api.ts'
import type { ApiRequest } from '../exchange.ts'
import type { WriteRequest } from './request.ts'

it('a reader cannot form the requests of a writer', () => {
  expectTypeOf<ApiRequest>().toExtend<WriteRequest>()
  expectTypeOf<WriteRequest>().not.toExtend<ApiRequest>()
  expectTypeOf<ApiRequest['method']>().toEqualTypeOf<'GET' | 'POST'>()
  expectTypeOf<Extract<ApiRequest, { method: 'POST' }>['path']>().toEqualTypeOf<
    '/resources/search' | '/folders/search'
  >()
  expectTypeOf<Parameters<Api['ask']>[0]>().toEqualTypeOf<ApiRequest>()
})

it('nothing but the writer imports what writes', () => {
  const folder = fileURLToPath(new URL('..', import.meta.url))
  const importing = readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && /from '\.\/write\//.test(readFileSync(`${folder}/${name}`, 'utf8')))
    .sort()
  expect(importing).toEqual(['create-writer.ts'])
})
