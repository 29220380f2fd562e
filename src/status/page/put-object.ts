/** Puts one object into an S3-compatible bucket: one request, within its time. Redirects are not followed. */
import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { BucketOptions } from './page-options.ts'
import { objectPath, signV4 } from './sign-v4.ts'

/** Of an answer, more is not read. */
const answerBytesMax = 4096
const agents = {
  http: new HttpAgent({ keepAlive: true, maxSockets: 4 }),
  https: new HttpsAgent({ keepAlive: true, maxSockets: 4 }),
}

/** `isLasting`: asking again would be answered the same. */
export class PutError extends Error {
  readonly isLasting: boolean

  constructor(message: string, isLasting: boolean) {
    super(message)
    this.name = 'PutError'
    this.isLasting = isLasting
  }
}

export interface ToPut {
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** With the secrets themselves. */
export type Bucket = Omit<BucketOptions, 'periodMs'>

/** Where the object is. */
export function objectUrl({ endpoint, name, prefix, style }: Bucket, key: string): URL {
  const url = new URL(endpoint)
  const before = url.pathname.replace(/\/+$/, '')
  if (style === 'host') url.host = `${name}.${url.host}`
  url.pathname = `${before}${style === 'path' ? `/${name}` : ''}/${objectPath(prefix + key)}`
  return url
}

/** Resolves when it was taken. @throws {PutError} */
export async function putObject(bucket: Bucket, { key, headers, body }: ToPut, nowMs: number): Promise<void> {
  const url = objectUrl(bucket, key)
  const signed = signV4({ method: 'PUT', url, headers, body }, bucket, nowMs)
  const isPlain = url.protocol === 'http:'
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const request = (isPlain ? requestHttp : requestHttps)(url, {
    method: 'PUT',
    agent: isPlain ? agents.http : agents.https,
    headers: { ...signed, 'content-length': body.length },
    signal: AbortSignal.timeout(bucket.timeoutMs),
  })
  request.on('response', (response) => {
    const { statusCode: status = 0 } = response
    let said = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => (said = (said + text).slice(0, answerBytesMax)))
    response.on('error', (error) => reject(new PutError(error.message, false)))
    response.on('end', () => {
      if (status >= 200 && status < 300) resolve()
      // The store says which code of its own it means; the rest may repeat what is secret.
      else
        reject(new PutError(`status ${status} ${/<Code>(\w{1,60})</.exec(said)?.[1] ?? ''}`.trim(), isLasting(status)))
    })
  })
  request.on('error', (error: NodeJS.ErrnoException) => reject(new PutError(error.code ?? error.name, false)))
  // Node counts an answer with 101 as none, and as no error either.
  request.on('upgrade', ({ statusCode }, socket) => {
    socket.destroy()
    reject(new PutError(`status ${statusCode}`, false))
  })
  request.end(body)
  return promise
}

const isLasting = (status: number): boolean => status >= 300 && status < 500 && status !== 408 && status !== 429
