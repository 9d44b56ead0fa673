/** Tables of the JPEG standard (ITU-T T.81, annex K), which decoders expect nothing of but which everybody uses. */

/** Position in the block of the nth coefficient. */
export const ZIGZAG = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
])

const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
]
const CHROMINANCE = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99,
]

/** Quantization in natural order; quality 1 to 100 as the reference encoder scales it. */
const scaled = (table: readonly number[], quality: number): Uint8Array => {
  const scale = quality < 50 ? 5000 / quality : 200 - quality * 2
  return Uint8Array.from(table, (value) => Math.min(255, Math.max(1, Math.floor((value * scale + 50) / 100))))
}

export const quantization = (quality: number): { luminance: Uint8Array; chrominance: Uint8Array } => ({
  luminance: scaled(LUMINANCE, quality),
  chrominance: scaled(CHROMINANCE, quality),
})

export interface HuffmanTable {
  /** How many codes there are of each length, 1 to 16. */
  readonly counts: Uint8Array
  readonly symbols: Uint8Array
  /** Code and length by symbol. */
  readonly codes: Uint16Array
  readonly lengths: Uint8Array
}

/** Codes of a length are consecutive numbers, and each length starts at the double of where the one before ended. */
const tableOf = (counts: readonly number[], symbols: Uint8Array): HuffmanTable => {
  const codes = new Uint16Array(256)
  const lengths = new Uint8Array(256)
  let code = 0
  let next = 0
  counts.forEach((count, n) => {
    for (let i = 0; i < count; i++) {
      const symbol = symbols[next++] ?? 0
      codes[symbol] = code++
      lengths[symbol] = n + 1
    }
    code <<= 1
  })
  return { counts: Uint8Array.from(counts), symbols, codes, lengths }
}

const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'))
const DC_SYMBOLS = hex('000102030405060708090a0b')

export const HUFFMAN = {
  dcLuminance: tableOf([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], DC_SYMBOLS),
  dcChrominance: tableOf([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], DC_SYMBOLS),
  acLuminance: tableOf(
    [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
    hex(`0102030004110512213141061351610722711432 8191a1082342b1c11552d1f0243362728209 0a161718191a25262728292a
      3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999a
      a2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa`),
  ),
  acChrominance: tableOf(
    [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
    hex(`0001020311040521310612415107617113223281 08144291a1b1c109233352f0156272d10a162434e125f1 1718191a262728292a
      35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999a
      a2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa`),
  ),
} as const
