import type { ResourceType } from '../state.ts'

/** Spellings of one format: what a file is called against what Cloudinary stores as `format`. */
const ALIASES: Readonly<Record<string, string>> = {
  jpeg: 'jpg',
  jpe: 'jpg',
  jfif: 'jpg',
  tif: 'tiff',
  ps: 'eps',
  ept: 'eps',
  eps3: 'eps',
  j2k: 'jpc',
  jxr: 'wdp',
  hdp: 'wdp',
  heif: 'heic',
  m4v: 'mp4',
  h264: 'mp4',
  m2ts: 'ts',
  m2t: 'ts',
  mts: 'ts',
  aif: 'aiff',
  aifc: 'aiff',
  asf: 'wmv',
  m2v: 'mpeg',
  mpg: 'mpeg',
  mka: 'webm',
  opus: 'ogg',
  mid: 'midi',
}

/** The format's stored spelling: `JPEG` is `jpg`. A format that has one spelling only comes back in lower case. */
export const normalFormat = (extension: string): string => {
  const lower = extension.toLowerCase()
  return ALIASES[lower] ?? lower
}

const IMAGES =
  'ai arw avif bmp cr2 cr3 djvu dng eps fbx flif gif glb gltf heic ico indd jp2 jpc jpg jxl pdf png psd svg tga tiff usdz wdp webp'
const VIDEOS = '3g2 3gp avi flv mkv mov mp4 mpeg ogv ts webm wmv mxf m3u8 mpd'
const AUDIO = 'aac aiff amr flac m4a mp3 midi ogg wav'

const TYPES: ReadonlyMap<string, ResourceType> = new Map<string, ResourceType>([
  ...IMAGES.split(' ').map((format) => [format, 'image'] as const),
  ...VIDEOS.split(' ').map((format) => [format, 'video'] as const),
  ...AUDIO.split(' ').map((format) => [format, 'video'] as const),
])

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  bmp: 'image/bmp',
  eps: 'application/postscript',
  gif: 'image/gif',
  heic: 'image/heic',
  ico: 'image/x-icon',
  jp2: 'image/jp2',
  jpg: 'image/jpeg',
  jxl: 'image/jxl',
  pdf: 'application/pdf',
  png: 'image/png',
  psd: 'image/vnd.adobe.photoshop',
  svg: 'image/svg+xml',
  tiff: 'image/tiff',
  webp: 'image/webp',
  avi: 'video/x-msvideo',
  flv: 'video/x-flv',
  mkv: 'video/x-matroska',
  mov: 'video/quicktime',
  mp4: 'video/mp4',
  mpeg: 'video/mpeg',
  ogv: 'video/ogg',
  ts: 'video/mp2t',
  webm: 'video/webm',
  wmv: 'video/x-ms-wmv',
  aac: 'audio/aac',
  aiff: 'audio/x-aiff',
  flac: 'audio/flac',
  m4a: 'audio/mp4',
  mp3: 'audio/mpeg',
  midi: 'audio/midi',
  ogg: 'audio/ogg',
  wav: 'audio/wav',
  css: 'text/css',
  csv: 'text/csv',
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  srt: 'application/x-subrip',
  txt: 'text/plain',
  vtt: 'text/vtt',
  xml: 'application/xml',
  zip: 'application/zip',
}

export const contentTypeOf = (format: string): string =>
  CONTENT_TYPES[normalFormat(format)] ?? 'application/octet-stream'

/** What `auto` makes of a file whose bytes say nothing: by its name; raw when that says nothing either. */
export const typeOfFormat = (format: string): ResourceType => TYPES.get(format) ?? 'raw'

/** The part after the last dot of the last segment, as written; '' when there is none or the name only begins with it. */
export const extensionOf = (name: string): string => {
  const last = name.slice(name.lastIndexOf('/') + 1)
  const dot = last.lastIndexOf('.')
  return dot <= 0 ? '' : last.slice(dot + 1)
}
