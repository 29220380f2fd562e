/**
 * The headers a call goes out with: the gateway's own credentials, never the caller's unless the configuration says
 * so.
 */
import { routes, type Route } from '../dialect/call.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Order } from './order.ts'

/** The Anthropic API asks every caller for a version; this one is asked for when the caller named none. */
const anthropicVersion = '2023-06-01'

/** @param ownKey the gateway's own, for this server. */
export function upstreamHeaders(
  upstream: Upstream,
  route: Route,
  order: Order,
  ownKey: string | null,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: order.call.isStream ? 'text/event-stream' : 'application/json',
    'user-agent': 'holdfast',
    'x-request-id': order.ray,
    via: order.via,
    ...order.passedHeaders,
  }
  const key = upstream.options.key === 'caller' ? order.callerKey : ownKey
  const { family } = routes[route]
  Object.assign(headers, credentials(upstream, route, key))
  return routes[order.call.route].family === family ? { ...headers, ...order.call.headers } : headers
}

/** How this upstream wants to be shown a key on a route of this language. */
export function credentials(upstream: Upstream, route: Route, key: string | null): Record<string, string> {
  const headers: Record<string, string> = {}
  const { family } = routes[route]
  if (family === 'anthropic') {
    headers['anthropic-version'] = anthropicVersion
    if (key) headers['x-api-key'] = key
  }
  // Servers that speak the Anthropic language beside OpenAI's (llama.cpp, vLLM) want their key as a bearer.
  if (key && (family === 'openai' || upstream.kind !== 'anthropic')) headers['authorization'] = `Bearer ${key}`
  return headers
}
