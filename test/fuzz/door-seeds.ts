/** Requests that are in order, one or more for each door of a gateway: what its ports are fuzzed with. */
import { callLines, flag, frame, frameOf, headerBlock, u32 } from '../suites/raw-http2.ts'
import { calls } from './targets/language-seeds.ts'

const post = (path: string, body: string, ...headers: string[]): string =>
  [
    `POST ${path} HTTP/1.1`,
    ...['host: gateway', 'content-type: application/json', ...headers],
    ...[`content-length: ${Buffer.byteLength(body)}`, '', body],
  ].join('\r\n')
const ask = (method: string, path: string, ...headers: string[]): string =>
  [`${method} ${path} HTTP/1.1`, 'host: gateway', ...headers, '', ''].join('\r\n')

const [chat = ''] = calls.chat
const ray = '06c8m0dfk2h3vd4zq7k1hb00-ams'
const form = 'email=a%40example.org&component_ids[]=api'

export const doors: readonly string[] = [
  post('/v1/chat/completions', chat, 'idempotency-key: "abc"', 'holdfast-cache: use', 'x-request-timeout: 3s'),
  post(
    '/v1/chat/completions',
    calls.chat.at(-1) ?? '',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  ),
  post(
    '/v1/messages',
    calls.messages[0] ?? '',
    'anthropic-version: 2023-06-01',
    'x-api-key: sk-x',
    'holdfast-tier: batch',
  ),
  post('/v1/responses', calls.responses[1] ?? '', 'prefer: x', 'authorization: Bearer sk-x'),
  post('/v1/completions', calls.completions[0] ?? '', 'expect: 100-continue'),
  post('/v1/embeddings', calls.embeddings[0] ?? ''),
  post('/v1/messages/count_tokens', calls.count_tokens[0] ?? ''),
  post('/v1/audio/transcriptions', '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--b--\r\n').replace(
    'application/json',
    'multipart/form-data; boundary=b',
  ),
  `POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n${chat.length.toString(16)};a=b\r\n${chat}\r\n0\r\nx: y\r\n\r\n`,
  ask('GET', '/v1/models'),
  ask('GET', `/v1/answers/${ray}`, 'last-event-id: 3', 'accept: text/event-stream'),
  ask('GET', `/v1/responses/${ray}?stream=true&starting_after=1`),
  post(`/v1/responses/${ray}/cancel`, ''),
  ask('DELETE', `/v1/chat/completions/${ray}`),
  post('/v1/stream/a/b', '[1,{"a":2}]', 'stream-seq: 1', 'producer-id: p', 'producer-epoch: 0', 'producer-seq: 0'),
  post('/v1/stream/a/b', '{}', 'stream-ttl: 60').replace('POST', 'PUT'),
  ask('GET', '/v1/stream/a/b?offset=-1&live=sse&cursor=5'),
  ask('GET', '/v1/stream/a/b?offset=0000000000000001_0000000000000002', 'if-none-match: "x"'),
  ask('HEAD', '/v1/stream/a/b'),
  post('/v1/stream/__ds/subscriptions/s', '{"type":"pull-wake","pattern":"a/**","wake_stream":"w"}').replace(
    'POST',
    'PUT',
  ),
  ask('GET', '/', 'accept: text/html,*/*;q=0.1', 'accept-language: de', 'accept-encoding: br, gzip', 'cookie: a=b'),
  ask(
    'GET',
    '/page.html?x=1',
    'range: bytes=0-3,5-',
    'if-range: "x"',
    'if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT',
  ),
  ask(
    'GET',
    '/v1/realtime?model=m',
    'connection: upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  ),
  ask('OPTIONS', '*', 'origin: https://example.org', 'access-control-request-method: POST'),
  ask('GET', 'http://gateway/v1/models', 'via: 1.1 x', 'forwarded: for=192.0.2.1', 'x-forwarded-for: 192.0.2.1'),
]

export const doorWords: readonly string[] = [
  ...[
    '\r\n',
    '\r\n\r\n',
    'HTTP/1.1',
    'HTTP/1.0',
    'host: ',
    'content-length: ',
    'transfer-encoding: chunked\r\n',
    '0\r\n\r\n',
  ],
  ...[
    'GET ',
    'POST ',
    'PUT ',
    'HEAD ',
    'CONNECT ',
    'TRACE ',
    'PATCH ',
    '/v1/',
    '?',
    '%00',
    '%2e%2e/',
    'connection: close\r\n',
  ],
  ...[
    'upgrade: websocket\r\n',
    'expect: 100-continue\r\n',
    'range: bytes=',
    '"model":"m"',
    '"stream":true',
    'authorization: Bearer ',
  ],
]

/** Of the operators' port; nothing that ends or reloads it. */
export const operatorDoors: readonly string[] = [
  ...[
    '/livez',
    '/readyz',
    '/metrics',
    '/alerts',
    '/status',
    '/status/subscriptions',
    '/console/',
    '/console/state?since=5',
  ].map((path) => ask('GET', path)),
  ask('GET', '/metrics', 'accept: application/openmetrics-text;version=1.0.0;q=0.5'),
  ask('GET', '/record?kind=call&limit=3&from=2026-01-01&code=HF_BAD_JSON'),
  ask('GET', `/record?ray=${ray}&counts`),
  ask('GET', `/explain/${ray}`, 'accept: text/plain'),
  ask('GET', '/cache?count=3&prefix=http'),
  post('/cache/purge', '{"prefix":"http://gateway/x"}'),
  ask('GET', '/keys'),
  post('/keys', '{"name":"k","models":["m"],"limits":{"requestsPerMinute":5}}', 'origin: http://gateway'),
  post('/keys/k/rotate', '{"graceMs":5}'),
  post('/reload', '{"dryRun":true}'),
]

export const pageDoors: readonly string[] = [
  ...[
    '/',
    '/de/',
    '/api/v2/summary.json',
    '/api/v2/incidents.json',
    '/history.atom',
    '/history.rss',
    '/style.css',
    '/snapshot.json',
  ].map((path) =>
    ask('GET', path, 'accept-language: de, en;q=0.5', 'if-none-match: "x", W/"y"', 'accept-encoding: gzip'),
  ),
  ask('GET', '/live', 'accept: text/event-stream', 'last-event-id: 5'),
  post('/subscribe', form).replace('application/json', 'application/x-www-form-urlencoded'),
  post('/api/v2/subscribers', '{"subscriber":{"email":"a@example.org"}}'),
  ask('GET', '/unsubscribe?token=00000000000000000000000000000000.AAAAAAAAAAAAAAAAAAAAAA'),
]

const body = Buffer.from(calls.chat.at(-1) ?? '')
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** A connection of HTTP/2 from its preface on. */
export const http2Doors: readonly Buffer[] = [
  Buffer.concat([
    ...[preface, frameOf(frame.settings, flag.none, 0), frameOf(frame.window, flag.none, 0, u32(1000))],
    frameOf(frame.headers, flag.endHeaders, 1, headerBlock([...callLines(body.length)])),
    frameOf(frame.data, flag.end, 1, body),
    frameOf(frame.ping, flag.none, 0, Buffer.alloc(8)),
  ]),
  Buffer.concat([
    ...[preface, frameOf(frame.settings, flag.none, 0, Buffer.from('000300000064000400ffffff', 'hex'))],
    frameOf(
      frame.headers,
      flag.end | flag.endHeaders,
      1,
      headerBlock([
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/v1/models'],
        [':authority', 'gateway'],
      ]),
    ),
    frameOf(frame.reset, flag.none, 1, u32(8)),
    frameOf(frame.priority, flag.none, 3, Buffer.alloc(5)),
    frameOf(frame.goaway, flag.none, 0, Buffer.alloc(8)),
  ]),
]

export { body as goodBody }
