/**
 * The headers a call goes out with: the gateway's own credentials, never the caller's unless the configuration says
 * so.
 */
import { routes, type Route } from '../dialect/call.ts'
import type { Upstream } from '../fleet/upstream.ts'
import { traceParent } from '../observe/trace-context.ts'
import type { Order } from './order.ts'

/** The Anthropic API asks every caller for a version; this one is asked for when the caller named none. */
const anthropicVersion = '2023-06-01'

/** @param ownKey the gateway's own, for this server. @param spanId of the attempt, where it is recorded. */
export function upstreamHeaders(
  upstream: Upstream,
  route: Route,
  order: Order,
  ownKey: string | null,
  spanId: string | null,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: order.call.isStream ? 'text/event-stream' : 'application/json',
    'user-agent': 'holdfast',
    'x-request-id': order.ray,
    via: order.via,
  }
  put(headers, order.passedHeaders)
  const { trace } = order
  if (trace) {
    headers['traceparent'] = traceParent(trace, spanId)
    if (trace.state !== '') headers['tracestate'] = trace.state
  }
  const key = upstream.options.key === 'caller' ? order.callerKey : ownKey
  const { family } = routes[route]
  putCredentials(headers, upstream, route, key)
  if (routes[order.call.route].family === family) put(headers, order.call.headers)
  return headers
}

/** Into the same object: copies of it, one for each source, were a thirtieth of the CPU time of a call. */
function put(headers: Record<string, string>, more: Readonly<Record<string, string>>): void {
  for (const name in more) headers[name] = more[name] as string
}

/** How this upstream wants to be shown a key on a route of this language. */
export function credentials(upstream: Upstream, route: Route, key: string | null): Record<string, string> {
  const headers: Record<string, string> = {}
  putCredentials(headers, upstream, route, key)
  return headers
}

function putCredentials(headers: Record<string, string>, upstream: Upstream, route: Route, key: string | null): void {
  const { family } = routes[route]
  if (family === 'anthropic') {
    headers['anthropic-version'] = anthropicVersion
    if (key) headers['x-api-key'] = key
  }
  // Servers that speak the Anthropic language beside OpenAI's (llama.cpp, vLLM) want their key as a bearer.
  if (key && (family === 'openai' || upstream.kind !== 'anthropic')) headers['authorization'] = `Bearer ${key}`
}

/** Both; the usual language needs no headers of its own, and nothing is copied. */
export function joinHeaders(
  first: Readonly<Record<string, string>>,
  second: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  for (const _ in first) return { ...first, ...second }
  return second
}
