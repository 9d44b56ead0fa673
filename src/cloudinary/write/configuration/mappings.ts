import type { JsonObject } from '../../../model/json.ts'
import { encodeSegment } from '../../delivery-url.ts'
import type { WriteRequest } from '../request.ts'
import { readOne } from './find.ts'
import { type Maker, textOf } from './maker.ts'

const PART = 'upload_mappings'

const requestFor = (method: 'POST' | 'PUT', item: JsonObject): WriteRequest => {
  const folder = textOf(item, 'folder', PART)
  const body = { folder, template: textOf(item, 'template', PART) }
  const verb = method === 'POST' ? 'make' : 'change'
  return { method, path: '/upload_mappings', body, what: `${verb} upload mapping ${folder}` }
}

export const mappings: Maker = {
  essence: (item) => ({ template: item['template'] ?? null }),
  find: (admin, item, signal) => {
    const folder = textOf(item, 'folder', PART)
    const path = `/upload_mappings?folder=${encodeSegment(folder)}`
    return readOne(admin, { what: `upload mapping ${folder}`, path }, signal)
  },
  create: (item) => requestFor('POST', item),
  finish: () => [],
  change: (item) => [requestFor('PUT', item)],
}
