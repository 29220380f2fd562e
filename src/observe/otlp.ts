/**
 * Sends to a receiver of telemetry over HTTP: the only socket of this room. Ours and not OpenTelemetry's libraries:
 * those are 28 packages and 55 MB for what is one POST of JSON.
 */
import { Agent as PlainAgent, request as requestHttp } from 'node:http'
import { Agent as SecureAgent, request as requestHttps } from 'node:https'
import type { OtlpAnswer, OtlpPost } from './otlp/otlp-queue.ts'

/** More of an answer is not read. */
const answerBytesMax = 16 * 1024

/** Posts to this URL over one kept connection. */
export function openOtlpPost(url: string, headers: Readonly<Record<string, string>>): OtlpPost {
  const target = new URL(url)
  const isPlain = target.protocol === 'http:'
  const options = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 }
  const agent = isPlain ? new PlainAgent(options) : new SecureAgent(options)
  return (body, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<OtlpAnswer>()
    const own = {
      'content-type': 'application/json',
      'user-agent': 'holdfast',
      'content-length': String(body.length),
    }
    const sent = { method: 'POST', headers: { ...headers, ...own }, agent, signal, maxHeaderSize: 16_384 }
    const request = (isPlain ? requestHttp : requestHttps)(target, sent, (response) => {
      const pieces: Buffer[] = []
      let bytes = 0
      response.on('data', (piece: Buffer) => {
        bytes += piece.length
        if (bytes <= answerBytesMax) pieces.push(piece)
        else response.destroy(new Error('the answer of the receiver is too long'))
      })
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode = 0, headers: told } = response
        const seconds = Number(told['retry-after'] ?? Number.NaN)
        const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null
        resolve({ status: statusCode, retryAfterMs, body: Buffer.concat(pieces).toString() })
      })
    })
    request.on('error', reject)
    // A receiver that hangs keeps no process from ending.
    request.on('socket', (socket) => socket.unref())
    request.end(body)
    return promise
  }
}
