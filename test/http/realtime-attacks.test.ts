// WebSockets for those who want more than is theirs: what a key may, how long it is good, and places that are held.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { WebSocket as Client } from 'ws'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { KeyDesk } from '../../src/house/key-desk.ts'
import { EchoServer } from './echo-sockets.ts'
import { openTestHouse, patienceMs, pause, type TestHouse, until } from './harness.ts'

const secret = 'the-key-of-an-app'

async function openStage(echo: EchoServer, more: Partial<ConfigInput> = {}, url = echo.url): Promise<TestHouse> {
  const only = { url, kind: 'openai' as const, models: ['voice'], metrics: false as const }
  return await openTestHouse({ upstreams: { only }, ...more })
}

interface Visit {
  readonly key?: string | null
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly protocols?: readonly string[]
}

function visit(house: TestHouse, { key = secret, query = '', headers = {}, protocols = [] }: Visit = {}): Client {
  const all = { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers }
  const client = new Client(`ws://127.0.0.1:${house.port}/v1/realtime?model=voice${query}`, [...protocols], {
    headers: all,
  })
  client.on('error', () => {})
  return client
}

/** The status that it gets; 101 for one that is joined. */
function statusOf(client: Client): Promise<number> {
  return new Promise((resolve) => {
    client.once('open', () => resolve(101))
    client.once('unexpected-response', (_, answer) => resolve(answer.statusCode ?? 0))
    client.once('close', () => resolve(0))
  })
}

test('a wish that does not fit is not passed on while another response goes on either', async () => {
  await using echo = await EchoServer.open()
  const keys = [{ name: 'app', key: secret, limits: { tokensPerDay: 3000 } }]
  await using house = await openStage(echo, { keys })
  const client = visit(house)
  const heard: string[] = []
  client.on('message', (data) => heard.push((data as Buffer).toString()))
  assert.equal(await statusOf(client), 101)
  // The server says everything back: so it begins a response that goes on.
  client.send(JSON.stringify({ type: 'response.created', response: { max_output_tokens: 2000 } }))
  await until('its beginning', () => heard.length === 1)
  for (let i = 0; i < 50; i++) client.send(JSON.stringify({ type: 'response.create', n: i }))
  const [socket] = echo.sockets
  socket?.write(Buffer.concat([Buffer.from([0x81, 2]), Buffer.from('{}')]))
  await until('what the server says next', () => heard.includes('{}'))
  assert.deepEqual(
    heard.filter((text) => text.includes('response.create"')),
    [],
  )
  client.terminate()
  await until('the account', () => house.accounts.length > 0)
})

test('who is refused and does not leave holds neither a place nor a connection', async () => {
  await using echo = await EchoServer.open()
  const keys = [{ name: 'app', key: secret }]
  await using house = await openStage(echo, { keys, limits: { realtimePerCallerMax: 1 } })
  echo.refusal = 503
  const socket: Socket = connect({ port: house.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  const head = ['GET /v1/realtime?model=voice HTTP/1.1', 'host: x', 'connection: Upgrade', 'upgrade: websocket']
  const handshake = ['sec-websocket-version: 13', 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==']
  socket.write(`${[...head, ...handshake, `authorization: Bearer ${secret}`].join('\r\n')}\r\n\r\n`)
  await once(socket, 'end')
  echo.refusal = null
  // It says nothing more and does not close its side. What is left of it at the gateway is given up.
  let status = 0
  for (const endMs = performance.now() + patienceMs; status !== 101 && performance.now() < endMs; await pause(100)) {
    const client = visit(house)
    status = await statusOf(client)
    client.terminate()
  }
  assert.equal(status, 101)
  socket.destroy()
})

test('a session ends when the secret that opened it is good no more', async () => {
  await using echo = await EchoServer.open()
  const stateDir = await mkdtemp(join(tmpdir(), 'holdfast-attacks-'))
  try {
    const settings = { stateDir, upstreams: { only: { url: echo.url } } }
    const desk = new KeyDesk(checkConfig(settings), systemClock, systemRandom)
    const made = desk.create({ name: 'phone' })
    await using house = await openStage(echo, { stateDir })
    const client = visit(house, { key: made.secret })
    assert.equal(await statusOf(client), 101)
    desk.rotate('phone', 0)
    const [code, reason] = (await once(client, 'close')) as [number, Buffer]
    assert.deepEqual([code, String(reason)], [1008, 'HF_KEY_REVOKED'])
  } finally {
    await rm(stateDir, { recursive: true, force: true })
  }
})

test('what the operator says of the address stands, and a caller names no model but by its name', async () => {
  await using echo = await EchoServer.open()
  const keys = [{ name: 'app', key: secret, models: ['voice'] }]
  await using house = await openStage(echo, { keys }, `${echo.url}?api-version=1&deployment=cheap`)
  const query = '&api-version=9&deployment=dear&call_id=of-another&intent=transcription'
  const client = visit(house, { query })
  assert.equal(await statusOf(client), 101)
  const asked = new URL(echo.requests[0]?.url ?? '', 'http://x').searchParams
  const expected = { 'api-version': '1', deployment: 'cheap', intent: 'transcription', model: 'voice' }
  assert.deepEqual(Object.fromEntries(asked), expected)
  assert.equal(asked.size, 4)
  client.terminate()
  await until('the account', () => house.accounts.length > 0)
})

test('without keys, pages of other sites cannot talk to models in the name of their visitors', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo)
  const from = async (origin: string): Promise<number> => {
    const client = visit(house, { key: null, headers: { origin } })
    const status = await statusOf(client)
    client.terminate()
    return status
  }
  for (const origin of [
    'https://evil.example',
    'null',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
  ])
    assert.equal(await from(origin), 401, origin)
  for (const origin of [
    `http://127.0.0.1:${house.port}`,
    'http://127.0.0.1:5173',
    'http://localhost:3000',
    'app://chat',
  ])
    assert.equal(await from(origin), 101, origin)
  // A key says who asks: no browser adds it by itself.
  await using closed = await openStage(echo, { keys: [{ name: 'app', key: secret }] })
  const client = visit(closed, { headers: { origin: 'https://app.example' } })
  assert.equal(await statusOf(client), 101)
  client.terminate()
})

test('a browser that offers protocols gets one, also where the server names none', async () => {
  await using echo = await EchoServer.open()
  echo.isSilent = true
  await using house = await openStage(echo, { keys: [{ name: 'app', key: secret }] })
  const client = visit(house, { key: null, protocols: ['realtime', `openai-insecure-api-key.${secret}`] })
  assert.equal(await statusOf(client), 101)
  assert.equal(client.protocol, 'realtime')
  client.terminate()
  await until('the account', () => house.accounts.length > 0)
})
