/** Who asks for a WebSocket: by HTTP/1.1 (RFC 6455), where the connection becomes one, or as a stream of HTTP/2. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Gate } from '../address/proxy-gate.ts'
import { rawAnswer } from '../raw-refusal.ts'
import { acceptOf } from './handshake.ts'

export interface Asker {
  readonly request: IncomingMessage
  /** What becomes the WebSocket. */
  readonly socket: Duplex
  /** What has been said already. */
  readonly first: Buffer
  /** Of the listener that it came by, where that has one. */
  readonly gate: Gate | null
  /** Joins it. `headers`: names and values in turn. */
  accept(headers: readonly string[]): void
  /** Answers it like any request, and lets it go. */
  answer(status: number, headers: readonly string[], body: Buffer): void
}

/** One whose whole connection changes. */
export function askerOn(request: IncomingMessage, socket: Duplex, first: Buffer, gate: Gate | null): Asker {
  const key = request.headers['sec-websocket-key'] ?? ''
  const changed = ['upgrade', 'websocket', 'connection', 'Upgrade', 'sec-websocket-accept', acceptOf(key)]
  return {
    ...{ request, socket, first, gate },
    accept: (headers) => {
      socket.write(rawAnswer(101, 'Switching Protocols', [...changed, ...headers], Buffer.alloc(0)))
    },
    answer: (status, headers, body) => {
      if (!socket.writable) return void socket.destroy()
      socket.end(rawAnswer(status, 'Refused', [...headers, 'connection', 'close'], body))
    },
  }
}
