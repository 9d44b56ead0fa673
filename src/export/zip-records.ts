/**
 * The records of a zip file, as PKWARE's APPNOTE 6.3 lays them out. Pure. ZIP64 fields appear where a number is too
 * large for its place, and in the headers of entries whose length is not known when they begin.
 */

/** From here on a number does not fit into its four bytes, or means "look into the ZIP64 field". */
const FULL_32 = 0xffff_ffff
const FULL_16 = 0xffff

export interface ZipEntry {
  /** UTF-8, `/`-separated, relative. */
  readonly name: Buffer
  readonly method: 'stored' | 'deflated'
  /** Milliseconds since the epoch. */
  readonly mtime: number
  /** Where its local header begins. */
  readonly offset: number
  /** Null: follows after the bytes, in a data descriptor. */
  readonly known: Measured | null
}

export interface Measured {
  readonly crc: number
  readonly compressed: number
  readonly size: number
}

const VERSION = 20
const VERSION_64 = 45
/** Unix, so that the file mode counts. */
const MADE_BY = (3 << 8) | VERSION_64
/** Names are UTF-8. */
const UTF8 = 1 << 11
const DESCRIPTOR_FOLLOWS = 1 << 3
/** A regular file, rw-r--r--. */
const FILE_MODE = (0o100644 << 16) >>> 0

const methodOf = ({ method }: ZipEntry): number => (method === 'stored' ? 0 : 8)
const flagsOf = ({ known }: ZipEntry): number => UTF8 | (known === null ? DESCRIPTOR_FOLLOWS : 0)

/** MS-DOS's own time, two seconds fine, in UTC; the real one is in the extra field. */
function dosTime(mtime: number): { readonly time: number; readonly date: number } {
  const at = new Date(Math.min(Math.max(mtime, Date.UTC(1980, 0, 1)), Date.UTC(2107, 11, 31, 23, 59, 58)))
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  }
}

/** Info-ZIP's extended timestamp: seconds since 1970, which older readers know as signed 32 bits. */
function timeField(mtime: number): Buffer {
  const seconds = Math.floor(mtime / 1000)
  if (seconds < -0x8000_0000 || seconds > 0x7fff_ffff) return Buffer.alloc(0)
  const field = Buffer.alloc(9)
  field.writeUInt16LE(0x5455, 0)
  field.writeUInt16LE(5, 2)
  field.writeUInt8(1, 4)
  field.writeInt32LE(seconds, 5)
  return field
}

function zip64Field(values: readonly number[]): Buffer {
  if (values.length === 0) return Buffer.alloc(0)
  const field = Buffer.alloc(4 + values.length * 8)
  field.writeUInt16LE(0x0001, 0)
  field.writeUInt16LE(values.length * 8, 2)
  for (const [i, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + i * 8)
  return field
}

const isLong = ({ size, compressed }: Measured): boolean => size >= FULL_32 || compressed >= FULL_32

export function localHeader(entry: ZipEntry): Buffer {
  const { name, known, mtime } = entry
  const is64 = known === null || isLong(known)
  const extra = Buffer.concat([
    is64 ? zip64Field([known?.size ?? 0, known?.compressed ?? 0]) : Buffer.alloc(0),
    timeField(mtime),
  ])
  const { time, date } = dosTime(mtime)
  const fixed = Buffer.alloc(30)
  fixed.writeUInt32LE(0x04034b50, 0)
  fixed.writeUInt16LE(is64 ? VERSION_64 : VERSION, 4)
  fixed.writeUInt16LE(flagsOf(entry), 6)
  fixed.writeUInt16LE(methodOf(entry), 8)
  fixed.writeUInt16LE(time, 10)
  fixed.writeUInt16LE(date, 12)
  fixed.writeUInt32LE(known?.crc ?? 0, 14)
  fixed.writeUInt32LE(is64 ? FULL_32 : (known?.compressed ?? 0), 18)
  fixed.writeUInt32LE(is64 ? FULL_32 : (known?.size ?? 0), 22)
  fixed.writeUInt16LE(name.length, 26)
  fixed.writeUInt16LE(extra.length, 28)
  return Buffer.concat([fixed, name, extra])
}

/** After the bytes of an entry whose length was not known before; with eight-byte lengths, as its header promises. */
export function dataDescriptor({ crc, compressed, size }: Measured): Buffer {
  const record = Buffer.alloc(24)
  record.writeUInt32LE(0x08074b50, 0)
  record.writeUInt32LE(crc, 4)
  record.writeBigUInt64LE(BigInt(compressed), 8)
  record.writeBigUInt64LE(BigInt(size), 16)
  return record
}

export function centralHeader(entry: ZipEntry, { crc, compressed, size }: Measured): Buffer {
  const { name, mtime, offset } = entry
  const long = [size, compressed, offset].filter((value) => value >= FULL_32)
  const extra = Buffer.concat([zip64Field(long), timeField(mtime)])
  const { time, date } = dosTime(mtime)
  const fixed = Buffer.alloc(46)
  fixed.writeUInt32LE(0x02014b50, 0)
  fixed.writeUInt16LE(MADE_BY, 4)
  fixed.writeUInt16LE(long.length > 0 || entry.known === null ? VERSION_64 : VERSION, 6)
  fixed.writeUInt16LE(flagsOf(entry), 8)
  fixed.writeUInt16LE(methodOf(entry), 10)
  fixed.writeUInt16LE(time, 12)
  fixed.writeUInt16LE(date, 14)
  fixed.writeUInt32LE(crc, 16)
  fixed.writeUInt32LE(Math.min(compressed, FULL_32), 20)
  fixed.writeUInt32LE(Math.min(size, FULL_32), 24)
  fixed.writeUInt16LE(name.length, 28)
  fixed.writeUInt16LE(extra.length, 30)
  fixed.writeUInt32LE(FILE_MODE, 38)
  fixed.writeUInt32LE(Math.min(offset, FULL_32), 42)
  return Buffer.concat([fixed, name, extra])
}

/** The last records; `offset` and `size` are those of the central directory. */
export function endRecords(directory: {
  readonly entries: number
  readonly offset: number
  readonly size: number
}): Buffer {
  const { entries, offset, size } = directory
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Math.min(entries, FULL_16), 8)
  end.writeUInt16LE(Math.min(entries, FULL_16), 10)
  end.writeUInt32LE(Math.min(size, FULL_32), 12)
  end.writeUInt32LE(Math.min(offset, FULL_32), 16)
  if (entries < FULL_16 && size < FULL_32 && offset < FULL_32) return end
  const record = Buffer.alloc(56)
  record.writeUInt32LE(0x06064b50, 0)
  record.writeBigUInt64LE(44n, 4)
  record.writeUInt16LE(MADE_BY, 12)
  record.writeUInt16LE(VERSION_64, 14)
  record.writeBigUInt64LE(BigInt(entries), 24)
  record.writeBigUInt64LE(BigInt(entries), 32)
  record.writeBigUInt64LE(BigInt(size), 40)
  record.writeBigUInt64LE(BigInt(offset), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(BigInt(offset + size), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([record, locator, end])
}
