/**
 * Bad input over real sockets: whatever a visitor sends as a body, the answer says what was wrong, nothing of it
 * reaches the model server, and the house answers the next good call.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { FaultCode } from '../../src/fault/code.ts'
import {
  assertRefused,
  assertRefusedByParser,
  goodBody,
  openTestHouse,
  pause,
  post,
  rayOf,
  request,
  streamBody,
  type TestHouse,
  until,
} from './harness.ts'
import type { Answer } from './raw-client.ts'

const mib = 2 ** 20
const limit = { timeout: 60_000 }

let house: TestHouse
/** The same with limits small enough to be reached in a test. */
let small: TestHouse

before(async () => {
  house = await openTestHouse()
  small = await openTestHouse({
    limits: { bodyBytesMax: mib, bodiesBytesMax: 2 * mib, headersMs: 300, requestMs: 700 },
  })
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await small[Symbol.asyncDispose]()
})
afterEach(async () => {
  await house.isWell()
  await small.isWell()
})

/** Refused with this status and code, and never sent on. */
function assertNotSent(answer: Answer, status: number, code: FaultCode, param?: string): void {
  assertRefused(answer, status, code, param)
  assert.equal(house.upstream.calls.length + small.upstream.calls.length, 0, 'nothing reached the model server')
}

describe('a body that is no call', limit, () => {
  const broken: readonly (readonly [string, string | Buffer])[] = [
    ['nothing at all', ''],
    ['blanks only', ' \r\n\t '],
    ['half an object', goodBody.slice(0, 20)],
    ['an array', '[1,2]'],
    ['a string', '"model"'],
    ['two objects', goodBody + goodBody],
    ['a comma too many', '{"model":"m","messages":[1],}'],
    ['single quotes', "{'model':'m'}"],
    ['a comment', '{"model":"m"/* the best */,"messages":[1]}'],
    ['NaN', '{"model":"m","messages":[NaN]}'],
    ['a number with a leading zero', '{"model":"m","messages":[1],"n":01}'],
    ['a raw line break inside a string', '{"model":"m\n","messages":[1]}'],
    ['an escape that does not exist', '{"model":"\\q","messages":[1]}'],
    ['NUL bytes', Buffer.alloc(100)],
    ['a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(goodBody)])],
    ['UTF-16', Buffer.from(goodBody, 'utf16le')],
    ['a lone continuation byte', Buffer.from('{"model":"m","messages":["\x80"]}', 'latin1')],
    ['half a surrogate pair as UTF-8', Buffer.from('{"model":"m","messages":["\xed\xa0\x80"]}', 'latin1')],
    ['an overlong slash', Buffer.from('{"model":"m","messages":["\xc0\xaf"]}', 'latin1')],
    ['two models', '{"model":"m","messages":[1],"model":"other"}'],
    ['two models, one spelled with an escape', '{"model":"m","messages":[1],"mod\\u0065l":"other"}'],
    ['two stream flags', '{"model":"m","messages":[1],"stream":true,"stream":false}'],
    ['10,000 levels of arrays', `{"model":"m","messages":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
    ['10,000 levels of objects', `{"model":"m","messages":[${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}]}`],
    ['a million levels never closed', `{"model":"m","messages":${'['.repeat(1_000_000)}`],
    ['2000 fields', `{"model":"m",${Array.from({ length: 2000 }, (_, i) => `"f${i}":1`).join(',')},"messages":[1]}`],
  ]
  for (const [name, body] of broken) {
    test(`${name}: is not valid JSON here`, async () => {
      const answer = await house.ask(post(body))
      assertNotSent(answer, 400, 'HF_BAD_JSON')
      assert.match(answer.body, /line \d+, column \d+, byte \d+/i, 'the place is named')
    })
  }

  test('the place of the flaw is exact, and the body is not quoted', async () => {
    const answer = await house.ask(post('{"model":"m",\n "messages":["a secret" x]}'))
    assertNotSent(answer, 400, 'HF_BAD_JSON')
    assert.match(answer.body, /line 2, column 25, byte 38/i)
    assert.doesNotMatch(answer.body, /secret/)
  })

  const wrong: readonly (readonly [string, string, string])[] = [
    ['no model', '{"messages":[1]}', 'model'],
    ['a null model', '{"model":null,"messages":[1]}', 'model'],
    ['an empty model', '{"model":"","messages":[1]}', 'model'],
    ['a blank model', '{"model":"  ","messages":[1]}', 'model'],
    ['a number as the model', '{"model":1,"messages":[1]}', 'model'],
    ['a list as the model', '{"model":["m"],"messages":[1]}', 'model'],
    ['a model with a line break', '{"model":"m\\r\\nx: y","messages":[1]}', 'model'],
    ['a model of a megabyte', `{"model":"${'m'.repeat(mib)}","messages":[1]}`, 'model'],
    ['no messages', '{"model":"m"}', 'messages'],
    ['null messages', '{"model":"m","messages":null}', 'messages'],
    ['no message among the messages', '{"model":"m","messages":[ ]}', 'messages'],
    ['messages as text', '{"model":"m","messages":"hi"}', 'messages'],
    ['messages as an object', '{"model":"m","messages":{}}', 'messages'],
    ['a stream flag in words', '{"model":"m","messages":[1],"stream":"true"}', 'stream'],
    ['a stream flag as a number', '{"model":"m","messages":[1],"stream":1}', 'stream'],
  ]
  for (const [name, body, param] of wrong) {
    test(`${name}: names the field`, async () => {
      assertNotSent(await house.ask(post(body)), 400, 'HF_BAD_CALL', param)
    })
  }

  test('an unknown model is not found, and the answer says what is offered', async () => {
    for (const model of ['x', 'M', 'm ', '__proto__', 'constructor', '../m', 'ünïcode']) {
      const answer = await house.ask(post(JSON.stringify({ model, messages: [1] })))
      assertNotSent(answer, 404, 'HF_MODEL_UNKNOWN', 'model')
      assert.match(answer.body, /offered are m\."/)
    }
  })

  test('another language of models has the same checks', async () => {
    const checks: readonly (readonly [string, string, string])[] = [
      ['/v1/completions', '{"model":"m"}', 'prompt'],
      ['/v1/completions', '{"model":"m","prompt":{}}', 'prompt'],
      ['/v1/embeddings', '{"model":"m","input":true}', 'input'],
      ['/v1/responses', '{"model":"m"}', 'input'],
      ['/v1/messages', '{"model":"m","messages":"hi"}', 'messages'],
      ['/v1/messages/count_tokens', '{"model":"m"}', 'messages'],
    ]
    for (const [path, body, param] of checks) {
      assertNotSent(await house.ask(post(body, { path })), 400, 'HF_BAD_CALL', param)
    }
  })
})

describe('a body of the wrong kind', limit, () => {
  const types = [
    'text/html',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'json',
    'application/octet-stream',
  ]
  for (const type of types) {
    test(`content-type ${type} is not taken`, async () => {
      assertNotSent(await house.ask(post(goodBody, { headers: [`content-type: ${type}`] })), 415, 'HF_MEDIA_TYPE')
    })
  }
  for (const coding of ['gzip', 'br', 'zstd', 'deflate', 'gzip, identity', 'x']) {
    test(`content-encoding ${coding} is not taken`, async () => {
      const headers = ['content-type: application/json', `content-encoding: ${coding}`]
      assertNotSent(await house.ask(post(goodBody, { headers })), 415, 'HF_MEDIA_TYPE')
    })
  }
  for (const type of [
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/vnd.api+json',
    'text/plain',
    'application/x-www-form-urlencoded',
  ]) {
    test(`JSON called ${type} is taken`, async () => {
      assert.equal((await house.ask(post(goodBody, { headers: [`content-type: ${type}`] }))).status, 200)
    })
  }
  test('JSON without a content-type is taken', async () => {
    assert.equal((await house.ask(post(goodBody, { headers: [] }))).status, 200)
  })
})

describe('a body that is too large', limit, () => {
  const announced = (bytes: number | string, ...headers: string[]): string =>
    ['POST /v1/chat/completions HTTP/1.1', 'host: gateway', `content-length: ${bytes}`, ...headers, '', ''].join('\r\n')

  for (const bytes of [64 * mib + 1, 10 ** 12, Number.MAX_SAFE_INTEGER]) {
    test(`${bytes} announced bytes are refused before the first one is sent`, async () => {
      await using client = await house.visit()
      client.write(announced(bytes))
      const answer = await client.answer()
      assertNotSent(answer, 413, 'HF_BODY_TOO_LARGE')
      assert.equal(answer.headers['connection'], 'close')
      assert.equal(await client.ended(), '', 'the connection ends, since the body was not read')
    })
  }

  test('a length beyond counting is no length', async () => {
    assertRefusedByParser(await house.ask(announced('9'.repeat(40))), 400, 'HF_BAD_HTTP')
  })

  test('who sends 64 MiB all the same is told so and cut off, and nothing is kept of it', async () => {
    await using client = await house.visit()
    const heldBytes = process.memoryUsage().arrayBuffers
    client.write(announced(64 * mib + 1))
    const piece = Buffer.alloc(256 * 1024, 0x20)
    let sentBytes = 0
    while (!client.hasEnded && sentBytes < 64 * mib) {
      sentBytes += piece.length
      if (!client.write(piece)) await pause(1)
    }
    assertNotSent(await client.answer(), 413, 'HF_BODY_TOO_LARGE')
    await client.ended()
    // What the client itself holds for sending is counted too, once.
    const grownBytes = process.memoryUsage().arrayBuffers - heldBytes - client.socket.writableLength
    assert.ok(grownBytes < 16 * mib, `${grownBytes} bytes more are held`)
  })

  test('exactly the limit is taken', async () => {
    const body = goodBody.replace('hi', 'x'.repeat(mib - goodBody.length + 2))
    assert.equal(body.length, mib)
    assert.equal((await small.ask(post(body))).status, 200)
  })

  test('one byte more is not', async () => {
    assertNotSent(
      await small.ask(post(`${goodBody}${' '.repeat(mib + 1 - goodBody.length)}`)),
      413,
      'HF_BODY_TOO_LARGE',
    )
  })

  test('chunks that add up to too much are cut off at the limit', async () => {
    await using client = await small.visit()
    client.write('POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n')
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 0x20), Buffer.from('\r\n')])
    for (let i = 0; i < 17; i++) client.write(chunk)
    const answer = await client.answer()
    assertNotSent(answer, 413, 'HF_BODY_TOO_LARGE')
    await client.ended()
  })

  test('good chunks in any sizes are taken', async () => {
    const chunks = [...goodBody].map((letter) => `1\r\n${letter}\r\n`).join('')
    const answer = await small.ask(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    )
    assert.equal(answer.status, 200)
  })

  test('who asks first whether to send is refused just the same', async () => {
    await using client = await house.visit()
    client.write(announced(64 * mib + 1, 'expect: 100-continue'))
    const first = await client.answer()
    assertNotSent(first.status === 100 ? await client.answer() : first, 413, 'HF_BODY_TOO_LARGE')
  })

  test('bodies that fill the common purse are told to come back, and leave it as they found it', async () => {
    const head = announced(mib)
    for (let round = 0; round < 3; round++) {
      const first = await small.visit()
      const second = await small.visit()
      for (const client of [first, second]) client.write(`${head}{${' '.repeat(mib - 2)}`)
      let answer: Answer
      do {
        small.upstream.calls.length = 0
        answer = await small.ask(post(goodBody))
      } while (answer.status === 200) // the two have not been read yet
      assertNotSent(answer, 503, 'HF_QUEUE_FULL')
      assert.equal(answer.headers['retry-after'], '2')
      first.leave()
      second.reset()
      await until(
        'the purse to be given back',
        () => small.lines.filter(({ code }) => code === 'HF_CLIENT_GONE').length === 2,
      )
      small.lines.length = 0
      small.upstream.calls.length = 0
    }
  })

  test('a body that is only announced does not keep others out', async () => {
    const clients = await Promise.all([small.visit(), small.visit(), small.visit()])
    for (const client of clients) client.write(`${announced(mib)}{`)
    await pause(50)
    const answer = await small.ask(post(goodBody))
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    assert.ok(answer.status === 200, `${answer.status} !== 200`)
  })
})

describe('slow requests', limit, () => {
  for (const [name, bytes] of [
    ['headers that do not end', 'GET /v1/models HTTP/1.1\r\nhost:'],
    ['a body that does not come', 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n'],
    ['a body that stops', 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n{"model"'],
    [
      'a chunk that stops',
      'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"m',
    ],
  ] as const) {
    test(`${name} are not waited for`, async () => {
      await using client = await small.visit()
      client.write(bytes)
      assertRefusedByParser(await client.answer(), 408, 'HF_BODY_TIMEOUT')
      assert.equal(await client.ended(), '')
    })
  }

  test('a body that drips in is cut off at the same time as one that stops', async () => {
    await using client = await small.visit()
    client.write('POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n')
    for (let i = 0; !client.hasEnded && !client.received.includes('\r\n\r\n') && i < 1000; i++) {
      client.write(' ')
      await pause(10)
    }
    assertRefusedByParser(await client.answer(), 408, 'HF_BODY_TIMEOUT')
  })

  test('an answer that takes longer than a request may is not cut', async () => {
    small.upstream.script = (call) =>
      void setTimeout(
        () =>
          call.answer({
            id: 'c',
            object: 'chat.completion',
            choices: [{ index: 0, message: { role: 'assistant', content: 'late' }, finish_reason: 'stop' }],
          }),
        2500,
      )
    const answer = await small.ask(post(goodBody))
    assert.equal(answer.status, 200, answer.body)
    assert.match(answer.body, /late/)
  })
})

describe('several requests on one connection', limit, () => {
  test('written at once are answered in order, each whole', async () => {
    await using client = await house.visit()
    client.write(
      Buffer.concat([
        post(streamBody),
        post(goodBody),
        post('{'),
        Buffer.from(request('GET', '/v1/models')),
        post(streamBody),
      ]),
    )
    const answers = []
    for (let i = 0; i < 5; i++) answers.push(await client.answer())
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 400, 200, 200],
    )
    assert.deepEqual(
      answers.map(({ framing }) => framing),
      ['chunked', 'length', 'length', 'length', 'chunked'],
    )
    for (const i of [0, 4]) assert.match(answers[i]?.body ?? '', /hello[^]*data: \[DONE\]\n\n$/)
    assert.equal(new Set(answers.map(rayOf)).size, 5, 'each has a ray of its own')
    assert.equal(client.received, '')
  })
})
