/** A melody as PCM in a WAV file. */

/** A note: half tones above A at 220 Hz, null for a rest, and its length in beats. */
export type Note = readonly [pitch: number | null, beats: number]

const RATE = 22_050

export const encodeWav = (notes: readonly Note[], beatSeconds: number): Buffer => {
  const beats = notes.reduce((sum, [, length]) => sum + length, 0)
  const samples = Math.round((beats + 1) * beatSeconds * RATE)
  const mixed = new Float32Array(samples)
  let start = 0
  for (const [pitch, length] of notes) {
    if (pitch !== null)
      pluck(mixed, {
        start: Math.round(start * beatSeconds * RATE),
        hertz: 220 * 2 ** (pitch / 12),
        seconds: (length + 1) * beatSeconds,
      })
    start += length
  }
  const data = Buffer.alloc(samples * 2)
  mixed.forEach((value, n) => {
    data.writeInt16LE(Math.round(Math.max(-1, Math.min(1, value)) * 32_000), n * 2)
  })
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(36 + data.length, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(RATE, 24)
  header.writeUInt32LE(RATE * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(data.length, 40)
  return Buffer.concat([header, data])
}

/** Seconds that `encodeWav` makes of the notes. */
export const melodySeconds = (notes: readonly Note[], beatSeconds: number): number =>
  Math.round((notes.reduce((sum, [, length]) => sum + length, 0) + 1) * beatSeconds * RATE) / RATE

/** A tone with two overtones that fades out like a string. */
const pluck = (mixed: Float32Array, tone: { start: number; hertz: number; seconds: number }): void => {
  const length = Math.min(mixed.length - tone.start, Math.round(tone.seconds * RATE))
  for (let n = 0; n < length; n++) {
    const turn = (2 * Math.PI * tone.hertz * n) / RATE
    const fade = Math.exp((-3.2 * n) / length) * Math.min(1, n / 80, (length - n) / 200)
    const wave = Math.sin(turn) + 0.4 * Math.sin(2 * turn) + 0.15 * Math.sin(3 * turn)
    mixed[tone.start + n] = (mixed[tone.start + n] ?? 0) + wave * fade * 0.3
  }
}
