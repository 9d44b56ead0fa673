import { v2 as cloudinary } from 'cloudinary'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTransformation } from '../../../../sandbox/admin/transformation-text.ts'
import type { Json } from '../../../model/json.ts'
import { comparableTransformation, transformationText } from './transformation-text.ts'

/** The official SDK is the referee; its declarations do not know the method. */
const utils: object = cloudinary.utils
const bySdk = (steps: readonly Json[]): string => {
  if (!('generate_transformation_string' in utils)) throw new Error('the SDK has changed')
  const generate = utils.generate_transformation_string as (steps: unknown) => string
  return generate(structuredClone(steps))
}

const step = fc.record(
  {
    width: fc.nat(5000),
    height: fc.oneof(fc.nat(5000), fc.constant('ih_mul_0.5')),
    crop: fc.constantFrom('fill', 'fit', 'limit', 'thumb'),
    gravity: fc.constantFrom('auto', 'south_east', 'face'),
    effect: fc.oneof(fc.constantFrom('sepia:50', 'grayscale'), fc.constant(['tint', '60', 'red'])),
    angle: fc.oneof(
      fc.integer({ min: -90, max: 90 }).filter((angle) => angle !== 0),
      fc.constant(['auto_right', '20']),
    ),
    flags: fc.oneof(fc.constant('lossy'), fc.constant(['lossy', 'progressive'])),
    background: fc.constantFrom('#31456b', 'auto', 'red'),
    quality: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant('auto:best')),
    fetch_format: fc.constantFrom('auto', 'webp'),
    overlay: fc.constantFrom(
      'brand:logos:mark',
      'text:Arial_20:Hello',
      { public_id: 'a/b' },
      { public_id: 'x', type: 'private' },
    ),
    border: fc.constantFrom('3px_solid_red', { width: 2, color: '#ff0000' }),
    video_codec: fc.constantFrom('h264', { codec: 'h264', profile: 'basic', level: '3.1' }),
    start_offset: fc.constantFrom('6.5', '10p'),
    bit_rate: fc.constant('500k'),
    raw_transformation: fc.constantFrom('w_7,c_scale', 'fn_remote:aHR0'),
  },
  { requiredKeys: [] },
)

describe('a transformation', () => {
  it('is written from its steps as the official SDK writes it', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 3 }), (steps) => {
        expect(transformationText(steps as Json)).toBe(bySdk(steps as Json[]))
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    [{ if: 'w_gt_200', width: 100, crop: 'fill' }, 'if_w_gt_200,c_fill,w_100'],
    [{ $size: 5, width: '$size' }, '$size_5,w_$size'],
    [
      {
        variables: [
          ['$a', '1'],
          ['$b', 2],
        ],
        height: '$a',
      },
      '$a_1,$b_2,h_$a',
    ],
    [{ transformation: ['one', 'two'] }, 't_one.two'],
    [{ width: null, height: '', crop: 'fit' }, 'c_fit'],
  ])('%j is %s', (steps, text) => {
    expect(transformationText(steps as Json)).toBe(text)
  })

  it.each([
    'c_fill,w_100/e_grayscale',
    'l_brand:logos:mark,w_120/fl_layer_apply,g_south_east',
    '$x_1/if_w_lt_$x,w_5/if_end',
  ])('%s comes through the explanation of the account', (text) => {
    expect(comparableTransformation(parseTransformation(text))).toBe(comparableTransformation(text))
  })

  it.each<Json>([
    [{ overlay: { text: 'hello', font_family: 'Arial' } }],
    [{ unheard_of: 1 }],
    [7],
    [{ custom_function: { function_type: 'wasm', source: 'x' } }],
  ])('that would be written wrongly is refused: %j', (steps) => {
    expect(() => transformationText([steps] as Json)).toThrow(expect.objectContaining({ code: 'API_REFUSED' }))
  })
})
