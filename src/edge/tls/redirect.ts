/**
 * The plain port beside the encrypted one: sends browsers to https, and answers an authority that looks whether a name
 * is ours. Calls are refused and not sent on: their key has gone over the network in the clear.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault } from '../../fault/fault.ts'
import { parserFault, type RawRefusalParts, refuseRaw } from '../raw-refusal.ts'
import { faultHeaders } from '../fault-answer.ts'
import { errorBody } from '../../dialect/error-body.ts'
import { refusalFact } from '../../observe/observer.ts'
import { proofFor } from './secure-server.ts'
import type { Challenges } from './tls-material.ts'

/** Nobody stays. */
const headersMs = 5000
const connectionsMax = 1000
/** A name or an address, and a port; what else is in a Host is not repeated to anybody. */
const hostShape = /^([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?$/i

export interface RedirectParts extends RawRefusalParts {
  /** Of the encrypted listener. */
  readonly port: () => number
  readonly challenges: () => Challenges
}

export interface Redirect {
  readonly port: number
  /** No new connection; those that are open end behind their answer. */
  drain(): void
  destroy(): void
}

/** @throws the system's error (EADDRINUSE, EACCES …) when the address cannot be taken. */
export async function openRedirect(place: { host: string; port: number }, parts: RedirectParts): Promise<Redirect> {
  const server = createServer(
    { headersTimeout: headersMs, requestTimeout: headersMs, maxHeaderSize: 8192, requireHostHeader: false },
    (request, response) => answer(request, response, parts),
  )
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    refuseRaw(parserFault(error), socket as Parameters<typeof refuseRaw>[1], parts),
  )
  server.maxConnections = connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: place.host, port: place.port }, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    drain: () => void server.close(),
    destroy: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, parts: RedirectParts): void {
  response.shouldKeepAlive = false
  const { url = '/', method, headers } = request
  const isAsking = method === 'GET' || method === 'HEAD'
  const proof = isAsking ? proofFor(parts.challenges(), url) : null
  if (proof !== null) {
    response.writeHead(200, {
      'content-type': 'text/plain',
      'content-length': proof.length,
      'cache-control': 'no-store',
    })
    return void response.end(method === 'HEAD' ? undefined : proof)
  }
  const shownKey = headers.authorization !== undefined || headers['x-api-key'] !== undefined
  if (!isAsking || shownKey)
    return refuse(response, parts, new Fault('HF_BAD_HTTP', { detail: plainWords, status: 403 }))
  const host = hostShape.exec(headers.host ?? '')?.[1]
  if (host === undefined || !url.startsWith('/') || /[^!-~]/.test(url))
    return refuse(response, parts, new Fault('HF_BAD_HTTP', { detail: 'there is no Host to send you to' }))
  const port = parts.port()
  response.writeHead(308, { location: `https://${host}${port === 443 ? '' : `:${port}`}${url}`, 'content-length': 0 })
  response.end()
}

const plainWords = 'this port is not encrypted: call by https, and replace a key that was shown here'

function refuse(response: ServerResponse, { rays, observer, clock }: RedirectParts, fault: Fault): void {
  const ray = rays.next()
  const body = errorBody(fault, ray, 'openai')
  response.writeHead(fault.status, [
    ...['holdfast-ray', ray, 'x-request-id', ray, ...faultHeaders(fault)],
    ...['content-type', 'application/json', 'content-length', String(body.length), 'cache-control', 'no-store'],
  ])
  response.end(body)
  observer.settled(refusalFact(fault, ray, 'other', clock.nowMs(), 0))
}
