/** How the operators' port says no: with a ray, a code and advice, as everywhere; and it is taken down. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Fault } from '../fault/fault.ts'
import { refusalFact } from '../observe/observer.ts'
import { faultHeaders } from './fault-answer.ts'
import { parserFault, type RawRefusalParts, refuseRaw } from './raw-refusal.ts'
import type { Socket } from 'node:net'

const route = 'admin'

export class AdminRefusals {
  readonly #parts: RawRefusalParts

  constructor(parts: RawRefusalParts) {
    this.#parts = parts
  }

  /** `headers`: further ones, names and values in turn. */
  refuse(response: ServerResponse, fault: Fault, headers: readonly string[] = []): void {
    if (response.destroyed || response.headersSent) return void response.destroy()
    const { rays, clock, observer } = this.#parts
    const ray = rays.next()
    const { code, kind, detail } = fault
    const body = JSON.stringify({ error: detail || kind.sentence, ray, cause: code, retryable: kind.shouldCallerRetry })
    response.writeHead(fault.status, [
      ...['holdfast-ray', ray, 'request-id', ray, ...faultHeaders(fault)],
      ...['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body))],
      ...['cache-control', 'no-store', ...headers],
    ])
    response.end(response.req.method === 'HEAD' ? undefined : body)
    observer.settled(refusalFact(fault, ray, route, clock.nowMs(), 0))
  }

  /** What the HTTP parser could not read. */
  refuseUnread(error: NodeJS.ErrnoException, socket: Duplex): void {
    refuseRaw(parserFault(error), socket as Socket, this.#parts, route)
  }

  /** A tunnel was asked for. */
  refuseTunnel(_request: IncomingMessage, socket: Duplex): void {
    refuseRaw(new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD' }), socket as Socket, this.#parts, route)
  }
}
