/** How a WebSocket begins (RFC 6455, section 4; over HTTP/2, RFC 8441): what is asked, and what must be answered. */
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Fault } from '../../fault/fault.ts'
import type { Random } from '../../ground/random.ts'
import type { Tunnel } from '../../relay/wire/tunnel.ts'

/** RFC 6455, section 1.3. */
const webSocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** 16 bytes. */
const keyPattern = /^[A-Za-z0-9+/]{22}==$/
const keyWords = 4

/** Whether a request asks for one. */
export function asksForWebSocket({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  if (method === 'CONNECT') return headers[':protocol'] === 'websocket'
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

/** One with a body could be read in two ways. @throws {Fault} HF_BAD_HTTP */
export function checkForm({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): void {
  const hasBody = (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined
  const hasKey = method === 'CONNECT' || keyPattern.test(headers['sec-websocket-key'] ?? '')
  if (hasBody || !hasKey || headers['sec-websocket-version'] !== '13')
    throw new Fault('HF_BAD_HTTP', { detail: 'not as a WebSocket of version 13 begins' })
}

export function newKey(random: Random): string {
  const bytes = Buffer.alloc(keyWords * 4)
  for (let i = 0; i < keyWords; i++) bytes.writeUInt32LE(random.bits(32), i * 4)
  return bytes.toString('base64')
}

export const acceptOf = (key: string): string => hash('sha1', `${key}${webSocketGuid}`, 'base64')

/**
 * A server that changes to something else than was asked for is let go. `mayExtend`: extensions were offered.
 * @throws {Fault} HF_UPSTREAM_GARBLED
 */
export function checkAnswer({ headers, socket }: Tunnel, key: string, mayExtend: boolean): void {
  const isRight = headers['sec-websocket-accept'] === acceptOf(key) && headers['upgrade']?.toLowerCase() === 'websocket'
  const isExtended = headers['sec-websocket-extensions'] !== undefined
  if (isRight && (mayExtend || !isExtended)) return
  socket.destroy()
  const detail = isRight ? 'it uses extensions that nobody offered' : 'it changed to another protocol than WebSocket'
  throw new Fault('HF_UPSTREAM_GARBLED', { detail })
}
