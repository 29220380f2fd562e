/**
 * What the HTTP parser refuses: there is no request to answer, so the answer is written by hand. Nothing is ever
 * written
 * between the pieces of another answer on the same connection.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorBody } from '../dialect/error-body.ts'
import { Fault } from '../fault/fault.ts'
import type { Ray, RaySource } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import { type Observer, refusalFact } from '../observe/observer.ts'
import { faultHeaders } from './fault-answer.ts'

export interface RawRefusalParts {
  readonly clock: Clock
  readonly rays: RaySource
  readonly observer: Pick<Observer, 'settled'>
}

/** The answers under way on each connection, in the order of their requests. */
export class LiveAnswers {
  #bySocket = new WeakMap<Socket, ServerResponse[]>()
  /** Connections whose last word has been said, as when a request was answered before it was read to its end. */
  #ended = new WeakSet<Socket>()

  /** False where the connection closes behind an earlier answer: what follows there is not looked at. */
  enter(response: ServerResponse): boolean {
    const { socket } = response.req
    let live = this.#bySocket.get(socket)
    if (!live) this.#bySocket.set(socket, (live = []))
    if (this.#ended.has(socket) || live.at(-1)?.shouldKeepAlive === false) return false
    live.push(response)
    response.once('close', () => {
      live.splice(live.indexOf(response), 1)
      if (!response.req.complete || !response.shouldKeepAlive) this.#ended.add(socket)
    })
    return true
  }

  isOn(socket: Socket): boolean {
    return (this.#bySocket.get(socket)?.length ?? 0) > 0
  }

  /**
   * What follows on this connection cannot be read. `refuse` runs when nothing stands before it; otherwise the answers
   * to earlier requests may finish, and the connection closes behind them.
   */
  breakOff(socket: Socket, refuse: () => void): void {
    const begun = (this.#bySocket.get(socket) ?? []).filter(({ req, headersSent }) => req.complete || headersSent)
    const last = begun.at(-1)
    if (!last && this.#ended.has(socket)) return socket.destroySoon()
    if (!last) return refuse()
    socket.pause()
    if (!last.headersSent) last.shouldKeepAlive = false
    last.once('close', () => socket.destroySoon())
  }
}

/** Null for what needs no answer: the visitor is gone. */
export function parserFault(error: NodeJS.ErrnoException): Fault | null {
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return null
  if (error.code === 'HPE_HEADER_OVERFLOW') return new Fault('HF_HEADERS_TOO_LARGE')
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Fault('HF_BODY_TIMEOUT')
  const reason = (error as { reason?: unknown }).reason
  return new Fault('HF_BAD_HTTP', { detail: typeof reason === 'string' ? reason : (error.code ?? 'malformed') })
}

/** Answers with the fault and closes; without a fault it only closes. */
export function refuseRaw(fault: Fault | null, socket: Socket, parts: RawRefusalParts, route = 'other'): void {
  const { rays, observer, clock } = parts
  if (!fault || !socket.writable) {
    socket.destroy()
    return
  }
  const ray = rays.next()
  const { headers, body } = refusalAnswer(fault, ray, clock.nowMs())
  socket.end(
    rawAnswer(fault.status, fault.kind.title.replace(/[^ -~]/g, ''), [...headers, 'connection', 'close'], body),
  )
  observer.settled(refusalFact(fault, ray, route, clock.nowMs(), 0))
}

/** What the sender of a request is told that nobody read. `headers`: names and values in turn. */
export function refusalAnswer(fault: Fault, ray: Ray, nowMs: number): { headers: string[]; body: Buffer } {
  const body = errorBody(fault, ray, 'openai')
  const headers = [
    ...['date', new Date(nowMs).toUTCString(), 'cache-control', 'no-store'],
    ...['holdfast-ray', ray, 'x-request-id', ray, 'request-id', ray, ...faultHeaders(fault)],
    ...(fault.param && fault.code === 'HF_METHOD_UNKNOWN' ? ['allow', fault.param] : []),
    ...['content-type', 'application/json', 'content-length', String(body.length)],
  ]
  return { headers, body }
}

/** An answer as it goes over HTTP/1.1. */
export function rawAnswer(status: number, reason: string, headers: readonly string[], body: Buffer): Buffer {
  let head = `HTTP/1.1 ${status} ${reason}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body])
}
