/**
 * Posts to webhooks. Their addresses come from callers, so each is looked at again once its name is resolved: a name
 * that is public today may lead into the house tomorrow. Redirects are not followed.
 */
import { lookup } from 'node:dns'
import { request as requestHttp } from 'node:http'
import { request as requestHttps, type RequestOptions } from 'node:https'
import { guardedLookup, isBarred } from '../../ground/guarded-lookup.ts'
import { isLoopbackAddress, isPublicAddress } from '../../ground/public-address.ts'

/** Of an answer, more than this is not read. */
const answerBytesMax = 65_536

export interface WebhookAnswer {
  readonly status: number
  readonly body: string
}

/**
 * Resolves with whatever was answered within `timeoutMs`. Rejects when nothing was, or when the address is not public;
 * with `http`, when it is not this machine's.
 */
export function postWebhook(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeoutMs: number,
): Promise<WebhookAnswer> {
  const target = new URL(url)
  const isPlain = target.protocol === 'http:'
  const isAllowed = isPlain ? isLoopbackAddress : isPublicAddress
  const { promise, resolve, reject } = Promise.withResolvers<WebhookAnswer>()
  const options: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    agent: false,
    lookup: guardedLookup(lookup, isAllowed),
    signal: AbortSignal.timeout(timeoutMs),
    maxHeaderSize: 16_384,
  }
  if (isBarred(target.hostname, isAllowed))
    return Promise.reject(new Error('the address of the webhook is not allowed'))
  const request = (isPlain ? requestHttp : requestHttps)(target, options, (response) => {
    const pieces: Buffer[] = []
    let bytes = 0
    response.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= answerBytesMax) pieces.push(piece)
      else response.destroy(new Error('the answer of the webhook is too long'))
    })
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString() }))
    response.on('error', reject)
  })
  request.on('error', reject)
  request.end(body)
  return promise
}
