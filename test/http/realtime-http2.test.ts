// WebSockets as streams of HTTP/2 (RFC 8441): joined to an upstream over HTTP/1.1, refused and ended like any other.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import { test } from 'node:test'
import { EchoServer, encode } from './echo-sockets.ts'
import { openTestHouse, type TestHouse, until } from './harness.ts'

const secret = 'the-key-of-an-app'

async function openStage(echo: EchoServer): Promise<TestHouse> {
  const only = { url: echo.url, kind: 'openai' as const, models: ['m'], metrics: false as const }
  const listeners = [{ port: 0, h2c: true }]
  return await openTestHouse({ listeners, upstreams: { only }, keys: [{ name: 'app', key: secret }] })
}

async function openSession(house: TestHouse): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${house.port}`)
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  return session
}

interface Asked {
  readonly stream: ClientHttp2Stream
  readonly answer: IncomingHttpHeaders & { readonly ':status'?: number }
  heard: Buffer
}

async function ask(session: ClientHttp2Session, more: Record<string, string> = {}): Promise<Asked> {
  const stream = session.request(
    {
      ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/v1/realtime?model=m' },
      ...{ ':authority': 'gateway', 'sec-websocket-version': '13', authorization: `Bearer ${secret}`, ...more },
    },
    { endStream: false },
  )
  stream.on('error', () => {})
  const [answer] = (await once(stream, 'response')) as [Asked['answer']]
  const asked: Asked = { stream, answer, heard: Buffer.alloc(0) }
  stream.on('data', (bytes: Buffer) => void (asked.heard = Buffer.concat([asked.heard, bytes])))
  return asked
}

/** As a client sends it, with a mask of zeros; shorter than 126 bytes. */
const say = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])

test('a client is told that it may, joins, is answered, and beside it calls go on over the same connection', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo)
  const session = await openSession(house)
  assert.equal(session.remoteSettings.enableConnectProtocol, true)
  const first = await ask(session, { 'sec-websocket-protocol': 'realtime' })
  assert.deepEqual([first.answer[':status'], first.answer['sec-websocket-protocol']], [200, 'realtime'])
  assert.equal(first.answer['sec-websocket-accept'], undefined)
  assert.ok(first.answer['holdfast-ray'])
  const second = await ask(session)
  for (let i = 0; i < 200; i++) first.stream.write(say(`message ${i}`))
  second.stream.write(say('another'))
  await until('the answers', () => first.heard.includes('message 199') && second.heard.includes('another'))
  const expected = Array.from({ length: 200 }, (_, i) => encode(1, Buffer.from(`message ${i}`)))
  assert.ok(first.heard.equals(Buffer.concat(expected)))
  const models = session.request({ ':path': '/v1/models', authorization: `Bearer ${secret}` })
  const [answer] = (await once(models, 'response')) as [Asked['answer']]
  assert.equal(answer[':status'], 200)
  models.resume()
  const [asked] = echo.requests
  assert.deepEqual([asked?.method, asked?.headers.upgrade], ['GET', 'websocket'])
  assert.equal(asked?.headers.authorization, undefined)
  first.stream.close(8)
  await until('its upstream to be let go', () => echo.sockets.size === 1)
  second.stream.write(say('still here'))
  await until('the answer', () => second.heard.includes('still here'))
  await until('the account', () => house.accounts.some(({ route, status }) => route === 'realtime' && status === 101))
  session.destroy()
  await until('all to be let go', () => echo.sockets.size === 0)
})

test('who may not is told so on its stream; CONNECT for anything else is no way through', async () => {
  await using echo = await EchoServer.open()
  await using house = await openStage(echo)
  const session = await openSession(house)
  const refused = async (more: Record<string, string>): Promise<[number | undefined, string | undefined]> => {
    const asked = await ask(session, more)
    if (!asked.stream.readableEnded) await once(asked.stream, 'end')
    return [asked.answer[':status'], /"cause":"(\w+)"/.exec(asked.heard.toString())?.[1]]
  }
  assert.deepEqual(await refused({ authorization: 'Bearer nobody' }), [401, 'HF_KEY_UNKNOWN'])
  assert.deepEqual(await refused({ ':path': '/v1/realtime?model=x' }), [404, 'HF_MODEL_UNKNOWN'])
  assert.deepEqual(await refused({ 'sec-websocket-version': '8' }), [400, 'HF_BAD_HTTP'])
  assert.equal((await refused({ ':protocol': 'connect-udp' }))[0], 404)
  assert.equal((await refused({ ':path': '/v1/models' }))[0], 405)
  assert.equal(echo.requests.length, 0)
  session.destroy()
})

test('a house that closes ends such a session with a word, too', async () => {
  await using echo = await EchoServer.open()
  const house = await openStage(echo)
  const session = await openSession(house)
  const { stream, heard: _, ...asked } = await ask(session)
  assert.equal(asked.answer[':status'], 200)
  let heard = Buffer.alloc(0)
  stream.on('data', (bytes: Buffer) => void (heard = Buffer.concat([heard, bytes])))
  const drained = house.house.drain(5000, false)
  await once(stream, 'close')
  assert.deepEqual([...heard], [0x88, 2, 1012 >> 8, 1012 & 255])
  await drained
  session.destroy()
  await house.upstream[Symbol.asyncDispose]()
})
