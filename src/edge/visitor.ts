/**
 * A request and its answer as far as a call needs them: node:http's own, plain ones (see `plain/`), or streams of
 * HTTP/2 (see `http2/`).
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { PlainRequest } from './plain/plain-request.ts'

export type Asking = IncomingMessage | PlainRequest

/** A part of node's ServerResponse. */
export interface Answering {
  readonly socket: Socket | null
  readonly headersSent: boolean
  readonly destroyed: boolean
  readonly chunkedEncoding: boolean
  readonly writableCorked: number
  shouldKeepAlive: boolean
  /** Of a stream of HTTP/2 that is closed: it was reset, or its connection broke. */
  readonly wasCut?: boolean
  on(event: 'close' | 'drain', run: () => void): unknown
  /** `headers`: names and values in turn. */
  writeHead(status: number, headers: string[]): unknown
  write(bytes: Buffer): boolean
  end(bytes?: Buffer): unknown
  destroy(): unknown
}

/** Whether it came to us by TLS. */
export function isSecure({ socket }: Asking): boolean {
  return 'encrypted' in socket && socket.encrypted === true
}
