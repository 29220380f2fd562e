// An application behind the gateway: what it is told, what comes back, and what its visitors see when it fails.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createNet, type Server as NetServer } from 'node:net'
import { after, before, test } from 'node:test'
import { once } from 'node:events'
import { openTestHouse, type TestHouse, until } from '../http/harness.ts'
import { ask } from './ask.ts'

let house: TestHouse
let app: Server
let crude: NetServer
/** What the crude server says to whoever connects; null: nothing. */
let crudeWords: string | null = null
let handle: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => void response.end('app')

async function listen(server: Server | NetServer): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

before(async () => {
  app = createServer((request, response) => handle(request, response))
  crude = createNet((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      if (crudeWords !== null) socket.end(crudeWords)
    })
  })
  const dead = createNet()
  const deadUrl = await listen(dead)
  dead.close()
  house = await openTestHouse({
    limits: { bodyBytesMax: 100_000, stalledReaderMs: 500 },
    access: { trustedProxies: ['127.0.0.1'] },
    web: {
      routes: [
        { app: await listen(app), headers: { 'x-frame-options': 'DENY' } },
        {
          path: '/below',
          app: `http://127.0.0.1:${(app.address() as AddressInfo).port}`,
          stripPath: true,
          cache: false,
        },
        { path: '/dead', app: deadUrl },
        { path: '/crude', app: await listen(crude), headMs: 300 },
        { path: '/brief', app: `http://127.0.0.1:${(app.address() as AddressInfo).port}`, idleMs: 200, cache: false },
      ],
    },
  })
})

after(async () => {
  await house[Symbol.asyncDispose]()
  app.closeAllConnections()
  app.close()
  crude.close()
})

/** What the application saw of one request. */
function look(): Promise<{ request: IncomingMessage; body: string }> {
  return new Promise((resolve) => {
    handle = (request, response) => {
      let body = ''
      request.on('data', (piece: Buffer) => (body += piece.toString()))
      request.on('end', () => {
        response.end('seen')
        resolve({ request, body })
      })
    }
  })
}

test('the application is told who asks, and nothing that is of our connection', async () => {
  const seen = look()
  const answer = await ask(house.port, '/a%20b?c=d', {
    method: 'POST',
    body: 'hello',
    headers: {
      connection: 'close, x-mine',
      'x-mine': '1',
      te: 'trailers',
      'x-other': '2',
      'x-forwarded-host': 'front.test',
    },
  })
  assert.equal(answer.text, 'seen')
  const { request, body } = await seen
  const { headers } = request
  assert.deepEqual([request.method, request.url, body], ['POST', '/a%20b?c=d', 'hello'])
  assert.equal(headers.host, 'site.test')
  assert.deepEqual([headers['x-mine'], headers.te, headers['x-other']], [undefined, undefined, '2'])
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(headers['x-forwarded-proto'], 'http')
  assert.equal(headers['x-forwarded-host'], 'front.test')
  assert.equal(headers['forwarded'], 'for=127.0.0.1;host="front.test";proto=http')
  assert.match(headers.via ?? '', /^1\.1 holdfast-/)
  assert.equal(headers['x-request-id'], answer.headers['holdfast-ray'])
})

test('an answer comes back as it is, with our ray, and fields that come twice stay two', async () => {
  handle = (_, response) => {
    response.writeHead(201, 'Made', [
      'set-cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'x-request-id',
      'theirs',
      'keep-alive',
      'timeout=9',
    ])
    response.end('made')
  }
  const { status, rawHeaders, headers, text } = await ask(house.port, '/')
  assert.deepEqual([status, text], [201, 'made'])
  const cookies = rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === 'set-cookie')
  assert.deepEqual(cookies, ['a=1', 'b=2'])
  assert.equal(headers['x-request-id'], headers['holdfast-ray'])
  assert.equal(headers['x-frame-options'], 'DENY')
  assert.match(headers['via'] ?? '', /holdfast/)
})

test('a route may hide its path', async () => {
  const seen = look()
  await ask(house.port, '/below/deep?x=1')
  assert.equal((await seen).request.url, '/deep?x=1')
  const root = look()
  await ask(house.port, '/below')
  assert.equal((await root).request.url, '/')
})

test('bodies stream both ways', async () => {
  let sawFirst = false
  handle = (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    request.on('data', (piece: Buffer) => {
      sawFirst = true
      response.write(`got ${piece.toString()}`)
    })
    request.on('end', () => response.end())
  }
  const socket = connect(house.port, '127.0.0.1')
  let heard = ''
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString()))
  socket.write('POST /up HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n')
  await until('the application to have the first piece', () => sawFirst)
  await until('its answer to be here before the request is over', () => heard.includes('got one'))
  socket.write('3\r\ntwo\r\n0\r\n\r\n')
  await until('the rest', () => heard.includes('got two'))
  socket.destroy()
})

test('early hints are passed on, an upload that waits for leave gets it', async () => {
  handle = (request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' })
    request.resume()
    response.end('ok')
  }
  assert.deepEqual((await ask(house.port, '/')).early, [103])
  const answer = await ask(house.port, '/', { method: 'PUT', body: 'x', headers: { expect: '100-continue' } })
  assert.equal(answer.status, 200)
})

test('too large an upload is refused, told or not', async () => {
  handle = (request, response) => {
    request.resume()
    request.on('end', () => response.end('all'))
  }
  const told = await ask(house.port, '/', { method: 'POST', body: Buffer.alloc(100_001) })
  assert.equal(told.status, 413)
  const socket = connect(house.port, '127.0.0.1')
  let heard = ''
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString())).on('error', () => {})
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n')
  const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`
  for (let i = 0; i < 11; i++) socket.write(chunk)
  await until('the refusal', () => heard.startsWith('HTTP/1.1 413'))
  socket.destroy()
})

test('a dead, a slow, a broken and a babbling application have pages of their own', async () => {
  const cases = [
    ['/dead', null, 502, 'HF_APP_UNREACHABLE'],
    ['/crude', null, 504, 'HF_APP_TIMEOUT'],
    ['/crude', '', 502, 'HF_APP_BROKEN'],
    ['/crude', 'no HTTP at all\r\n\r\n', 502, 'HF_APP_BROKEN'],
    ['/crude', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc', 502, 'HF_APP_BROKEN'],
    [
      '/crude',
      'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      502,
      'HF_APP_BROKEN',
    ],
  ] as const
  for (const [path, words, status, code] of cases) {
    crudeWords = words
    const answer = await ask(house.port, path, { headers: { accept: 'text/html' } })
    assert.deepEqual([answer.status, answer.headers['cache-control']], [status, 'no-store'], `${path} ${words}`)
    assert.match(answer.headers['proxy-status'] ?? '', new RegExp(code))
    assert.match(answer.text, /<html/)
    const { code: logged } = await house.account(answer.headers['holdfast-ray'])
    assert.equal(logged, code)
  }
})

test('an answer that breaks off is not taken for whole', async () => {
  crudeWords = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncache-control: max-age=60\r\n\r\nabc'
  await assert.rejects(ask(house.port, '/crude/cut'))
  crudeWords = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncache-control: max-age=60\r\n\r\n3\r\nabc\r\n'
  await assert.rejects(ask(house.port, '/crude/cut'))
  crudeWords = 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc'
  assert.equal((await ask(house.port, '/crude/cut')).text, 'abc')
})

test('an application that falls silent within its answer is given up', async () => {
  handle = (_, response) => {
    response.writeHead(200, { 'content-length': '10' })
    response.write('abc')
  }
  await assert.rejects(ask(house.port, '/brief/x'))
})

test('a visitor who leaves is told to the application', async () => {
  let isGone = false
  let hasCome = false
  handle = (_, response) => {
    hasCome = true
    response.on('close', () => (isGone = true))
  }
  const socket = connect(house.port, '127.0.0.1')
  socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n')
  await until('the request', () => hasCome)
  socket.destroy()
  await until('the application to know', () => isGone)
})

test('a reader that takes nothing is let go, and the application with it', async () => {
  let isGone = false
  handle = (_, response) => {
    response.writeHead(200, { 'content-length': 50_000_000 })
    response.write(Buffer.alloc(50_000_000))
    response.on('close', () => (isGone = true))
  }
  const socket = connect(house.port, '127.0.0.1').on('error', () => {})
  socket.pause()
  socket.write('GET /much HTTP/1.1\r\nhost: a\r\n\r\n')
  await until('it to be let go', () => isGone)
  socket.destroy()
})

test('what two servers could read in two ways goes to none', async () => {
  let count = 0
  handle = (_, response) => {
    count++
    response.end()
  }
  for (const path of ['/a/../b', '/a/%2e%2e/b', '/..', '//b', '/a\\..\\b', '/a/..%2fb', '/%00'])
    assert.equal((await ask(house.port, path)).status, 400, path)
  assert.equal((await ask(house.port, '/below//evil.test')).status, 400, 'also where the path begins later')
  assert.equal((await ask(house.port, '/', { method: 'TRACE' })).status, 405)
  assert.equal((await ask(house.port, '/', { headers: { host: 'a b' } }).catch(() => ({ status: 400 }))).status, 400)
  assert.equal(count, 0)
})

test('a kept connection that the application has closed costs no visitor a page', async () => {
  app.keepAliveTimeout = 1
  handle = (_, response) => void response.end('ok')
  for (let i = 0; i < 30; i++) {
    assert.equal((await ask(house.port, `/kept/${i}`)).status, 200)
    await new Promise((resolve) => setTimeout(resolve, i % 5))
  }
})
