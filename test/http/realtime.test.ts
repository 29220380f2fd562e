// The realtime API: what passes through a WebSocket, whom it reaches, who is refused, and how it ends.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import { holdfast, startGateway } from '../crash/gateway.ts'
import { until as untilLong } from '../crash/until.ts'
import { EchoServer, encode } from './echo-sockets.ts'
import { openTestHouse, type TestHouse, until } from './harness.ts'

const key = 'the-key-of-an-app'

async function openStage(echo: EchoServer, more: Partial<ConfigInput> = {}): Promise<TestHouse> {
  const only = {
    url: echo.url,
    kind: 'openai' as const,
    models: ['voice-1'],
    key: 'key-of-the-gateway',
    metrics: false as const,
  }
  return await openTestHouse({
    upstreams: { only },
    models: { voice: { as: 'voice-1' } },
    keys: [{ name: 'app', key }],
    ...more,
  })
}

function open(
  house: TestHouse,
  model = 'voice',
  protocols = ['realtime', `openai-insecure-api-key.${key}`],
): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${house.port}/v1/realtime?model=${model}&intent=talk`, protocols)
  socket.binaryType = 'arraybuffer'
  return socket
}

type Binary = MessageEvent & { readonly data: ArrayBuffer }

function heard<T extends Event>(socket: WebSocket, name: string): Promise<T> {
  return new Promise((resolve) => socket.addEventListener(name, (event) => resolve(event as T), { once: true }))
}

/** The status of an answer to somebody who asks for a WebSocket. */
function ask(
  house: TestHouse,
  target: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const all = {
    ...upgrade,
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    authorization: `Bearer ${key}`,
    ...headers,
  }
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: house.port, path: target, headers: all, agent: false })
    asked.on('upgrade', (answer, socket) => {
      socket.destroy()
      resolve({ status: answer.statusCode ?? 0, text: '' })
    })
    asked.on('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
    asked.on('error', reject).end()
  })
}

test('what is said comes back, small and large; the upstream sees our key, its name of the model, and no key of a caller', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo)
  const socket = open(house)
  await heard(socket, 'open')
  assert.equal(socket.protocol, 'realtime')
  socket.send('hello')
  assert.equal((await heard<MessageEvent>(socket, 'message')).data, 'hello')
  const large = Buffer.alloc(3 * 2 ** 20, 'abcdefg')
  socket.send(large)
  const { data } = await heard<Binary>(socket, 'message')
  assert.ok(Buffer.from(data).equals(large))
  const [asked] = echo.requests
  assert.equal(asked?.url, '/v1/realtime?model=voice-1&intent=talk')
  assert.equal(asked.headers.authorization, 'Bearer key-of-the-gateway')
  assert.equal(asked.headers['sec-websocket-protocol'], 'realtime')
  assert.doesNotMatch(JSON.stringify(asked.rawHeaders), new RegExp(key))
  assert.equal(asked.headers['sec-websocket-extensions'], undefined)
  socket.close()
  await heard(socket, 'close')
  await until('the upstream to be let go', () => echo.sockets.size === 0)
  await until('the account', () => house.accounts.length > 0)
  const { route, outcome, status, model, caller, sentBytes = 0, attempts } = house.accounts[0] ?? {}
  assert.deepEqual([route, outcome, status, model, caller], ['realtime', 'complete', 101, 'voice', 'app'])
  assert.ok(sentBytes > large.length)
  assert.deepEqual(
    attempts?.map(({ upstream, receivedStatus }) => [upstream, receivedStatus]),
    [['only', 101]],
  )
})

test('who may not, or asks for what is not there, is told why before anything passes', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo, { limits: { realtimeMax: 1 } })
  const refused = async (target: string, headers?: Record<string, string>): Promise<[number, string | undefined]> => {
    const { status, text } = await ask(house, target, headers)
    return [status, /"cause":"(\w+)"/.exec(text)?.[1]]
  }
  assert.deepEqual(await refused('/v1/realtime?model=voice', { authorization: 'Bearer x' }), [401, 'HF_KEY_UNKNOWN'])
  assert.deepEqual(await refused('/v1/realtime?model=voice', { 'sec-websocket-version': '8' }), [400, 'HF_BAD_HTTP'])
  assert.deepEqual(await refused('/v1/realtime'), [400, 'HF_BAD_CALL'])
  assert.deepEqual(await refused('/v1/realtime?model=nobody'), [404, 'HF_MODEL_UNKNOWN'])
  assert.deepEqual(await refused('/v1/realtime?model=voice', { 'content-length': '3' }), [400, 'HF_BAD_HTTP'])
  assert.equal(echo.requests.length, 0)
  const first = open(house)
  await heard(first, 'open')
  assert.deepEqual(await refused('/v1/realtime?model=voice'), [503, 'HF_QUEUE_FULL'])
  first.close()
  await heard(first, 'close')
  await until('room', () => echo.sockets.size === 0)
  assert.equal((await ask(house, '/v1/realtime?model=voice')).status, 101)
  // What asks for another protocol, or at another place, is a request like any other.
  assert.equal((await ask(house, '/v1/models')).status, 200)
  assert.equal((await ask(house, '/v1/realtime?model=voice', { upgrade: 'h2c' })).status, 404)
})

test('an upstream that changes to something else is let go', async () => {
  await using echo = await EchoServer.open()
  echo.guid = 'another'
  await using house = await openStage(echo)
  const { status, text } = await ask(house, '/v1/realtime?model=voice')
  assert.deepEqual([status, /"cause":"(\w+)"/.exec(text)?.[1]], [502, 'HF_UPSTREAM_GARBLED'])
  await until('it to be let go', () => echo.sockets.size === 0)
})

test('an upstream that refuses or is gone is passed over; where none offers it that is said', async () => {
  await using busy = await EchoServer.open()
  await using echo = await EchoServer.open()
  busy.refusal = 503
  const offer = { kind: 'openai' as const, models: ['m'], metrics: false as const }
  const upstreams = {
    gone: { ...offer, url: 'http://127.0.0.1:9/v1', priority: 0 },
    busy: { ...offer, url: busy.url, priority: 1 },
    good: { ...offer, url: echo.url, priority: 2 },
  }
  await using house = await openTestHouse({ upstreams })
  const socket = open(house, 'm', ['realtime'])
  await heard(socket, 'open')
  socket.send('x')
  assert.equal((await heard<MessageEvent>(socket, 'message')).data, 'x')
  // An upstream that leaves ends it for the caller.
  for (const each of echo.sockets) each.destroy()
  await heard(socket, 'close')
  await until('the account', () => house.accounts.some(({ route }) => route === 'realtime'))
  const { attempts } = house.accounts.find(({ route }) => route === 'realtime') ?? {}
  assert.equal(attempts?.at(-1)?.upstream, 'good')
  assert.ok(attempts.every(({ code }, i) => (code === null) === (i === attempts.length - 1)))
  await using other = await openTestHouse({
    upstreams: { only: { url: echo.url, kind: 'vllm', models: ['m'], metrics: false } },
  })
  const { status, text } = await ask(other, '/v1/realtime?model=m')
  assert.deepEqual([status, /"cause":"(\w+)"/.exec(text)?.[1]], [501, 'HF_ROUTE_UNSPOKEN'])
})

test('a house that closes ends sessions with a word, between two frames', async () => {
  await using echo = await EchoServer.open()
  const house = await openStage(echo)
  const socket = open(house)
  await heard(socket, 'open')
  socket.send('hello')
  await heard(socket, 'message')
  // Half a frame is under way; its rest comes a moment later.
  const frame = encode(2, Buffer.alloc(1000, 1))
  const [server] = echo.sockets
  server?.write(frame.subarray(0, 500))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const whole = heard<Binary>(socket, 'message')
  const closed = heard<CloseEvent>(socket, 'close')
  const drained = house.house.drain(5000, false)
  setTimeout(() => server?.write(frame.subarray(500)), 100)
  assert.equal((await whole).data.byteLength, 1000)
  assert.equal((await closed).code, 1012)
  await drained
  await house.upstream[Symbol.asyncDispose]()
})

test('where others stand in its place, a house lets sessions go on until its time is over', async () => {
  await using echo = await EchoServer.open()
  const house = await openStage(echo)
  const socket = open(house)
  await heard(socket, 'open')
  const closed = heard<CloseEvent>(socket, 'close')
  const drained = house.house.drain(700, true)
  await new Promise((resolve) => setTimeout(resolve, 300))
  socket.send('still there')
  assert.equal((await heard<MessageEvent>(socket, 'message')).data, 'still there')
  assert.equal((await closed).code, 1012)
  await drained
  await house.upstream[Symbol.asyncDispose]()
})

test('a key that is revoked ends the sessions of its holder', async (t) => {
  await using echo = await EchoServer.open()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-realtime-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const only = { url: echo.url, kind: 'openai', models: ['m'], metrics: false }
  const file = join(folder, 'holdfast.yaml')
  writeFileSync(file, JSON.stringify({ workers: 1, upstreams: { only } }))
  await using gateway = await startGateway('--config', file)
  const made = await holdfast('key', 'create', 'app', '--state', gateway.state, '--json')
  const { secret = '' } = JSON.parse(made.output) as { secret?: string }
  const url = `${gateway.url.replace('http', 'ws')}/v1/realtime?model=m`
  // The key is known to every process within a moment.
  await untilLong('keys to be needed', async () => (await fetch(`${gateway.url}/v1/models`)).status === 401)
  const socket = new WebSocket(url, ['realtime', `openai-insecure-api-key.${secret}`])
  await heard(socket, 'open')
  const closed = heard<CloseEvent>(socket, 'close')
  const told = heard<MessageEvent>(socket, 'message')
  assert.equal((await holdfast('key', 'revoke', 'app', '--state', gateway.state)).code, 0)
  assert.match(String((await told).data), /^{"type":"error",.*"cause":"HF_KEY_REVOKED"/)
  const { code, reason } = await closed
  assert.deepEqual([code, reason], [1008, 'HF_KEY_REVOKED'])
  await until('the upstream to be let go', () => echo.sockets.size === 0)
})
