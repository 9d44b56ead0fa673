import { crc32, inflateRawSync } from 'node:zlib'

export interface ReadEntry {
  readonly name: string
  readonly size: number
  readonly crc: number
  readonly mtime: number | null
  /** Reads the bytes, compares length and CRC, and throws when they differ. */
  bytes(): Buffer
}

/** Reads part of a zip file that may be larger than memory. */
export type ReadAt = (offset: number, length: number) => Buffer

export const fromBuffer =
  (file: Buffer): ReadAt =>
  (offset, length) =>
    file.subarray(offset, offset + length)

/**
 * The entries of a zip file by its central directory, ZIP64 fields and all, strictly: everything that two records say
 * must agree. Written against the APPNOTE and not against our writer.
 */
export function readZip(readAt: ReadAt, length: number): ReadEntry[] {
  const { entries, offset, size } = readEnd(readAt, length)
  const directory = readAt(offset, size)
  const found: ReadEntry[] = []
  let at = 0
  while (at < directory.length) {
    if (directory.readUInt32LE(at) !== 0x02014b50) throw new Error(`no central header at ${at}`)
    const [names, extras, comments] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ]
    found.push(readEntry(readAt, directory.subarray(at, at + 46 + names + extras + comments), names))
    at += 46 + names + extras + comments
  }
  if (found.length !== entries) throw new Error(`the end record says ${entries} entries, there are ${found.length}`)
  return found
}

function readEnd(readAt: ReadAt, length: number): { entries: number; offset: number; size: number } {
  const end = readAt(length - 22, 22)
  if (end.readUInt32LE(0) !== 0x06054b50) throw new Error('the file does not end in an end record without a comment')
  const short = { entries: end.readUInt16LE(10), size: end.readUInt32LE(12), offset: end.readUInt32LE(16) }
  const needs64 = short.entries === 0xffff || short.size === 0xffff_ffff || short.offset === 0xffff_ffff
  if (!needs64) return short
  const locator = readAt(length - 42, 20)
  if (locator.readUInt32LE(0) !== 0x07064b50) throw new Error('there is no zip64 locator')
  const record = readAt(Number(locator.readBigUInt64LE(8)), 56)
  if (record.readUInt32LE(0) !== 0x06064b50) throw new Error('the locator leads nowhere')
  const long = {
    entries: Number(record.readBigUInt64LE(32)),
    size: Number(record.readBigUInt64LE(40)),
    offset: Number(record.readBigUInt64LE(48)),
  }
  // 0xffff sends the reader to the other record, also when the number would have fitted.
  if (short.entries !== 0xffff && short.entries !== long.entries) throw new Error('the two end records disagree')
  if (long.offset + long.size !== Number(locator.readBigUInt64LE(8)))
    throw new Error('the directory has another length')
  return long
}

function readEntry(readAt: ReadAt, header: Buffer, names: number): ReadEntry {
  const flags = header.readUInt16LE(8)
  const method = header.readUInt16LE(10)
  if ((flags & 0x800) === 0) throw new Error('a name is not marked as UTF-8')
  const name = new TextDecoder('utf-8', { fatal: true }).decode(header.subarray(46, 46 + names))
  const extra = extrasOf(header.subarray(46 + names))
  const long = longFields(extra.get(1))
  const take = (at: number): number => {
    const short = header.readUInt32LE(at)
    return short === 0xffff_ffff ? long() : short
  }
  // In this order: uncompressed, compressed, offset.
  const size = take(24)
  const compressed = take(20)
  const offset = take(42)
  const crc = header.readUInt32LE(16)
  const time = extra.get(0x5455)
  return {
    name,
    size,
    crc,
    mtime: time === undefined ? null : time.readInt32LE(1) * 1000,
    bytes: () => {
      const start = checkLocal(readAt, { offset, name, flags, method, size, compressed, crc })
      const packed = readAt(start, compressed)
      const bytes = method === 8 ? inflateRawSync(packed) : packed
      if (bytes.length !== size) throw new Error(`${name} has ${bytes.length} bytes, not ${size}`)
      if (crc32(bytes) !== crc) throw new Error(`${name} has another CRC`)
      return bytes
    },
  }
}

interface Said {
  readonly offset: number
  readonly name: string
  readonly flags: number
  readonly method: number
  readonly size: number
  readonly compressed: number
  readonly crc: number
}

/** Where the bytes begin. The local header, or the descriptor after the bytes, must say what the directory says. */
function checkLocal(readAt: ReadAt, said: Said): number {
  const { offset, name } = said
  const fixed = readAt(offset, 30)
  if (fixed.readUInt32LE(0) !== 0x04034b50) throw new Error(`${name} has no local header`)
  const [names, extras] = [fixed.readUInt16LE(26), fixed.readUInt16LE(28)]
  const start = offset + 30 + names + extras
  const rest = readAt(offset + 30, names + extras)
  if (rest.subarray(0, names).toString('utf8') !== name)
    throw new Error(`${name} is called otherwise in its local header`)
  if (fixed.readUInt16LE(6) !== said.flags || fixed.readUInt16LE(8) !== said.method)
    throw new Error(`${name}: flags differ`)
  const has64 = fixed.readUInt32LE(18) === 0xffff_ffff && fixed.readUInt32LE(22) === 0xffff_ffff
  const long = longFields(extrasOf(rest.subarray(names)).get(1))
  const local = has64
    ? { size: long(), compressed: long() }
    : { size: fixed.readUInt32LE(22), compressed: fixed.readUInt32LE(18) }
  let measured = { crc: fixed.readUInt32LE(14), ...local }
  if ((said.flags & 8) !== 0) {
    const descriptor = readAt(start + said.compressed, 24)
    if (descriptor.readUInt32LE(0) !== 0x08074b50) throw new Error(`${name} has no data descriptor`)
    measured = {
      crc: descriptor.readUInt32LE(4),
      compressed: Number(descriptor.readBigUInt64LE(8)),
      size: Number(descriptor.readBigUInt64LE(16)),
    }
  }
  if (measured.crc !== said.crc || measured.size !== said.size || measured.compressed !== said.compressed)
    throw new Error(`${name}: its headers disagree: ${JSON.stringify(measured)} and ${JSON.stringify(said)}`)
  return start
}

function longFields(field: Buffer | undefined): () => number {
  let at = 0
  return () => {
    if (field === undefined || at + 8 > field.length) throw new Error('a zip64 field is missing')
    at += 8
    return Number(field.readBigUInt64LE(at - 8))
  }
}

function extrasOf(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const fields = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at + 2)
    fields.set(bytes.readUInt16LE(at), bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return fields
}
