import { crc32, deflateSync } from 'node:zlib'
import type { Canvas } from './canvas.ts'

const chunk = (name: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), out.length - 4)
  return out
}

/** Rows as the difference to the row above: flat areas and upright gradients become runs of one byte. */
const filterRows = ({ width, height, pixels }: Canvas): Buffer => {
  const stride = width * 3
  const out = Buffer.alloc((stride + 1) * height)
  for (let y = 0; y < height; y++) {
    const from = y * stride
    const to = y * (stride + 1)
    out[to] = 2
    if (y === 0) out.set(pixels.subarray(0, stride), 1)
    else for (let n = 0; n < stride; n++) out[to + 1 + n] = (pixels[from + n] ?? 0) - (pixels[from - stride + n] ?? 0)
  }
  return out
}

export const encodePng = (canvas: Canvas): Buffer => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(canvas.width, 0)
  header.writeUInt32BE(canvas.height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(filterRows(canvas), { level: 3 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
