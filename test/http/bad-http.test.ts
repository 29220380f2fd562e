/** Requests that break the rules of HTTP, or that two servers could read in two ways: refused, and none is sent on. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { FaultCode } from '../../src/fault/code.ts'
import {
  assertRefused,
  assertRefusedByParser,
  goodBody,
  openTestHouse,
  post,
  rayOf,
  request,
  type TestHouse,
} from './harness.ts'
import type { Answer } from './raw-client.ts'

const limit = { timeout: 60_000 }

let house: TestHouse

before(async () => {
  house = await openTestHouse()
})
after(() => house[Symbol.asyncDispose]())
afterEach(async () => {
  await house.isWell()
})

/** Refused with this status and code, and never sent on. */
function assertNotSent(answer: Answer, status: number, code: FaultCode): void {
  assertRefused(answer, status, code)
  assert.equal(house.upstream.calls.length, 0, 'nothing reached the model server')
}

describe('a request that two servers could read in two ways', limit, () => {
  const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n'
  const parsed: readonly (readonly [string, string])[] = [
    ['content-length and transfer-encoding', `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['transfer-encoding and content-length', `${head}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${head}content-length: 5\r\ncontent-length: 6\r\n\r\n{}`],
    ['the same length twice', `${head}content-length: 2\r\ncontent-length: 2\r\n\r\n{}`],
    ['a list of lengths', `${head}content-length: 2, 2\r\n\r\n{}`],
    ['a signed length', `${head}content-length: +2\r\n\r\n{}`],
    ['a negative length', `${head}content-length: -2\r\n\r\n{}`],
    ['a hexadecimal length', `${head}content-length: 0x2\r\n\r\n{}`],
    ['an empty length', `${head}content-length:\r\n\r\n{}`],
    ['a coding that is nearly chunked', `${head}transfer-encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['chunked not at the end', `${head}transfer-encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['a chunk without a size', `${head}transfer-encoding: chunked\r\n\r\n\r\n{}\r\n`],
    ['a chunk size in words', `${head}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['a chunk size beyond counting', `${head}transfer-encoding: chunked\r\n\r\n${'f'.repeat(17)}\r\n`],
    ['a chunk longer than its size', `${head}transfer-encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n`],
    [
      '20 KiB of chunk extension',
      `${head}transfer-encoding: chunked\r\n\r\n2;${'a'.repeat(20_480)}\r\n{}\r\n0\r\n\r\n`,
    ],
    ['a folded header', 'GET /v1/models HTTP/1.1\r\nhost: a\r\nx-a: b\r\n c\r\n\r\n'],
    ['a blank before the colon', 'GET /v1/models HTTP/1.1\r\nhost : a\r\n\r\n'],
    ['a header without a name', 'GET /v1/models HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n'],
    ['a header without a colon', 'GET /v1/models HTTP/1.1\r\nhost: a\r\nx-a\r\n\r\n'],
    ['NUL in a value', 'GET /v1/models HTTP/1.1\r\nhost: a\r\nx-a: b\0c\r\n\r\n'],
    ['a bare CR in a value', 'GET /v1/models HTTP/1.1\r\nhost: a\r\nx-a: b\rc\r\n\r\n'],
    ['lines that end with LF only', 'GET /v1/models HTTP/1.1\nhost: a\n\n'],
    ['a version that does not exist', 'GET /v1/models HTTP/1.2\r\nhost: a\r\n\r\n'],
    ['a version of tomorrow', 'GET /v1/models HTTP/3.0\r\nhost: a\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a method in lower case', 'get /v1/models HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['an answer instead of a request', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['random bytes', '\xff\x00\x80\x12 \r\n\r\n'],
  ]
  for (const [name, bytes] of parsed) {
    test(`${name}: is refused, and the connection with it`, async () => {
      await using client = await house.visit()
      client.write(bytes)
      assertRefusedByParser(await client.answer(), 400, 'HF_BAD_HTTP')
      assert.equal(await client.ended(), '', 'one answer, then the end')
    })
  }

  const guarded: readonly (readonly [string, string])[] = [
    ['two Hosts', 'GET /v1/models HTTP/1.1\r\nhost: a\r\nHOST: b\r\n\r\n'],
    ['the same Host twice', 'GET /v1/models HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n'],
    ['HTTP/0.9', 'GET /v1/models\r\n\r\n'],
    [
      'HTTP/0.9 with headers and a body',
      `POST /v1/chat/completions\r\nhost: a\r\ncontent-length: ${goodBody.length}\r\n\r\n${goodBody}`,
    ],
    [
      'chunks in HTTP/1.0',
      'POST /v1/chat/completions HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    ],
    ['an absolute target', 'GET http://a/v1/models HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['an absolute target of another host', 'GET http://b/v1/models HTTP/1.1\r\nhost: a\r\n\r\n'],
    [
      'an absolute target of a call',
      `POST http://a/v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: ${goodBody.length}\r\n\r\n${goodBody}`,
    ],
  ]
  for (const [name, bytes] of guarded) {
    test(`${name}: is refused by the guard`, async () => {
      assertNotSent(await house.ask(bytes), 400, 'HF_BAD_HTTP')
    })
  }

  test('a coding before chunked is not read as if it were none', {
    // node:http takes it, and the guard does not look.
  }, async () => {
    const size = goodBody.length.toString(16)
    const answer = await house.ask(`${head}transfer-encoding: gzip, chunked\r\n\r\n${size}\r\n${goodBody}\r\n0\r\n\r\n`)
    assert.ok(answer.status !== 200, `status ${answer.status}`)
  })

  test('what follows a request whose body was left unread is not taken for a request', async () => {
    await using client = await house.visit()
    client.write(`${head}content-type: text/html\r\ncontent-length: 1000\r\n\r\n`)
    assertNotSent(await client.answer(), 415, 'HF_MEDIA_TYPE')
    client.write(post(goodBody))
    assert.equal(await client.ended(), '')
    assert.equal(house.upstream.calls.length, 0)
  })
})

describe('headers', limit, () => {
  const bombs: readonly (readonly [string, string])[] = [
    ['one of 40 KB', request('GET', '/v1/models', `x: ${'y'.repeat(40_000)}`)],
    ['a name of 40 KB', request('GET', '/v1/models', `${'y'.repeat(40_000)}: x`)],
    ['8000 small ones', request('GET', '/v1/models', ...Array.from({ length: 8000 }, (_, i) => `x${i}: y`))],
    ['a target of 40 KB', request('GET', `/${'y'.repeat(40_000)}`)],
    ['ones that never end', `GET /v1/models HTTP/1.1\r\n${'x: y\r\n'.repeat(10_000)}`],
  ]
  for (const [name, bytes] of bombs) {
    test(`${name} are too large`, async () => {
      await using client = await house.visit()
      client.write(bytes)
      assertRefusedByParser(await client.answer(), 431, 'HF_HEADERS_TOO_LARGE')
      await client.ended()
    })
  }

  test('a second Host is found behind a thousand other headers', async () => {
    const filler = Array.from({ length: 900 }, () => 'a: b')
    assertNotSent(await house.ask(request('GET', '/v1/models', ...filler, 'host: other')), 400, 'HF_BAD_HTTP')
  })

  test('a request that has passed here before runs in a circle', async () => {
    await house.ask(post(goodBody))
    const via = house.upstream.calls[0]?.headers.via ?? ''
    house.upstream.calls.length = 0
    assert.notEqual(via, '')
    assertNotSent(await house.ask(post(goodBody, { headers: [`via: ${via}`] })), 508, 'HF_LOOP')
  })

  test('those between two machines, and those of the visitor about himself, are not passed on', async () => {
    const headers = [
      'connection: keep-alive, x-mine',
      'x-mine: 1',
      'te: trailers',
      'cookie: a=b',
      'x-forwarded-for: 1.2.3.4',
    ]
    assert.equal((await house.ask(post(goodBody, { headers }))).status, 200)
    const sent = house.upstream.calls[0]?.headers ?? {}
    for (const name of ['x-mine', 'te', 'cookie', 'transfer-encoding']) assert.equal(sent[name], undefined, name)
    assert.notEqual(sent.host, 'gateway')
  })
})

describe('methods and paths', limit, () => {
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND']) {
    test(`${method} is not for calls`, async () => {
      await using client = await house.visit()
      client.write(request(method, '/v1/chat/completions', 'connection: close'))
      const text = await client.ended()
      assert.match(text, /^HTTP\/1\.1 405 /)
      assert.match(text, /\r\nallow: POST\r\n/)
      assert.match(text, /details="HF_METHOD_UNKNOWN"/)
      if (method === 'HEAD') assert.ok(text.endsWith('\r\n\r\n'), 'no body')
    })
  }

  test('a list of models takes GET and HEAD only', async () => {
    for (const path of ['/v1/models', '/v1/models/m']) {
      assert.equal((await house.ask(request('GET', path))).status, 200)
      const answer = await house.ask(request('DELETE', path))
      assertNotSent(answer, 405, 'HF_METHOD_UNKNOWN')
      assert.equal(answer.headers['allow'], 'GET, HEAD')
    }
  })

  const nowhere = [
    '/',
    '/v1',
    '/v1/',
    '/v1/chat',
    '/v1/chat/completions/',
    '/v1//chat/completions',
    '/V1/chat/completions',
    '/chat/completions',
    '/v1/chat/completions%20',
  ]
  for (const path of [
    ...nowhere,
    '/v1/../v1/chat/completions',
    '/../../etc/passwd',
    '/v1/chat%2fcompletions',
    '/metrics',
    '/v1/modelsx',
    '//evil.example/v1/models',
  ]) {
    test(`there is nothing at ${path}`, async () => {
      assertNotSent(await house.ask(post(goodBody, { path })), 404, 'HF_ROUTE_UNKNOWN')
    })
  }

  test('a query does not hide a path', async () => {
    assert.equal((await house.ask(post(goodBody, { path: '/v1/chat/completions?api-version=1&x=%00' }))).status, 200)
  })

  test('a model whose name is not properly encoded is refused, an unknown one not found', async () => {
    assertNotSent(await house.ask(request('GET', '/v1/models/%zz')), 400, 'HF_BAD_HTTP')
    assertNotSent(await house.ask(request('GET', '/v1/models/%E2%82')), 400, 'HF_BAD_HTTP')
    assertNotSent(await house.ask(request('GET', '/v1/models/other%2Fmodel')), 404, 'HF_MODEL_UNKNOWN')
    assertNotSent(await house.ask(request('GET', '/v1/models/__proto__')), 404, 'HF_MODEL_UNKNOWN')
  })

  test('an offer to change the protocol is not taken up', async () => {
    for (const upgrade of ['websocket', 'h2c']) {
      assert.equal(
        (await house.ask(request('GET', '/v1/models', 'connection: upgrade', `upgrade: ${upgrade}`))).status,
        200,
      )
    }
  })

  test('a tunnel is refused with an answer', {
    // node:http closes CONNECT without a word when nobody listens to it.
  }, async () => {
    assert.equal((await house.ask('CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n')).status, 405)
  })
})

describe('what node:http answers by itself', limit, () => {
  // Node writes these without asking anyone: no ray, no code, no account in log and metrics.
  const bare = {}
  test('a request without a Host is refused, and bears a ray', bare, async () => {
    rayOf(await house.ask('GET /v1/models HTTP/1.1\r\n\r\n'))
  })
  test('an expectation that nobody knows is refused, and bears a ray', bare, async () => {
    rayOf(await house.ask(post(goodBody, { headers: ['expect: magic'] })))
  })
  test('a refusal by the parser bears all three names of its ray', async () => {
    rayOf(await house.ask('get / HTTP/1.1\r\nhost: a\r\n\r\n'))
  })
})

describe('behind a request that is refused for its form', limit, () => {
  const open = (line: string): string =>
    `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n${line}\r\n\r\n`
  const size = goodBody.length.toString(16)
  const chunks = `${size}\r\n${goodBody}\r\n0\r\n\r\n`
  for (const line of [
    'transfer-encoding: identity\r\ntransfer-encoding: chunked',
    'transfer-encoding: ,chunked',
    'host: b\r\ntransfer-encoding: chunked',
  ]) {
    test(`nothing is looked at: ${JSON.stringify(line)}`, async () => {
      await using client = await house.visit()
      client.write(Buffer.concat([Buffer.from(open(line) + chunks, 'latin1'), post(goodBody)]))
      assertNotSent(await client.answer(), 400, 'HF_BAD_HTTP')
      assert.equal(await client.ended(), '', 'one answer, then the end')
      assert.equal(house.upstream.calls.length, 0)
    })
  }

  test('HTTP/2.0 in a line of text is no HTTP/2', async () => {
    assertNotSent(await house.ask(post(goodBody, { version: '2.0' })), 400, 'HF_BAD_HTTP')
  })
})
