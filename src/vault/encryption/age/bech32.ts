/** The text form of age's keys: BIP 173, without its limit of 90 characters, as the age specification (C2SP age.md) wants it. */
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const CHECKSUM = 6

const polymod = (values: readonly number[]): number => {
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, generator] of GENERATOR.entries()) if (((top >>> bit) & 1) === 1) sum ^= generator
  }
  return sum
}

const expanded = (prefix: string): number[] => {
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0))
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
}

/** Cuts groups of `from` bits into groups of `to` bits; what is left over is filled with zeros, or must be zeros. */
const regroup = (groups: Iterable<number>, from: number, to: number, fill: boolean): number[] | null => {
  const out: number[] = []
  let held = 0
  let bits = 0
  for (const group of groups) {
    held = ((held << from) | group) & 0xfff
    bits += from
    for (; bits >= to; bits -= to) out.push((held >> (bits - to)) & ((1 << to) - 1))
  }
  const rest = (held << (to - bits)) & ((1 << to) - 1)
  if (fill && bits > 0) out.push(rest)
  return !fill && (bits >= from || rest !== 0) ? null : out
}

/** In lower case. */
export const encodeBech32 = (prefix: string, bytes: Uint8Array): string => {
  const data = regroup(bytes, 8, 5, true) ?? []
  const sum = polymod([...expanded(prefix), ...data, 0, 0, 0, 0, 0, 0]) ^ 1
  const check = Array.from({ length: CHECKSUM }, (_, index) => (sum >>> (5 * (CHECKSUM - 1 - index))) & 31)
  return `${prefix}1${[...data, ...check].map((value) => ALPHABET[value]).join('')}`
}

/** Null when it is no Bech32 text with this prefix: other letters, mixed case, a wrong checksum. */
export const decodeBech32 = (prefix: string, text: string): Buffer | null => {
  const lower = text.toLowerCase()
  if (text !== lower && text !== text.toUpperCase()) return null
  if (!lower.startsWith(`${prefix}1`)) return null
  const values = Array.from(lower.slice(prefix.length + 1), (letter) => ALPHABET.indexOf(letter))
  if (values.length < CHECKSUM || values.includes(-1)) return null
  if (polymod([...expanded(prefix), ...values]) !== 1) return null
  const bytes = regroup(values.slice(0, -CHECKSUM), 5, 8, false)
  return bytes === null ? null : Buffer.from(bytes)
}
