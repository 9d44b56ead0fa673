/** What an account has besides assets. */
import { ensureFolder } from '../folder-records.ts'
import type { Cloud, JsonValue } from '../state.ts'

const entry = (externalId: string, value: string, position: number): JsonValue => ({
  external_id: externalId,
  value,
  state: 'active',
  position,
})
const restrictions = { readonly_ui: false }

const FIELDS: readonly { [key: string]: JsonValue }[] = [
  {
    type: 'string',
    external_id: 'sku_id',
    label: 'SKU',
    mandatory: false,
    default_value: null,
    validation: { type: 'strlen', min: 3, max: 32 },
    restrictions,
    datasource: null,
  },
  {
    type: 'integer',
    external_id: 'price_cents',
    label: 'Price (cents)',
    mandatory: false,
    default_value: null,
    validation: {
      type: 'and',
      rules: [
        { type: 'greater_than', value: 0, equals: true },
        { type: 'less_than', value: 1_000_000, equals: false },
      ],
    },
    restrictions,
    datasource: null,
  },
  {
    type: 'integer',
    external_id: 'edition',
    label: 'Edition',
    mandatory: false,
    default_value: null,
    validation: null,
    restrictions: { readonly_ui: true },
    datasource: null,
  },
  {
    type: 'date',
    external_id: 'shot_on',
    label: 'Shot on',
    mandatory: false,
    default_value: null,
    validation: { type: 'greater_than', value: '2000-01-01', equals: true },
    restrictions,
    datasource: null,
  },
  {
    type: 'enum',
    external_id: 'licence_id',
    label: 'Licence',
    mandatory: false,
    default_value: null,
    validation: null,
    restrictions,
    datasource: {
      values: [
        entry('full', 'Full buy-out', 0),
        entry('editorial', 'Editorial only', 1),
        { external_id: 'expired', value: 'Expired', state: 'inactive', position: 2 },
      ],
    },
  },
  {
    type: 'set',
    external_id: 'channels_id',
    label: 'Channels',
    mandatory: false,
    default_value: ['web'],
    validation: null,
    restrictions,
    allow_dynamic_list_values: false,
    datasource: {
      values: [
        entry('web', 'Web', 0),
        entry('print', 'Print', 1),
        entry('shop', 'Shop', 2),
        entry('social', 'Social – “stories”', 3),
      ],
    },
  },
]

const RULES: readonly { [key: string]: JsonValue }[] = [
  {
    external_id: 'd9a3a1c2f2a64b3c9d61c1a4a9b7e001',
    name: 'Editorial pictures need a date',
    metadata_field_id: 'shot_on',
    condition: { metadata_field_id: 'licence_id', equals: 'editorial' },
    result: { set_mandatory: true },
    state: 'active',
    position: 1,
  },
]

const hex = (cloud: Cloud, n: number): string =>
  `${cloud.name}-${n}`
    .split('')
    .reduce((text, letter) => text + letter.charCodeAt(0).toString(16), '')
    .padEnd(32, '0')
    .slice(0, 32)

const placeTransformations = ({ transformations }: Cloud, createdAt: number): void => {
  const named: readonly (readonly [string, string, boolean])[] = [
    ['thumb', 'c_fill,g_auto,h_160,w_160', true],
    ['hero', 'c_fill,g_auto,h_720,w_1280/q_auto/f_auto', true],
    ['watermarked', 'l_brand:logos:northlight-mark,w_120/fl_layer_apply,g_south_east,x_20,y_20', false],
    ['duotone', 'e_tint:60:31456b:fde2c4', false],
  ]
  for (const [name, definition, allowedForStrict] of named)
    transformations.set(name, { name, definition, allowedForStrict, createdAt })
}

/** Folders that hold nothing are visible only as folders. */
const EMPTY_FOLDERS = [
  'archive',
  'archive/2019',
  'archive/2020/Q1',
  'campaigns/2027 spring',
  'press/embargoed',
  'Ünïcode & “quotes”',
]

export const placeConfiguration = (cloud: Cloud, createdAt: number): void => {
  cloud.fields.push(...FIELDS)
  cloud.rules.push(...RULES)
  placeTransformations(cloud, createdAt)
  cloud.presets.set('web-signed', {
    name: 'web-signed',
    unsigned: false,
    settings: { folder: 'inbox', tags: 'inbox,web', overwrite: true, use_filename: true, unique_filename: false },
    externalId: hex(cloud, 1),
  })
  cloud.presets.set('customer_photos', {
    name: 'customer_photos',
    unsigned: true,
    settings: { asset_folder: 'community/uploads', moderation: 'manual', allowed_formats: 'jpg,png,heic', tags: 'ugc' },
    externalId: hex(cloud, 2),
  })
  cloud.presets.set('print', {
    name: 'print',
    unsigned: false,
    settings: { backup: true, context: 'source=print desk', eager: 'c_limit,w_3000|c_fill,h_200,w_200' },
    externalId: hex(cloud, 3),
  })
  cloud.mappings.set('remote/press', {
    folder: 'remote/press',
    template: 'https://press.northlight.example/images/',
    externalId: hex(cloud, 4),
  })
  cloud.mappings.set('old-shop', {
    folder: 'old-shop',
    template: 'https://shop.northlight.example/media/',
    externalId: hex(cloud, 5),
  })
  cloud.profiles.set('quiet', {
    name: 'quiet',
    displayName: 'Quiet (two steps)',
    predefined: false,
    representations: [
      { transformation: [{ crop: 'limit', width: 960, height: 540, bit_rate: '1200k' }] },
      { transformation: [{ crop: 'limit', width: 480, height: 270, bit_rate: '300k' }] },
    ],
    externalId: hex(cloud, 6),
  })
  for (const [n, eventType] of ['upload', 'delete', 'all'].entries()) {
    const id = hex(cloud, 10 + n)
    // A port that nothing listens on: the sample must not call anybody.
    cloud.triggers.set(id, {
      id,
      uri: `http://127.0.0.1:9/northlight/${eventType}`,
      uriType: 'webhook',
      eventType,
      additive: n === 2,
      createdAt,
      updatedAt: createdAt,
    })
  }
  for (const path of EMPTY_FOLDERS) ensureFolder(cloud, path, createdAt)
}
