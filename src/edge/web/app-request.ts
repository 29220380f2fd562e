/** What an application is told of a request: the caller's own fields, and who stands between. Pure. */
import { type HeaderList, hopByHop, linesOf, valueOf, without } from '../../cache/header-list.ts'
import { capability } from '../../cache/targeted.ts'
import { isPublicAddress } from '../../ground/public-address.ts'

export interface Between {
  /** Of whoever is at the other end of the connection. */
  readonly address: string
  readonly isTls: boolean
  /** Our name in `via`. */
  readonly node: string
  /** What the answer bears as `x-request-id`. */
  readonly requestId: string
  readonly httpVersion: string
}

/** They say who the caller is; from just anybody they are not believed. */
const forwardedNames = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'] as const
const dropped: ReadonlySet<string> = new Set([
  ...forwardedNames,
  ...['x-forwarded-port', 'x-forwarded-server', 'x-real-ip', 'expect', 'x-request-id', 'host', 'surrogate-capability'],
])
const conditions: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since', 'if-range', 'range'])

/** As they came, without those of HTTP/2 that are no fields. */
export function fieldsOf(rawHeaders: HeaderList): string[] {
  const fields: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (!rawHeaders[i]?.startsWith(':')) fields.push(rawHeaders[i] as string, rawHeaders[i + 1] as string)
  return fields
}

/** Fields for the application. `host`: as the caller named it. */
export function requestFields(fields: HeaderList, host: string, between: Between): string[] {
  const ending = hopByHop(fields)
  const kept = without(fields, { has: (name) => ending.has(name) || dropped.has(name) })
  // A proxy of ours may stand before us, on this network; a caller from elsewhere may claim anything.
  const isBelieved = !isPublicAddress(between.address.replace(/^::ffff:/, ''))
  const before = (name: string): string[] => (isBelieved ? linesOf(fields, name) : [])
  const { address, isTls, node, requestId, httpVersion } = between
  const proto = isTls ? 'https' : 'http'
  const via = `${httpVersion} ${node}`
  const known = linesOf(fields, 'via')
  return [
    ...['host', host],
    ...without(kept, new Set(['via'])),
    ...['via', [...known, via].join(', '), 'x-request-id', requestId],
    ...['x-forwarded-for', [...before('x-forwarded-for'), plainAddress(address)].join(', ')],
    ...['x-forwarded-host', before('x-forwarded-host')[0] ?? host],
    ...['x-forwarded-proto', before('x-forwarded-proto')[0] ?? proto],
    ...['forwarded', [...before('forwarded'), `for=${node7239(address)};host="${host}";proto=${proto}`].join(', ')],
    ...['surrogate-capability', `${capability}="Surrogate/1.0"`],
    ...framing(fields),
  ]
}

/** Of an upload whose length nobody told. */
function framing(fields: HeaderList): string[] {
  return valueOf(fields, 'transfer-encoding') === null ? [] : ['transfer-encoding', 'chunked']
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

function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}

/** RFC 7239 section 6. */
function node7239(address: string): string {
  const plain = plainAddress(address)
  return plain.includes(':') ? `"[${plain}]"` : plain
}
