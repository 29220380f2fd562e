/** What an application is told of a request: the caller's own fields, and who stands between. Pure. */
import { splitList } from '../../cache/field-list.ts'
import { type HeaderList, hopByHop, linesOf, valueOf, without } from '../../cache/header-list.ts'
import { capability } from '../../cache/targeted.ts'
import { withoutPass } from '../challenge/read-cookie.ts'
import type { Peer } from '../address/visitors.ts'

export interface Between {
  /** Our name in `via`. */
  readonly node: string
  /** What the answer bears as `x-request-id`. */
  readonly requestId: string
  readonly httpVersion: string
  /** It has a body whose length nobody told. */
  readonly isChunked: boolean
}

/** They say who the caller is and what it asked for; from just anybody they are not believed. */
const dropped: ReadonlySet<string> = new Set([
  ...['forwarded', 'x-real-ip', 'expect', 'x-request-id', 'host', 'surrogate-capability'],
  // Some applications answer for these and not for the address: the wrong answer would be kept.
  ...['x-rewrite-url', 'x-host', 'x-url-scheme', 'front-end-https'],
])
const isDropped = (name: string): boolean => dropped.has(name) || /^x-(?:forwarded|original)-/.test(name)
/** Some applications take a GET for what one of these says. */
const overrides = ['x-http-method-override', 'x-http-method', 'x-method-override']
const conditions: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since', 'if-range', 'range'])

/** As they came, without those of HTTP/2 that are no fields. */
export function fieldsOf(rawHeaders: HeaderList): string[] {
  const fields: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (!rawHeaders[i]?.startsWith(':')) fields.push(rawHeaders[i] as string, rawHeaders[i + 1] as string)
  return fields
}

/**
 * What goes on to an application of them, and so all that its answer can go by: not what ends with this connection, nor
 * what the gateway says itself. Behind CGI and its kin `x_real_ip` is the same name as `x-real-ip`.
 */
export function passedFields(fields: HeaderList): string[] {
  const ending = hopByHop(fields)
  const isOurs = (name: string): boolean => ending.has(name) || isDropped(name)
  const isTwin = (name: string): boolean => name.includes('_') && isSpelled(name.replaceAll('_', '-'))
  const isSpelled = (name: string): boolean => isOurs(name) || name === 'content-length'
  return withoutPass(without(fields, { has: (name) => isOurs(name) || isTwin(name) }))
}

/** Whether it may be taken for a request of another method than it is. */
export function overridesMethod(fields: HeaderList): boolean {
  return overrides.some((name) => valueOf(fields, name) !== null)
}

/** Who is asked, as the caller sees it: what is kept stands under it, so an application may go by it. */
export interface Front {
  readonly host: string
  readonly proto: 'http' | 'https'
  /** Addresses of the caller and of the proxies before us, in order. */
  readonly chain: readonly string[]
}

const hostPattern = /^[\w.:[\]-]{1,260}$/
const chainMax = 16

/** What a trusted proxy says (`access.trustedProxies`) is passed on; others who say such things are not believed. */
export function frontOf(
  fields: HeaderList,
  host: string,
  { peer, isTls }: { readonly peer: Peer; readonly isTls: boolean },
): Front {
  const told = (name: string): string => (peer.isTrusted ? (linesOf(fields, name)[0] ?? '') : '')
  const [named, proto] = [told('x-forwarded-host'), told('x-forwarded-proto')]
  const before = peer.isTrusted ? splitList(linesOf(fields, 'x-forwarded-for'), chainMax) : []
  return {
    host: hostPattern.test(named) ? named : host,
    proto: proto === 'https' || proto === 'http' ? proto : isTls ? 'https' : 'http',
    chain: [...before, peer.address],
  }
}

/** Fields for the application. `fields`: as `passedFields` gives them. `host`: as the caller named it. */
export function requestFields(fields: HeaderList, host: string, front: Front, between: Between): string[] {
  const kept = without(fields, { has: (name) => name === 'via' })
  const { node, requestId, httpVersion, isChunked } = between
  const via = [...linesOf(fields, 'via'), `${httpVersion} ${node}`].join(', ')
  const nodes = front.chain.map((each) => `for=${forwardedNode(each)}`)
  const last = nodes.pop() ?? ''
  return [
    ...['host', host, ...kept, 'via', via, 'x-request-id', requestId],
    ...['x-forwarded-for', front.chain.join(', '), 'x-forwarded-host', front.host, 'x-forwarded-proto', front.proto],
    ...['forwarded', [...nodes, `${last};host="${front.host}";proto=${front.proto}`].join(', ')],
    ...['surrogate-capability', `${capability}="Surrogate/1.0"`],
    ...(isChunked ? ['transfer-encoding', 'chunked'] : []),
  ]
}

/** The same request, asking whether what is kept is still good. */
export function validating(fields: readonly string[], kept: HeaderList): string[] {
  const plain = without(fields, conditions)
  const etag = valueOf(kept, 'etag')
  const changed = valueOf(kept, 'last-modified')
  if (etag !== null) plain.push('if-none-match', etag)
  if (changed !== null) plain.push('if-modified-since', changed)
  return plain
}

/** RFC 7239 section 6; what is no address is not repeated. */
function forwardedNode(address: string): string {
  if (/^[\d.]+$/.test(address)) return address
  return /^[\da-f:.]+$/i.test(address) ? `"[${address}]"` : 'unknown'
}
