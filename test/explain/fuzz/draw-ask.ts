/** Requests by chance: calls in every language, whole and odd, readings, streams, questions of operators, raw bytes. */
import type { Random } from '../../../src/ground/random.ts'
import { between, oneOf } from '../scenario.ts'
import { bodyFaults, keys, limits, oddModels, orderedFaults } from './world.ts'

export interface Ask {
  /** For the table: what it asks for. */
  readonly what: string
  readonly isAdmin?: boolean
  readonly pieces: readonly string[]
  readonly pieceMs?: number
  /** Hangs up once this much has come. */
  readonly leavesAt?: number
  /** Cancelled by its ray once it has begun. */
  readonly isToCancel?: boolean
}

/** Rays and names that came back before, for whoever asks again. */
export interface Memory {
  readonly rays: string[]
  readonly ids: string[]
  readonly streams: string[]
}

export const remembered = 400

export function drawAsk(random: Random, memory: Memory): Ask {
  const unit = random.unit()
  if (unit < 0.58) return drawCall(random)
  if (unit < 0.73) return drawOddHttp(random)
  if (unit < 0.85) return drawReading(random, memory)
  if (unit < 0.94) return drawStream(random, memory)
  if (unit < 0.98) return drawAdmin(random, memory)
  return drawBackground(random)
}

const routes = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  responses: '/v1/responses',
  messages: '/v1/messages',
  embeddings: '/v1/embeddings',
  count_tokens: '/v1/messages/count_tokens',
} as const
type RouteName = keyof typeof routes

const odd = [
  '',
  '\u0000',
  '\u001b[2J',
  '\u2028',
  '\u202e',
  '"',
  '\\',
  '<script>',
  '%00',
  'é',
  '\ud800',
  '🦀',
  ' ',
  '..',
]

function text(random: Random): string {
  return Array.from({ length: between(random, 0, 4) }, () => oneOf(random, ...(odd as [string, ...string[]]))).join('x')
}

function drawCall(random: Random): Ask {
  const route = oneOf(random, 'chat', 'chat', 'completions', 'responses', 'messages', 'embeddings', 'count_tokens')
  const isStreamed = route !== 'embeddings' && route !== 'count_tokens' && random.unit() < 0.6
  const isBrittle = isStreamed && random.unit() < 0.35
  const usual = random.unit() < 0.7 ? 'm' : oneOf(random, ...oddModels, 'slow', 'long', `odd ${text(random)}`)
  const model = isBrittle ? 'brittle' : usual
  const fault = isBrittle ? `@${oneOf(random, ...bodyFaults)}@` : drawFault(random)
  const tokens = model === 'long' ? between(random, 100, 900) : between(random, 4, 24)
  const prompt = `${fault} tokens:${tokens} ${between(random, 0, 1e9)}`
  const call = random.unit() < 0.85 ? goodBody(route, model, prompt, isStreamed) : oddBody(random, route)
  const isToCancel = isStreamed && fault === '' && random.unit() < 0.04
  const body = isToCancel ? goodBody(route, 'm', `@slow@ tokens:400 ${prompt}`, true) : call
  // Only who asked may cancel.
  const headers = isToCancel ? [`authorization: Bearer ${keys.all}`] : headersOfCall(random)
  return {
    what: route,
    pieces: [requestText('POST', routes[route], headers, body)],
    ...(isToCancel && { isToCancel }),
    ...(isStreamed && random.unit() < 0.05 && { leavesAt: between(random, 300, 1500) }),
  }
}

function drawFault(random: Random): string {
  return random.unit() < 0.6 ? `@${random.unit() < 0.3 ? 'one-' : ''}${oneOf(random, ...orderedFaults)}@` : ''
}

function goodBody(route: RouteName, model: string, prompt: string, stream: boolean): string {
  const messages = [{ role: 'user', content: prompt }]
  const fields = {
    chat: { messages },
    completions: { prompt },
    responses: { input: prompt },
    messages: { messages, max_tokens: 500 },
    embeddings: { input: prompt },
    count_tokens: { messages },
  }[route]
  return JSON.stringify({ model, ...(stream && { stream }), ...fields })
}

function oddBody(random: Random, route: RouteName): string {
  const good = goodBody(route, 'm', 'x', false)
  return oneOf(
    random,
    '[]',
    ...['', 'null', '7', '{"model":', '{"model":7,"messages":[]}', '\u0000\u001b[31m', '{"a":1,"a":2}'],
    good.slice(0, between(random, 1, good.length - 1)),
    good.replace('"m"', JSON.stringify(text(random))),
    good.replace('"m"', '""'),
    good.replace('"user"', '"wizard"'),
    good.replace('{', '{"stream":"yes",'),
    good.replace('{', '{"temperature":"hot","n":-1,'),
    good.replace('{', '{"tools":[{"type":"nothing"}],"stop":7,'),
    '['.repeat(5000),
    JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'y'.repeat(limits.bodyBytesMax + 1) }] }),
    JSON.stringify({ model: 'y'.repeat(500), messages: [{ role: 'user', content: 'x' }] }),
  )
}

function headersOfCall(random: Random): string[] {
  const headers = [keyHeader(random)]
  const may = (share: number, ...lines: readonly [string, ...string[]]): void => {
    if (random.unit() < share) headers.push(oneOf(random, ...lines))
  }
  may(0.97, 'content-type: application/json', 'content-type: application/json', 'content-type: text/plain')
  may(0.03, 'content-type: image/png', 'content-type: application/xml')
  may(0.03, 'content-encoding: br', 'content-encoding: gzip')
  may(0.08, 'holdfast-tier: batch', 'holdfast-tier: premium', 'holdfast-tier: gold')
  may(0.1, 'x-request-timeout: 1ms', 'x-request-timeout: 300ms', 'x-request-timeout: soon', 'x-slo-ttft-ms: 1')
  may(0.1, 'holdfast-continue: same-model', 'holdfast-seams: mark')
  may(0.05, `idempotency-key: k${between(random, 0, 20)}`, `idempotency-key: ${'k'.repeat(300)}`)
  may(0.05, 'x-stainless-retry-count: 1')
  may(
    0.05,
    'x-request-id: \u001b[31mred',
    'x-request-id: a"b\\c',
    `x-request-id: ${'i'.repeat(2000)}`,
    'x-request-id: é',
  )
  may(0.03, 'traceparent: 00-0-0-0', 'tracestate: \u00ff=\u0080', 'baggage: x=\u0085')
  may(0.1, 'accept: text/html', 'accept: text/event-stream')
  may(0.02, 'via: 1.1 \u001b[2J', 'expect: 100-continue', 'expect: miracles')
  return headers
}

function keyHeader(random: Random): string {
  return oneOf(
    random,
    ...(Array.from({ length: 16 }, () => `authorization: Bearer ${keys.all}`) as [string, ...string[]]),
    `x-api-key: ${keys.all}\r\nanthropic-version: 2023-06-01`,
    `x-api-key: ${keys.leaver}`,
    `authorization: Bearer ${keys.few}`,
    'authorization: Bearer nobody-knows-this',
    'x-none: 1',
  )
}

function requestText(method: string, path: string, headers: readonly string[], body?: string): string {
  const bytes = Buffer.from(body ?? '')
  const length = body === undefined ? [] : [`content-length: ${bytes.length}`]
  const lines = [`${method} ${path} HTTP/1.1`, 'host: gateway', 'connection: close', ...headers, ...length, '', '']
  return lines.join('\r\n') + bytes.toString('latin1')
}

function drawOddHttp(random: Random): Ask {
  const path = oneOf(
    random,
    '/v1/chat/completions',
    ...Object.values(routes),
    '/v1/models',
    '/v1/nothing',
    '/',
    '/v1/models/%zz',
    '/v1/models/x',
    '*',
  )
  const method = oneOf(random, 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'BREW', 'get')
  const key = `authorization: Bearer ${keys.all}`
  const good = goodBody('chat', 'm', 'tokens:4', false)
  const what = method === 'HEAD' ? 'HEAD http' : 'http'
  const bad = (...lines: string[]): Ask => ({ what, pieces: [requestText(method, path, [key, ...lines], good)] })
  return oneOf<() => Ask>(
    random,
    () => bad(),
    () => bad('accept: text/html'),
    () => bad('accept: application/json'),
    () => bad('host: twice'),
    () => bad('bad header'),
    () => bad('transfer-encoding: chunked'),
    () => bad('transfer-encoding: gzip, chunked'),
    () => bad('expect: miracles'),
    () => bad('upgrade: websocket'),
    () => bad('x: \u0001'),
    () => bad(`cookie: ${'c'.repeat(limits.headerBytesMax + 1000)}`),
    () => bad(`content-length: ${good.length + 1}`),
    () => ({ what, pieces: [`${method} ${path} HTTP/3.7\r\nhost: g\r\n\r\n`] }),
    () => ({ what, pieces: [`${method} ${path}\r\n\r\n`] }),
    () => ({
      what,
      pieces: [`${method} http://other.example/ HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n`],
    }),
    () => ({ what, pieces: [`POST ${path} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}`] }),
    () => ({ what, pieces: ['CONNECT other.example:443 HTTP/1.1\r\nhost: other.example:443\r\n\r\n'] }),
    () => ({ what, pieces: [`\u0016\u0003\u0001\u0002\u0000\u0001\u0000${text(random)}\r\n\r\n`] }),
    () => ({
      what,
      pieces: [chunked(path, key, oneOf(random, 'zz\r\n{}\r\n', '5\r\n{}\r\n0\r\n\r\n', '-1\r\n'))],
    }),
    () => ({ what: 'http', pieces: [`POST ${path} HTTP/1.1\r\nhost: g\r\n`] }),
    () => ({
      what: 'http',
      pieces: [requestText('POST', path, [key, 'content-length: 90']).slice(0, -2), '\r\n{"model"'],
    }),
    () => ({
      what,
      pieces: [requestText('GET', `/${'p'.repeat(between(random, 1, limits.headerBytesMax + 99))}`, [])],
    }),
    () => ({
      what,
      pieces: [requestText('GET', `/${encodeURIComponent(text(random).toWellFormed())}`, ['accept: text/html'])],
    }),
  )()
}

function chunked(path: string, key: string, rest: string): string {
  return `POST ${path} HTTP/1.1\r\nhost: g\r\n${key}\r\ntransfer-encoding: chunked\r\n\r\n${rest}`
}

function drawReading(random: Random, { rays, ids }: Memory): Ask {
  const known = [...rays.slice(-remembered), ...ids.slice(-remembered)]
  const [first = 'none', ...more] = known
  const id =
    random.unit() < 0.75
      ? oneOf(random, first, ...more)
      : oneOf(random, 'x', '%zz', 'y'.repeat(600), encodeURIComponent('\u2028\u001b['))
  const room = oneOf(
    random,
    'answers',
    'answers',
    'answers',
    'responses',
    'chat/completions',
    'messages',
    'completions',
  )
  const query = oneOf(
    random,
    '',
    '',
    '?stream=true',
    '?after=3',
    '?after=99999',
    '?after=-7',
    '?after=x',
    '?stream=false',
  )
  const method = oneOf(random, 'GET', 'GET', 'GET', 'GET', 'HEAD', 'DELETE', 'PUT', 'POST')
  const path = `/v1/${room}/${id}${random.unit() < 0.1 ? '/cancel' : ''}${query}`
  const lines = [keyHeader(random), ...(random.unit() < 0.2 ? ['last-event-id: 2'] : [])]
  // A page that asks for events is never told a 5xx; the judge reads the status, so only some ask so.
  if (random.unit() < 0.1) lines.push('accept: text/event-stream')
  return { what: method === 'HEAD' ? 'HEAD answers' : 'answers', pieces: [requestText(method, path, lines)] }
}

function drawStream(random: Random, { streams }: Memory): Ask {
  const name = random.unit() < 0.7 ? `s${between(random, 0, 80)}` : (streams.at(-1) ?? 's0')
  const isControl = random.unit() < 0.3
  const path = isControl
    ? `/v1/stream/__ds/${oneOf(random, 'subscriptions/a', 'subscriptions/b/claim', 'subscriptions/a/ack', 'subscriptions/a/streams', 'jwks.json', 'nothing', 'subscriptions/c/callback')}`
    : `/v1/stream/${oneOf(random, name, name, name, 'none', '%zz', '')}${oneOf(random, '', '', '?offset=-1', '?offset=now&live=long-poll', '?offset=zz', '?offset=99_99&live=sse', '?live=x')}`
  const method = oneOf(random, 'PUT', 'POST', 'POST', 'GET', 'HEAD', 'DELETE', 'PATCH')
  const lines = [keyHeader(random)]
  const may = (share: number, ...choices: readonly [string, ...string[]]): void => {
    if (random.unit() < share) lines.push(oneOf(random, ...choices))
  }
  may(0.8, 'content-type: text/plain', 'content-type: application/json')
  may(0.1, 'stream-ttl: soon', 'stream-seq: 1', 'stream-closed: true', 'stream-forked-from: /v1/stream/none')
  may(
    0.1,
    'producer-id: p',
    'producer-id: p\r\nproducer-epoch: 0\r\nproducer-seq: 9',
    'producer-id: p\r\nproducer-epoch: 1\r\nproducer-seq: 0',
  )
  const body = oneOf(
    random,
    'hello',
    '[1]',
    '{',
    '',
    'z'.repeat(9000),
    'z'.repeat(21_000),
    '{"type":"pull-wake","pattern":"s*"}',
    '{"type":"webhook","streams":["s1"],"webhook":{"url":"http://127.0.0.1:1/"}}',
  )
  const hasBody = method !== 'GET' && method !== 'HEAD'
  return {
    what: method === 'HEAD' ? 'HEAD streams' : 'streams',
    pieces: [requestText(method, path, lines, hasBody ? body : undefined)],
  }
}

function drawAdmin(random: Random, { rays }: Memory): Ask {
  const path = oneOf(
    random,
    '/nothing',
    ...['/record?limit=0', '/record?kind=none', '/record?from=x', '/console/none', '/explain/', '/%zz'],
    ...['/record', '/livez', '/metrics', '/alerts', '/console/config'],
    `/explain/${oneOf(random, rays.at(-1) ?? 'x', 'x', encodeURIComponent('\u2028<b>'), 'r'.repeat(3000))}`,
  )
  const method = oneOf(random, 'GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE')
  const host = oneOf(random, 'localhost', 'localhost', 'localhost', 'evil.example')
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n`
  const raw = oneOf(
    random,
    `${head}\r\n`,
    `${head}\r\n`,
    `${head}\r\n`,
    `${head}bad header\r\n\r\n`,
    `${head}x: ${'x'.repeat(9000)}\r\n\r\n`,
  )
  return { what: method === 'HEAD' ? 'HEAD admin' : 'admin', isAdmin: true, pieces: [raw] }
}

function drawBackground(random: Random): Ask {
  const fault = oneOf(random, '', '@cut@', '@500@', '@hang@', '@one-stall@')
  const body = { model: 'm', input: `${fault} tokens:9 ${between(random, 0, 1e9)}`, background: true }
  const store = random.unit() < 0.2 ? { store: false } : {}
  const headers = [`authorization: Bearer ${keys.all}`, 'content-type: application/json']
  return {
    what: 'background',
    pieces: [requestText('POST', routes.responses, headers, JSON.stringify({ ...body, ...store }))],
  }
}
