/**
 * Whose request it is behind proxies that we trust: `Forwarded` (RFC 7239), else `x-forwarded-for`. Read from the
 * right, for only what a trusted proxy has added is known: the first address that is not one of theirs is the visitor.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { type AddressList, plainAddress } from './address-list.ts'

/** Proxies in a row; nobody has more. */
const hopsMax = 32
const headerLengthMax = 8192

/** `peer`: the address of the connection, or what the PROXY protocol says of it. */
export function visitorAddress(peer: string, headers: IncomingHttpHeaders, trusted: AddressList): string {
  let address = plainAddress(peer)
  if (!trusted.has(address)) return address
  for (const hop of hopsOf(headers).slice(-hopsMax).toReversed()) {
    // What a proxy does not know, or hides, ends what we can know.
    if (hop === null) return address
    address = hop
    if (!trusted.has(address)) return address
  }
  return address
}

/** In the order of the way; null for a hop without a plain address. */
function hopsOf(headers: IncomingHttpHeaders): (string | null)[] {
  const { forwarded } = headers
  if (forwarded !== undefined) return forwarded.length > headerLengthMax ? [] : readForwarded(forwarded)
  const old = headers['x-forwarded-for']
  const text = typeof old === 'string' ? old : (old?.join(',') ?? '')
  return text === '' || text.length > headerLengthMax ? [] : text.split(',').map((each) => readNode(each.trim()))
}

/** The `for` of each element; commas and semicolons in quotes are text. */
export function readForwarded(header: string): (string | null)[] {
  return splitOutsideQuotes(header, ',').map((element) => {
    for (const pair of splitOutsideQuotes(element, ';')) {
      const [name = '', ...rest] = pair.split('=')
      if (name.trim().toLowerCase() === 'for') return readNode(unquote(rest.join('=').trim()))
    }
    return null
  })
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = []
  let isQuoted = false
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (isQuoted && text[i] === '\\') i++
    else if (text[i] === '"') isQuoted = !isQuoted
    else if (!isQuoted && text[i] === separator) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1
    ? text.slice(1, -1).replace(/\\(.)/g, '$1')
    : text
}

/**
 * The one address in such a header that a proxy of ours has written: the last. Null where the header is not there, is
 * too long, or its end is no plain address.
 */
export function lastHop(headers: IncomingHttpHeaders, name: string): string | null {
  const text = [headers[name] ?? ''].flat().join(',')
  if (text === '' || text.length > headerLengthMax) return null
  return (
    (name === 'forwarded' ? readForwarded(text) : [readNode(text.slice(text.lastIndexOf(',') + 1).trim())]).at(-1) ??
    null
  )
}

/** `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`, `2001:db8::1`; else null. */
function readNode(text: string): string | null {
  const inBrackets = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1]
  if (inBrackets !== undefined) return isIP(inBrackets) === 6 ? plainAddress(inBrackets) : null
  const withPort = /^([\d.]+)(?::\d+)?$/.exec(text)?.[1]
  const address = withPort ?? text
  return isIP(address) === 0 ? null : plainAddress(address)
}
