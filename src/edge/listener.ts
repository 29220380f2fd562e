/** A listening socket for visitors, over node:http, with every limit set on purpose, and its polite end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net'
import { Fault } from '../fault/fault.ts'
import type { RaySource } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import { z } from '../ground/schema.ts'
import type { Log } from '../observe/log.ts'
import { faultHeaders } from './fault-answer.ts'
import type { Limits } from './limits.ts'

export const listenerSchema = z
  .strictObject({
    host: z.string().default('127.0.0.1').meta({ description: 'Address to listen on; `0.0.0.0` or `::` for all.' }),
    port: z.int().min(0).max(65_535).meta({ description: 'Port to listen on; 0 lets the system choose.' }),
  })
  .meta({ description: 'Where to listen.' })

export type ListenerOptions = z.output<typeof listenerSchema>

/**
 * Idle keep-alive connections are closed this long after the drain began: time for a client to take its next request
 * elsewhere.
 */
const idleGraceMs = 1500

export interface Listener {
  /** `http://host:port`. */
  readonly url: string
  readonly port: number
  /**
   * Stops accepting, tells clients to leave after their answer, closes idle connections after a grace. Resolves when
   * all are gone.
   */
  drain(): Promise<void>
  /** Stops listening and closes every connection now. */
  destroy(): void
}

export interface ListenerParts {
  readonly clock: Clock
  readonly rays: RaySource
  readonly limits: Limits
  readonly log: Log
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
}

/** @throws the system's error (EADDRINUSE, EACCES …) when the address cannot be taken. */
export async function openListener(options: ListenerOptions, parts: ListenerParts): Promise<Listener> {
  const { limits, clock } = parts
  let isDraining = false
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: 1000,
      requireHostHeader: true,
      noDelay: true,
    },
    (request, response) => {
      // Set before the handler writes its head: the client then does not reuse the connection.
      if (isDraining) response.shouldKeepAlive = false
      parts.handle(request, response)
    },
  )
  server.maxConnections = limits.connectionsMax
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => answerBroken(error, socket, parts))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.host, port: options.port }, resolve)
  })
  server.on('error', (error) => parts.log.error({ detail: error.message }, 'listener failed'))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    drain: () => {
      isDraining = true
      return drain(server, clock)
    },
    destroy: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** http's own close() cuts idle keep-alive connections at once, and with them requests that are already on the wire. */
function drain(server: Server, clock: Clock): Promise<void> {
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()))
  const timer = clock.every(idleGraceMs, () => server.closeIdleConnections())
  return closed.then(() => timer.cancel())
}

/** What the parser refused: no request exists yet, so the answer is written by hand. */
function answerBroken(error: NodeJS.ErrnoException, socket: Socket, { rays, log, clock }: ListenerParts): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const fault = brokenFault(error)
  const ray = rays.next()
  const body = JSON.stringify({
    error: {
      message: fault.message,
      type: fault.kind.openai[0],
      code: fault.kind.openai[1],
      param: null,
      ray,
      cause: fault.code,
    },
  })
  const headers = [
    'holdfast-ray',
    ray,
    'x-request-id',
    ray,
    ...faultHeaders(fault),
    'content-type',
    'application/json',
    'connection',
    'close',
  ]
  let head = `HTTP/1.1 ${fault.status} ${fault.kind.title.replace(/[^ -~]/g, '')}\r\ndate: ${new Date(clock.nowMs()).toUTCString()}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  log.debug({ ray, code: fault.code, detail: fault.detail }, 'request refused by the parser')
}

function brokenFault(error: NodeJS.ErrnoException): Fault {
  if (error.code === 'HPE_HEADER_OVERFLOW') return new Fault('HF_HEADERS_TOO_LARGE')
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Fault('HF_BODY_TIMEOUT')
  const reason = (error as { reason?: unknown }).reason
  return new Fault('HF_BAD_HTTP', { detail: typeof reason === 'string' ? reason : (error.code ?? 'malformed') })
}
