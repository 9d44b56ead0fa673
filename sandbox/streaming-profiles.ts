import { createHash } from 'node:crypto'
import type { Cloud, JsonValue } from './state.ts'

const rendition = (width: number, height: number, bitRate: string): JsonValue => ({
  transformation: [{ crop: 'limit', width, height, bit_rate: bitRate, video_codec: 'h264' }],
})

const LADDER: readonly JsonValue[] = [
  rendition(3840, 2160, '18000k'),
  rendition(2560, 1440, '12000k'),
  rendition(1920, 1080, '5500k'),
  rendition(1280, 720, '3300k'),
  rendition(960, 540, '1500k'),
  rendition(640, 360, '500k'),
  rendition(480, 270, '270k'),
]

/** Name, the name shown, and which steps of the ladder the profile has. */
const PREDEFINED: readonly (readonly [string, string, number, number])[] = [
  ['4k', '4K', 0, 7],
  ['full_hd', 'Full HD', 2, 7],
  ['hd', 'HD', 3, 7],
  ['sd', 'SD', 4, 7],
  ['full_hd_wifi', 'Full HD for Wi-Fi', 2, 5],
  ['full_hd_lean', 'Full HD, lean', 2, 4],
  ['hd_lean', 'HD, lean', 3, 5],
]

/** The profiles every account has from the start; deleting a changed one brings the original back. */
export const predefinedProfiles = (cloudName: string): Cloud['profiles'] =>
  new Map(
    PREDEFINED.map(([name, displayName, from, to]) => [
      name,
      {
        name,
        displayName,
        predefined: true,
        representations: LADDER.slice(from, to),
        externalId: createHash('md5').update(`${cloudName}/profile/${name}`).digest('hex'),
      },
    ]),
  )
