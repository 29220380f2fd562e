// WebSockets of an application beside the models, with the server that most of them use.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocket as Client, WebSocketServer } from 'ws'
import { openTestHouse, type TestHouse, until } from '../http/harness.ts'

/** Says everything back; packs it where the visitor can unpack it. */
class ChattyApp implements AsyncDisposable {
  readonly requests: IncomingMessage[] = []
  readonly #server: Server = createServer((_, response) => response.end('a page'))
  readonly sockets: WebSocketServer

  private constructor() {
    this.sockets = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } })
    this.#server.on('upgrade', (request, socket, head) => {
      this.requests.push(request)
      if (request.url?.startsWith('/chat/no'))
        return void socket.end(
          'HTTP/1.1 403 No\r\ncontent-type: text/plain\r\nx-inner: 1\r\ncontent-length: 4\r\n\r\nshut',
        )
      this.sockets.handleUpgrade(request, socket, head, (open) => {
        open.on('message', (data, isBinary) => open.send(data as Buffer, { binary: isBinary }))
        open.on('error', () => {})
      })
    })
  }

  static async open(): Promise<ChattyApp> {
    const app = new ChattyApp()
    app.#server.listen(0, '127.0.0.1')
    await once(app.#server, 'listening')
    return app
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.sockets.clients) each.terminate()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function openStage(app: ChattyApp, more: object = {}): Promise<TestHouse> {
  return openTestHouse({ web: { routes: [{ path: '/chat', app: app.url, ...more }] } })
}

function visit(house: TestHouse, path: string, options: object = {}): Client {
  const client = new Client(`ws://127.0.0.1:${house.port}${path}`, ['one', 'two'], options)
  client.on('error', () => {})
  return client
}

test('what is said passes packed and unpacked; the application learns who asks, as with any request', async () => {
  await using app = await ChattyApp.open()
  await using house = await openStage(app)
  const headers = {
    cookie: 'a=1',
    'x-forwarded-for': '6.6.6.6',
    'x-original-url': '/admin',
    authorization: 'Basic eDp5',
  }
  const client = visit(house, '/chat/room?id=7', { headers, origin: 'http://here' })
  await once(client, 'open')
  assert.match(client.extensions, /permessage-deflate/)
  assert.equal(client.protocol, 'one')
  for (const text of ['hello', 'x'.repeat(200_000)]) {
    client.send(text)
    const [data] = (await once(client, 'message')) as [Buffer]
    assert.equal(data.toString(), text)
  }
  const [asked] = app.requests
  assert.equal(asked?.url, '/chat/room?id=7')
  const told = asked?.headers ?? {}
  assert.deepEqual([told.cookie, told.origin, told.authorization], ['a=1', 'http://here', 'Basic eDp5'])
  assert.deepEqual([told['x-forwarded-for'], told['x-original-url']], ['127.0.0.1', undefined])
  assert.match(String(told.via), /holdfast-/)
  assert.equal(told.host, `127.0.0.1:${house.port}`)
  client.close(4001, 'bye')
  const [code] = (await once(client, 'close')) as [number]
  assert.equal(code, 4001)
  await until('the account', () => house.lines.some(({ message }) => message === 'web'))
  const line = house.lines.find(({ message }) => message === 'web') as { path?: string; status?: number } | undefined
  assert.deepEqual([line?.path, line?.status], ['/chat/room', 101])
})

test('an application may decline; one that is away, or has enough, is told of as with any request', async () => {
  await using app = await ChattyApp.open()
  await using house = await openStage(app, { connectionsMax: 1 })
  const answerTo = async (path: string): Promise<{ status: number; text: string; inner: unknown }> => {
    const client = visit(house, path)
    const [, answer] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage]
    let text = ''
    for await (const piece of answer.setEncoding('utf8')) text += piece as string
    return { status: answer.statusCode ?? 0, text, inner: answer.headers['x-inner'] }
  }
  assert.deepEqual(await answerTo('/chat/no'), { status: 403, text: 'shut', inner: undefined })
  const first = visit(house, '/chat/1')
  await once(first, 'open')
  assert.equal((await answerTo('/chat/2')).status, 503)
  assert.equal((await answerTo('/elsewhere')).status, 404)
  assert.equal((await answerTo('/chat/a/../../b')).status, 404)
  assert.equal((await answerTo('//chat/b')).status, 404)
  first.terminate()
  await until('it to be let go', () => app.sockets.clients.size === 0)
  await app[Symbol.asyncDispose]()
  const away = await answerTo('/chat/3')
  assert.equal(away.status, 502)
  assert.match(away.text, /HF_APP_UNREACHABLE/)
})

test('an application that is killed: visitors hear that it is gone, and may come again', async () => {
  await using app = await ChattyApp.open()
  await using house = await openStage(app)
  const client = visit(house, '/chat/1')
  await once(client, 'open')
  for (const each of app.sockets.clients) each.terminate()
  const [code, reason] = (await once(client, 'close')) as [number, Buffer]
  assert.deepEqual([code, reason.toString()], [1014, 'HF_UPSTREAM_CUT'])
})
