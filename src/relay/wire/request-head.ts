/** Writes the head of a request, and refuses what could make two requests out of one. */
import { Fault } from '../../fault/fault.ts'
import { forbiddenPattern, tokenPattern } from './http-grammar.ts'
import type { WireRequest } from './wire.ts'

const pathPattern = /^\/[\x21-\x7e]*$/
/** Headers that say how bytes are framed, or who is spoken to: the wire writes them, or there is no use for them. */
const ownNames = new Set([
  'host',
  'content-length',
  'connection',
  'transfer-encoding',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'proxy-connection',
])

/** Up to this size the body is copied behind its head, so that both leave in one write without gathering. */
const joinedBytesMax = 16 * 1024

/**
 * The bytes of a request, in order: one buffer when the body is small, else the head and the body's own buffers.
 * @param host what the `host` header says
 * @throws {Fault} HF_CONFIG when a header's value holds a forbidden character (it is never shown: it may be a secret);
 *   HF_INTERNAL when path or header names are wrong, which is a mistake of the gateway
 */
export function requestBytes(request: WireRequest, host: string): readonly Buffer[] {
  const { method, path, headers, body } = request
  if (!pathPattern.test(path)) throw new Fault('HF_INTERNAL', { detail: 'a request path with a forbidden character' })
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`
  for (const name in headers) head += headerLine(name, headers[name] ?? '')
  let bodyBytes = 0
  for (const part of body) bodyBytes += part.length
  head += method === 'POST' || bodyBytes > 0 ? `content-length: ${bodyBytes}\r\n\r\n` : '\r\n'
  if (bodyBytes > joinedBytesMax) return [Buffer.from(head, 'latin1'), ...body]
  const joined = Buffer.allocUnsafe(head.length + bodyBytes)
  let at = joined.write(head, 'latin1')
  for (const part of body) at += part.copy(joined, at)
  return [joined]
}

/** Names that were looked at before; there are few. */
const goodNames = new Set<string>()
const goodNamesMax = 256

function checkName(name: string): void {
  if (!tokenPattern.test(name) || name !== name.toLowerCase())
    throw new Fault('HF_INTERNAL', { detail: 'a request header with an improper name' })
  if (ownNames.has(name)) throw new Fault('HF_INTERNAL', { detail: `request header ${name} belongs to the wire` })
  if (goodNames.size < goodNamesMax) goodNames.add(name)
}

function headerLine(name: string, value: string): string {
  if (!goodNames.has(name)) checkName(name)
  if (forbiddenPattern.test(value)) {
    throw new Fault('HF_CONFIG', { detail: `request header ${name} holds a character that HTTP forbids` })
  }
  return `${name}: ${value}\r\n`
}
