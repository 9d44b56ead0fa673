import { AppError } from '../../model/errors.ts'

/** Names and values as the Upload API takes them: an array is sent under `name[]`, absent values are left out. */
export type UploadParams = Readonly<Record<string, string | readonly string[] | undefined>>

export interface FormFile {
  readonly size: number
  open(): Promise<AsyncIterable<Uint8Array>>
}

export interface Form {
  readonly contentType: string
  readonly length: number
  /** True from the moment at which the other side may have all of it. */
  readonly handedOver: boolean
  /** Reads the file once. Throws UPLOAD_MISMATCH when the file is not as long as it says, and what its reading throws. */
  body(): AsyncGenerator<Uint8Array, void, void>
}

/** Half a surrogate pair, which UTF-8 cannot carry, becomes U+FFFD. */
export const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\ufffd')

const field = (boundary: string, name: string, value: string): Buffer =>
  Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${wellFormed(value)}\r\n`, 'utf8')

const fieldsOf = (params: UploadParams, boundary: string): Buffer[] =>
  Object.entries(params).flatMap(([name, value]) => {
    if (value === undefined) return []
    if (typeof value === 'string') return [field(boundary, name, value)]
    return value.map((item) => field(boundary, `${name}[]`, item))
  })

const wrongLength = (what: string): AppError =>
  new AppError('UPLOAD_MISMATCH', `${what}: the bytes are not as many as were announced; nothing was stored`)

/** The fields, then the file. Its length is known beforehand, so nothing has to be held in memory. */
export const formOf = (
  parts: { readonly params: UploadParams; readonly file: FormFile | null; readonly boundary: string },
  what: string,
): Form => {
  const { params, file, boundary } = parts
  const head = fieldsOf(params, boundary)
  const disposition = 'Content-Disposition: form-data; name="file"; filename="file"'
  const fileHead = `--${boundary}\r\n${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`
  if (file !== null) head.push(Buffer.from(fileHead, 'utf8'))
  const before = Buffer.concat(head)
  const after = Buffer.from(`${file === null ? '' : '\r\n'}--${boundary}--\r\n`, 'utf8')
  let handedOver = false
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    length: before.length + (file?.size ?? 0) + after.length,
    get handedOver() {
      return handedOver
    },
    async *body() {
      yield before
      if (file !== null) {
        let sent = 0
        for await (const chunk of await file.open()) {
          sent += chunk.byteLength
          if (sent > file.size) throw wrongLength(what)
          yield chunk
        }
        if (sent !== file.size) throw wrongLength(what)
      }
      handedOver = true
      yield after
    },
  }
}
