/** The faults that strike before any answer: what is sent, if anything, in its place. */
import type { FaultOrder } from '../fault-plan.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

const errorPage = `<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.24.0</center>\r\n</body>\r\n</html>\r\n`

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

/** Strikes; `order.kind` must be a fault of the head. */
export function strikeHead(exchange: Exchange, order: FaultOrder): void {
  const { settings } = exchange.sim
  switch (order.kind) {
    case 'reset':
      return exchange.reset()
    case 'hang':
      return
    case 'stalled-head':
      return sendRaw(exchange, 'HTTP/1.1 200 OK\r\ncontent-type: text/ev', false)
    case 'garbage':
      return sendRaw(exchange, '\u0016\u0003\u0001 NOT-HTTP lab/0 \u0000\u0007\r\nthis is not the protocol you are looking for\r\n\r\n', true)
    case '429':
      return exchange.refuse(new Refusal('rate_limit', 'Rate limit reached for requests.', { headers: retryAfter(order.retryAfterMs ?? 1000) }))
    case '500':
      return exchange.refuse(new Refusal('internal', 'Internal server error'))
    case '503':
      return exchange.refuse(new Refusal('busy', 'The server is overloaded, try again later', { headers: retryAfter(order.retryAfterMs) }))
    case '502-html':
      return exchange.send(502, 'text/html', errorPage, { server: 'nginx/1.24.0' })
    case 'context-length':
      return exchange.refuse(
        new Refusal('context', `This model's maximum context length is ${settings.contextTokensMax} tokens.`, { param: 'messages', extra: { n_ctx: settings.contextTokensMax } }),
      )
    case 'empty-200':
      return exchange.send(200, 'application/json', '')
    case 'bad-json-200':
      return exchange.send(200, 'application/json', '{"id":"lab-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assis')
  }
}
