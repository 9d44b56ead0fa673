import { createHash } from 'node:crypto'
import { badRequest, notFound } from '../errors.ts'
import { newId } from '../make-asset.ts'
import { type Params, textOf } from '../params.ts'
import type { JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'

type Rule = { [key: string]: JsonValue }

const signatureOf = (condition: JsonValue): string => createHash('sha1').update(JSON.stringify(condition)).digest('hex')

const indexOf = (call: AdminCall): number => {
  const id = call.path['id'] ?? ''
  const at = call.cloud.rules.findIndex((rule) => rule['external_id'] === id)
  if (at === -1) throw notFound(`External ID ${id} does not exist`)
  return at
}

const checkField = (call: AdminCall, id: string): string => {
  if (call.cloud.fields.some((field) => field['external_id'] === id)) return id
  throw badRequest(`The following metadata fields do not exist: ${JSON.stringify([id])}`)
}

const given = (params: Params): Rule =>
  Object.fromEntries(
    ['name', 'condition', 'result', 'state', 'position']
      .filter((name) => params[name] !== undefined)
      .map((name) => [name, params[name] ?? null]),
  )

const create = (call: AdminCall): JsonValue => {
  const { params, cloud } = call
  for (const name of ['metadata_field_id', 'name', 'condition', 'result']) {
    if (params[name] === undefined || params[name] === null) throw badRequest(`Missing required parameter - ${name}`)
  }
  const rule: Rule = {
    external_id: textOf(params, 'external_id') ?? newId(),
    metadata_field_id: checkField(call, textOf(params, 'metadata_field_id') ?? ''),
    position: cloud.rules.length + 1,
    state: 'active',
    ...given(params),
    condition_signature: signatureOf(params['condition'] ?? null),
  }
  cloud.rules.push(rule)
  return rule
}

const update = (call: AdminCall): JsonValue => {
  const rule = call.cloud.rules[indexOf(call)] ?? {}
  const fieldId = textOf(call.params, 'metadata_field_id')
  if (fieldId !== undefined) rule['metadata_field_id'] = checkField(call, fieldId)
  Object.assign(rule, given(call.params))
  rule['condition_signature'] = signatureOf(rule['condition'] ?? null)
  return rule
}

const remove = (call: AdminCall): JsonValue => {
  call.cloud.rules.splice(indexOf(call), 1)
  return { success: true }
}

export const ruleRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'metadata_rules', handle: (call) => ({ metadata_rules: call.cloud.rules }) },
  { method: 'POST', pattern: 'metadata_rules', handle: create },
  { method: 'PUT', pattern: 'metadata_rules/:id', handle: update },
  { method: 'DELETE', pattern: 'metadata_rules/:id', handle: remove },
]
