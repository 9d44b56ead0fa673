import type { AssetFacts } from '../../model/asset.ts'
import { canonicalJson, type Json } from '../../model/json.ts'
import type { AccountRow } from '../reader.ts'
import { isObject } from '../wire/answer.ts'
import type { Labels } from '../writer.ts'
import {
  boxesWanted,
  contextWanted,
  LABELS,
  type Label,
  metadataWanted,
  regionsWanted,
  rulesWanted,
  tagsWanted,
} from './labels.ts'

/** `unsaid`: the answer does not carry it, and there may be something. */
type LabelState = 'same' | 'differs' | 'unsaid'

export interface Said {
  readonly row: AccountRow
  /** Whether the answer is one of the details, in which what is absent is empty. */
  readonly whole: boolean
  /** Labels that were sent with the very request that this answers, to an answer that never repeats them. */
  readonly trusted: readonly Label[]
  /** The asset was just made: what nobody gave it, it has not. */
  readonly fresh: boolean
}

/**
 * What answers of this account leave out. Whether the answer to a change shows every label that is there is not written
 * down, so silence about a label is checked until it has agreed with the details a few times.
 */
export interface Silence {
  means(label: Answered): 'nothing' | 'unknown'
  /** An answer showed the label. */
  broken(label: Answered): void
  /** An answer did not show the label, and the details say whether it is there. */
  checked(label: Answered, there: boolean): void
}

type Answered = Label | 'moderation'

const ENOUGH = 3

export const createSilence = (): Silence => {
  const agreed = new Map<Answered, number>()
  const add = (label: Answered, count: number): void => {
    agreed.set(label, (agreed.get(label) ?? 0) + count)
  }
  return {
    means: (label) => ((agreed.get(label) ?? 0) >= ENOUGH ? 'nothing' : 'unknown'),
    broken: (label) => add(label, ENOUGH),
    checked: (label, there) => add(label, there ? Number.NEGATIVE_INFINITY : 1),
  }
}

const FIELDS: Readonly<Record<Label, string>> = {
  folder: 'asset_folder',
  displayName: 'display_name',
  tags: 'tags',
  context: 'context',
  metadata: 'metadata',
  accessControl: 'access_control',
  coordinates: 'coordinates',
  regions: 'regions',
}

const sorted = (texts: readonly string[]): string => JSON.stringify([...texts].sort())

/** Numbers and their texts are the same value, sets have no order. */
const comparable = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(String).sort()
  return typeof value === 'object' ? value : String(value)
}

const metadataKey = (values: Json): string => {
  const given = isObject(values) ? metadataWanted(values) : {}
  return canonicalJson(Object.fromEntries(Object.entries(given).map(([id, value]) => [id, comparable(value)])))
}

const contextOf = (context: Json): Record<string, string> => {
  const custom = isObject(context) ? context['custom'] : null
  if (!isObject(custom)) return {}
  return contextWanted(Object.fromEntries(Object.entries(custom).map(([key, value]) => [key, String(value)])))
}

const instant = (value: Json | undefined): string => {
  if (typeof value !== 'string') return ''
  const time = Date.parse(value)
  return Number.isNaN(time) ? value : String(time)
}

/** The key of a token is a secret that no answer repeats. */
const ruleKey = (rule: Json): string =>
  isObject(rule)
    ? `${String(rule['access_type'])} ${instant(rule['start'])} ${instant(rule['end'])}`
    : canonicalJson(rule)

const accessKey = (rules: Json): string => sorted(rulesWanted(rules).map(ruleKey))

const areasKey = (coordinates: Json): string =>
  `${boxesWanted(coordinates, 'faces')}/${boxesWanted(coordinates, 'custom')}`

type Compare = (labels: Labels, facts: AssetFacts) => boolean

const SAME: Readonly<Record<Label, Compare>> = {
  folder: (labels, facts) => (facts.folder ?? '') === (labels.folder ?? ''),
  // It cannot be empty: the account then shows the end of the public_id.
  displayName: ({ displayName }, facts) => (displayName ?? '') === '' || facts.displayName === displayName,
  tags: (labels, facts) => sorted(tagsWanted(labels.tags ?? [])) === sorted(facts.tags),
  context: (labels, facts) =>
    canonicalJson(contextWanted(labels.context ?? {})) === canonicalJson(contextOf(facts.context)),
  metadata: (labels, facts) => metadataKey(labels.metadata ?? {}) === metadataKey(facts.metadata),
  accessControl: (labels, facts) => accessKey(labels.accessControl ?? null) === accessKey(facts.accessControl),
  coordinates: (labels, facts) => areasKey(labels.coordinates ?? null) === areasKey(facts.coordinates),
  regions: (labels, facts) =>
    canonicalJson(regionsWanted(labels.regions ?? null)) === canonicalJson(regionsWanted(facts.regions)),
}

/** Labels that an account of the other folder mode does not have at all. */
const OF_ONE_MODE: readonly Label[] = ['folder', 'displayName']

const isFixed = ({ raw }: AccountRow): boolean => isObject(raw) && raw['folder'] !== undefined

/** Whether the record has the label at all, be it empty. */
export const shows = ({ raw }: AccountRow, label: Label): boolean => isObject(raw) && raw[FIELDS[label]] !== undefined

/** Whether the record has something under the label. */
export const holds = ({ raw }: AccountRow, label: Label): boolean => {
  const value = isObject(raw) ? (raw[FIELDS[label]] ?? null) : null
  return typeof value === 'object' ? value !== null && Object.keys(value).length > 0 : value !== ''
}

const stateOf = (label: Label, labels: Labels, said: Said & { readonly silence: Silence }): LabelState => {
  const { row, whole } = said
  const same = SAME[label](labels, row.facts)
  const shown = shows(row, label)
  if (shown) return same ? 'same' : 'differs'
  if (OF_ONE_MODE.includes(label)) return whole || isFixed(row) ? 'same' : 'unsaid'
  if (whole) return same ? 'same' : 'differs'
  if (said.trusted.includes(label)) return 'same'
  return same && (said.fresh || said.silence.means(label) === 'nothing') ? 'same' : 'unsaid'
}

/** What of the wanted labels the answer does not show. */
export const openLabels = (
  labels: Labels,
  said: Said & { readonly silence: Silence },
): { readonly differs: readonly Label[]; readonly unsaid: readonly Label[] } => {
  const wanted = LABELS.filter((label) => labels[label] !== undefined)
  const states = wanted.map((label) => ({ label, state: stateOf(label, labels, said) }))
  const having = (state: LabelState): Label[] => states.filter((one) => one.state === state).map(({ label }) => label)
  return { differs: having('differs'), unsaid: having('unsaid') }
}
