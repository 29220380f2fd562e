/** The faults that strike before any answer: what is sent, if anything, in its place. */
import type { FaultKind, FaultOrder } from '../fault-plan.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

const errorPage = [
  '<html>',
  '<head><title>502 Bad Gateway</title></head>',
  '<body>',
  '<center><h1>502 Bad Gateway</h1></center>',
  '<hr><center>nginx/1.24.0</center>',
  '</body>',
  '</html>',
  '',
].join('\r\n')
const notHttp = '\u0016\u0003\u0001 NOT-HTTP lab/0 \u0000\u0007\r\nthis is another protocol\r\n\r\n'
const halfJson = '{"id":"lab-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assis'

function retryAfter(ms: number | undefined): Record<string, string> {
  return ms === undefined ? {} : { 'retry-after': String(Math.ceil(ms / 1000)), 'retry-after-ms': String(ms) }
}

/** Bytes on the socket that node:http knows nothing of. */
function sendRaw(exchange: Exchange, bytes: string, closes: boolean): void {
  exchange.isBroken = closes
  const { socket } = exchange.request
  if (closes) socket.end(bytes)
  else socket.write(bytes)
}

const strikes: Partial<Record<FaultKind, (exchange: Exchange, order: FaultOrder) => void>> = {
  reset: (exchange) => exchange.reset(),
  hang: () => {},
  'stalled-head': (exchange) => sendRaw(exchange, 'HTTP/1.1 200 OK\r\ncontent-type: text/ev', false),
  garbage: (exchange) => sendRaw(exchange, notHttp, true),
  '429': (exchange, order) => {
    const headers = retryAfter(order.retryAfterMs ?? 1000)
    exchange.refuse(new Refusal('rate_limit', 'Rate limit reached for requests.', { headers }))
  },
  '500': (exchange) => exchange.refuse(new Refusal('internal', 'Internal server error')),
  '503': (exchange, order) => {
    const headers = retryAfter(order.retryAfterMs)
    exchange.refuse(new Refusal('busy', 'The server is overloaded, try again later', { headers }))
  },
  '502-html': (exchange) => exchange.send(502, 'text/html', errorPage, { server: 'nginx/1.24.0' }),
  'context-length': (exchange) => {
    const { contextTokensMax } = exchange.sim.settings
    const message = `This model's maximum context length is ${contextTokensMax} tokens.`
    exchange.refuse(new Refusal('context', message, { param: 'messages', extra: { n_ctx: contextTokensMax } }))
  },
  'empty-200': (exchange) => exchange.send(200, 'application/json', ''),
  'bad-json-200': (exchange) => exchange.send(200, 'application/json', halfJson),
}

/** Strikes; `order.kind` must be a fault of the head. */
export function strikeHead(exchange: Exchange, order: FaultOrder): void {
  strikes[order.kind]?.(exchange, order)
}
