import type { JsonValue } from '../state.ts'

/** The short names that transformation texts are written in. */
const LONG_NAMES: { readonly [short: string]: string } = {
  a: 'angle',
  ac: 'audio_codec',
  af: 'audio_frequency',
  ar: 'aspect_ratio',
  b: 'background',
  bo: 'border',
  br: 'bit_rate',
  c: 'crop',
  co: 'color',
  cs: 'color_space',
  d: 'default_image',
  dl: 'delay',
  dn: 'density',
  dpr: 'dpr',
  du: 'duration',
  e: 'effect',
  eo: 'end_offset',
  f: 'fetch_format',
  fl: 'flags',
  fps: 'fps',
  g: 'gravity',
  h: 'height',
  if: 'if',
  ki: 'keyframe_interval',
  l: 'overlay',
  o: 'opacity',
  p: 'prefix',
  pg: 'page',
  q: 'quality',
  r: 'radius',
  so: 'start_offset',
  sp: 'streaming_profile',
  t: 'transformation',
  u: 'underlay',
  vc: 'video_codec',
  vs: 'video_sampling',
  w: 'width',
  x: 'x',
  y: 'y',
  z: 'zoom',
}

const typed = (value: string): JsonValue => (/^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value)

const parseStep = (step: string): JsonValue => {
  const out: { [name: string]: JsonValue } = {}
  const raw: string[] = []
  for (const part of step.split(',')) {
    const match = /^([a-z]{1,3})_(.*)$/s.exec(part)
    const name = match === null ? undefined : LONG_NAMES[match[1] ?? '']
    if (match === null || name === undefined) raw.push(part)
    else out[name] = typed(match[2] ?? '')
  }
  if (raw.length > 0) out['raw_transformation'] = raw.join(',')
  return out
}

/** `c_fill,w_100/e_grayscale` as the service explains it: one map for each step. */
export const parseTransformation = (text: string): JsonValue[] =>
  text
    .split('/')
    .filter((step) => step !== '')
    .map(parseStep)
