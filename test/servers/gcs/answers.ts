/** What a handler throws to answer with an error in the form of Google's page "HTTP status and error codes for JSON". */
export class Refusal extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

export const refuse = (status: number, reason: string, message: string): never => {
  throw new Refusal(status, reason, message)
}

export const errorJson = ({ status, reason, message }: Refusal): string =>
  JSON.stringify({ error: { code: status, message, errors: [{ message, domain: 'global', reason }] } })

export interface Reply {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
}

export const json = (value: unknown, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'application/json; charset=UTF-8' },
  body: JSON.stringify(value),
})
