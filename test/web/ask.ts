/** Asks over node:http, with nothing added and nothing decoded: what tests of pages and applications look at. */
import { request } from 'node:http'

export interface Asked {
  readonly status: number
  /** Of repeated fields the values joined, but `set-cookie`. */
  readonly headers: Readonly<Record<string, string>>
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly text: string
  /** Statuses of answers before the answer. */
  readonly early: readonly number[]
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** Rejects where the answer breaks off. */
export function ask(port: number, path: string, options: AskOptions = {}): Promise<Asked> {
  const { method = 'GET', headers = {}, body } = options
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  return new Promise((resolve, reject) => {
    const early: number[] = []
    const asking = request(
      { port, host: '127.0.0.1', path, method, headers: { host: 'site.test', ...headers, ...length }, agent: false },
      (answer) => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('error', reject)
        answer.on('end', () => {
          const whole = Buffer.concat(pieces)
          resolve({
            ...{ status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string> },
            ...{ rawHeaders: answer.rawHeaders, body: whole, text: whole.toString(), early },
          })
        })
      },
    )
    asking.on('information', ({ statusCode }) => early.push(statusCode))
    asking.on('error', reject)
    asking.end(body)
  })
}
