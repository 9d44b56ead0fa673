import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentOf } from '../make-asset.ts'
import { contentOfPieces, readMultipart } from './multipart.ts'

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1)
    yield bytes.subarray(at, at + size)
    at += size
  }
}

const options = { boundary: 'BB', maxFileBytes: 1000, tooLarge: () => new Error('too large') }
const read = (bytes: Buffer, sizes: readonly number[] = [7]) => readMultipart(inPieces(bytes, sizes), options)

const part = (header: string, body: Buffer | string): Buffer =>
  Buffer.concat([
    Buffer.from(`--BB\r\nContent-Disposition: form-data; ${header}\r\n\r\n`),
    Buffer.from(body),
    Buffer.from('\r\n'),
  ])

const END = Buffer.from('--BB--')

describe('a multipart body', () => {
  it('is read the same however it is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ unit: 'grapheme' }),
        async (sizes, bytes, text) => {
          const body = Buffer.concat([
            part('name="text"', text),
            part('name="file"; filename="a.bin"', Buffer.from(bytes)),
            END,
          ])
          const form = await read(body, sizes)
          expect(form.fields).toEqual([['text', text]])
          const [file] = form.files
          expect(file?.filename).toBe('a.bin')
          expect(file?.content.size).toBe(bytes.length)
          expect(file?.content.md5).toBe(contentOf(Buffer.from(bytes)).md5)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('may hold what looks like a boundary', async () => {
    const tricky = '\r\n--B\r\n--\r\nBB--BB\r\n'
    const form = await read(Buffer.concat([part('name="f"; filename="x"', tricky), END]), [3])
    expect(form.files[0]?.content.read(0, 99).toString()).toBe(tricky)
  })

  it('names files in every way that clients do', async () => {
    const names = [
      'filename="a b.png"',
      'filename=plain.png',
      'filename="say %22hi%22"',
      'filename="say \\"hi\\""',
      `filename="x"; filename*=UTF-8''%C3%A4.png`,
    ]
    const form = await read(Buffer.concat([...names.map((name) => part(`name="f"; ${name}`, 'x')), END]))
    expect(form.files.map((file) => file.filename)).toEqual(['a b.png', 'plain.png', 'say "hi"', 'say "hi"', 'ä.png'])
  })

  it('is read to its end before a file that is too large is refused', async () => {
    let taken = 0
    const body = Buffer.concat([part('name="f"; filename="x"', Buffer.alloc(2000)), part('name="g"', 'y'), END])
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const piece of inPieces(body, [100])) {
        taken += piece.length
        yield piece
      }
    }
    await expect(readMultipart(counted(), options)).rejects.toThrow('too large')
    expect(taken).toBe(body.length)
  })

  it('is refused when it is cut off', async () => {
    const body = Buffer.concat([part('name="f"; filename="x"', 'abc'), END])
    for (const length of [0, 3, 20, body.length - 20]) {
      await expect(read(body.subarray(0, length))).rejects.toThrow('Malformed multipart body')
    }
  })
})

it('bytes in pieces read like bytes in one', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), fc.nat(120), fc.nat(120), (pieces, start, length) => {
      const whole = Buffer.concat(pieces)
      const content = contentOfPieces(pieces.map((piece) => Buffer.from(piece)))
      expect(content.size).toBe(whole.length)
      expect(content.read(start, start + length).equals(whole.subarray(start, start + length + 1))).toBe(true)
    }),
  )
})
