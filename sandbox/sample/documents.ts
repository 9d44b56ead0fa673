/** Files that are not pictures: PDF, ZIP, tables, subtitles, calendars. */
import { crc32, deflateRawSync } from 'node:zlib'
import type { Colour } from './canvas.ts'

export interface PdfPage {
  readonly title: string
  readonly lines: readonly string[]
}

const escapePdf = (text: string): string => text.replaceAll(/[\\()]/g, (sign) => `\\${sign}`)

const pageStream = ({ title, lines }: PdfPage, [red, green, blue]: Colour): string => {
  const band = `${[red, green, blue].map((part) => (part / 255).toFixed(3)).join(' ')} rg 0 742 595 100 re f`
  const heading = `BT /F1 30 Tf 1 1 1 rg 56 776 Td (${escapePdf(title)}) Tj ET`
  const body = lines.map((line) => `(${escapePdf(line)}) Tj T*`).join('\n')
  return `${band}\n${heading}\nBT /F2 12 Tf 0.15 0.15 0.2 rg 18 TL 56 690 Td\n${body}\nET\n`
}

/** A4 pages with a coloured band, a heading and lines of text in the fonts that every reader has. */
export const encodePdf = (pages: readonly PdfPage[], band: Colour): Buffer => {
  const first = 5
  const kids = pages.map((_, n) => `${first + n * 2} 0 R`).join(' ')
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    ...pages.flatMap((page, n) => {
      const stream = pageStream(page, band)
      const resources = '<< /Font << /F1 3 0 R /F2 4 0 R >> >>'
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources ${resources} /Contents ${first + n * 2 + 1} 0 R >>`,
        `<< /Length ${Buffer.byteLength(stream, 'latin1')} >>\nstream\n${stream}endstream`,
      ]
    }),
  ]
  let text = '%PDF-1.4\n%\xe2\xe3\xcf\xd3\n'
  const offsets = objects.map((object, n) => {
    const at = text.length
    text += `${n + 1} 0 obj\n${object}\nendobj\n`
    return at
  })
  const table = offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('')
  const start = text.length
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}`
  text += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`
  // Written as Latin-1 so that positions in the text are positions in the file.
  return Buffer.from(text, 'latin1')
}

interface ZipEntry {
  readonly name: string
  readonly data: Buffer
}

/** 2024-01-01 00:00, so that the same files make the same archive. */
const DOS_DATE = ((2024 - 1980) << 9) | (1 << 5) | 1
const UTF8_NAMES = 0x0800

export const encodeZip = (entries: readonly ZipEntry[]): Buffer => {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, data } of entries) {
    const packed = deflateRawSync(data)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(UTF8_NAMES, 2)
    fields.writeUInt16LE(8, 4)
    fields.writeUInt16LE(DOS_DATE, 8)
    fields.writeUInt32LE(crc32(data), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(data.length, 18)
    fields.writeUInt16LE(Buffer.byteLength(name), 22)
    const head = Buffer.concat([Buffer.from('504b0304', 'hex'), fields, Buffer.from(name)])
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    central.push(Buffer.concat([Buffer.from('504b01021400', 'hex'), fields, place, Buffer.from(name)]))
    local.push(head, packed)
    offset += head.length + packed.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32BE(0x504b0506, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...local, directory, end])
}

export const encodeCsv = (header: readonly string[], rows: readonly (readonly (string | number)[])[]): Buffer => {
  const cell = (value: string | number): string =>
    /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value)
  return Buffer.from(
    [header, ...rows]
      .map((row) => row.map(cell).join(','))
      .join('\r\n')
      .concat('\r\n'),
  )
}

const clock = (seconds: number): string => {
  const milliseconds = Math.round(seconds * 1000)
  const part = (unit: number, range: number): string => String(Math.floor(milliseconds / unit) % range).padStart(2, '0')
  return `${part(3_600_000, 100)}:${part(60_000, 60)}:${part(1000, 60)},${String(milliseconds % 1000).padStart(3, '0')}`
}

/** Subtitles: each line is shown for two and a half seconds. */
export const encodeSrt = (lines: readonly string[]): Buffer =>
  Buffer.from(lines.map((line, n) => `${n + 1}\n${clock(n * 3)} --> ${clock(n * 3 + 2.5)}\n${line}\n`).join('\n'))
