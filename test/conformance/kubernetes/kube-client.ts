/** Asks an API server of Kubernetes without a library, for what tests do beside the driver. */
import { request as plain } from 'node:http'
import { request as safe } from 'node:https'

export interface KubeAnswer {
  readonly status: number
  readonly body: unknown
}

export interface KubeClient {
  readonly url: string
  ask(method: string, path: string, body?: object, type?: string): Promise<KubeAnswer>
}

export function openKubeClient(url: string, token: string): KubeClient {
  const isSafe = url.startsWith('https:')
  return {
    url,
    ask: (method, path, body, type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json') =>
      new Promise((resolve, reject) => {
        const text = body ? JSON.stringify(body) : ''
        const told = body ? { 'content-type': type, 'content-length': Buffer.byteLength(text) } : {}
        const headers = { authorization: `Bearer ${token}`, accept: 'application/json', ...told }
        const sent = (isSafe ? safe : plain)(
          `${url}${path}`,
          { method, headers, rejectUnauthorized: false },
          (answer) => {
            const pieces: Buffer[] = []
            answer.on('data', (piece: Buffer) => pieces.push(piece))
            answer.on('error', reject)
            answer.on('end', () => {
              resolve({ status: answer.statusCode ?? 0, body: read(Buffer.concat(pieces).toString()) })
            })
          },
        )
        sent.on('error', reject)
        sent.end(text)
      }),
  }
}

/** A watch answers with one object a line: the first of them. */
function read(text: string): unknown {
  if (text.startsWith('{"type":')) return JSON.parse(text.split('\n')[0] ?? '')
  return text.startsWith('{') ? JSON.parse(text) : text
}
