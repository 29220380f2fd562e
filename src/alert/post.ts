/**
 * Posts a message. The address is the operator's own, so it may lie anywhere, or a stranger's, who may not send us
 * into the house. The whole of it, from the name to the last byte of the answer, has to be done in time, and redirects
 * are not followed: what is posted is signed, or secret.
 */
import { lookup } from 'node:dns'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { guardedLookup, isBarred } from '../ground/guarded-lookup.ts'
import { DeliveryError } from './delivery-error.ts'
import type { Post } from './letter.ts'
import { oneLine } from './letter.ts'

/** Of an answer, more than this is not read. */
const answerBytesMax = 4096

export interface PostLimits {
  readonly timeoutMs: number
  /** Gives up before the time is over. */
  readonly signal?: AbortSignal | undefined
  /** Which addresses may be connected to; any where it is left out. */
  readonly isAllowed?: ((address: string) => boolean) | undefined
}

/** Resolves with the beginning of the answer when it was taken (2xx). @throws {DeliveryError} */
export function post({ url, headers, body }: Post, { timeoutMs, signal, isAllowed }: PostLimits): Promise<string> {
  // The address itself may be the secret: nothing of it is told but the host.
  if (!URL.canParse(url) || !/^https?:/i.test(url))
    return Promise.reject(new DeliveryError('its address is no URL of http or https'))
  const target = new URL(url)
  if (isAllowed && isBarred(target.hostname, isAllowed))
    return Promise.reject(new DeliveryError('its address is not on the public Internet', { isFinal: true }))
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const send = target.protocol === 'http:' ? requestHttp : requestHttps
  const request = send(target, {
    method: 'POST',
    headers: { ...headers, 'content-length': Buffer.byteLength(body), 'user-agent': 'holdfast' },
    agent: false,
    ...(isAllowed && { lookup: guardedLookup(lookup, isAllowed) }),
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
    maxHeaderSize: 16_384,
  })
  request.on('response', (response) => {
    const { statusCode: status = 0 } = response
    let said = ''
    const judge = (): void => {
      response.destroy()
      if (status >= 200 && status < 300) resolve(said)
      else reject(refusal(status, said, response.headers['retry-after']))
    }
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      said += text
      if (said.length > answerBytesMax) judge()
    })
    response.on('end', judge)
    response.on('error', (error) => reject(new DeliveryError(wordsOf(error, target, timeoutMs))))
  })
  request.on('error', (error) => reject(new DeliveryError(wordsOf(error, target, timeoutMs))))
  // Node counts an answer with 101 as none, and as no error either.
  request.on('upgrade', (response, socket) => {
    socket.destroy()
    reject(refusal(response.statusCode ?? 0, '', undefined))
  })
  request.end(body)
  return promise
}

function refusal(status: number, said: string, retryAfter: string | undefined): DeliveryError {
  if (status >= 300 && status < 400)
    return new DeliveryError(`it answered ${status}, a redirect, which is not followed: configure where it leads`)
  const seconds = Number(retryAfter ?? Number.NaN)
  const words = said.trim() === '' ? '' : `: ${oneLine(said).slice(0, 200)}`
  return new DeliveryError(`it answered ${status}${words}`, {
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null,
    // Gone: it says that it will not come back.
    isFinal: status === 410,
  })
}

function wordsOf(error: Error, { host }: URL, timeoutMs: number): string {
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return `${host} took longer than ${timeoutMs} ms`
  const { code } = error as NodeJS.ErrnoException
  return `${host}: ${code ?? oneLine(error.message)}`
}
