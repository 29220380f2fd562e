/** Answers that say no, over real sockets: in the words of whoever asks, with a ray and advice, without secrets. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { FaultCode } from '../../src/fault/code.ts'
import {
  assertRefused,
  goodBody,
  openTestHouse,
  post,
  rayOf,
  request,
  type Script,
  streamBody,
  type TestHouse,
} from './harness.ts'
import type { Answer } from './raw-client.ts'

const limit = { timeout: 60_000 }
const secret = 'upstream-secret-0123456789'

let house: TestHouse
/** The same behind keys. */
let locked: TestHouse

before(async () => {
  house = await openTestHouse({ timeouts: { patienceMs: 0, firstTokenMs: 300, interTokenMs: 300, wholeMs: 300 } })
  locked = await openTestHouse({
    keys: [
      { name: 'all', key: 'key-of-all' },
      { name: 'few', key: 'key-of-few', models: ['other'] },
    ],
  })
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await locked[Symbol.asyncDispose]()
})
afterEach(() => house.isWell())

interface OpenaiError {
  readonly error: {
    message: string
    type: string
    param: string | null
    code: string
    ray: string
    cause: string
    retryable: boolean
  }
}
interface AnthropicError {
  readonly type: string
  readonly request_id: string
  readonly error: { type: string; message: string; ray: string; cause: string }
}

/** An error as OpenAI's SDKs read it. */
function openai(answer: Answer): OpenaiError['error'] {
  const { error, ...rest } = JSON.parse(answer.body) as OpenaiError
  assert.deepEqual(rest, {}, 'error is the only member')
  for (const name of ['message', 'type', 'code'] as const) assert.equal(typeof error[name], 'string', name)
  assert.equal(String(error.retryable), answer.headers['x-should-retry'])
  return error
}

/** An error as Anthropic's SDKs read it. */
function anthropic(answer: Answer): AnthropicError['error'] {
  const { type, request_id: ray, error } = JSON.parse(answer.body) as AnthropicError
  assert.equal(type, 'error')
  assert.equal(ray, answer.headers['request-id'])
  return error
}

describe('keys', limit, () => {
  const withKey = (...headers: string[]): Buffer =>
    post(goodBody, { headers: ['content-type: application/json', ...headers] })

  for (const [name, headers] of [
    ['none', []],
    ['an unknown one', ['authorization: Bearer key-of-nobody']],
    ['an unknown one of the other kind', ['x-api-key: key-of-nobody']],
    ['an empty one', ['authorization: Bearer ']],
    ['one without its scheme', ['authorization: key-of-all']],
    ['one under another scheme', ['authorization: Basic key-of-all']],
    ['one with a blank inside', ['authorization: Bearer key-of all']],
    ['one in other letters', ['authorization: Bearer KEY-OF-ALL']],
    ['half of one', ['x-api-key: key-of']],
  ] as const) {
    test(`${name}: 401, before the body is read`, async () => {
      const answer = await locked.ask(post('{', { headers: ['content-type: application/json', ...headers] }))
      assertRefused(answer, 401, 'HF_KEY_UNKNOWN')
      const { type, code } = openai(answer)
      assert.deepEqual([type, code], ['authentication_error', 'invalid_api_key'])
      assert.equal(locked.upstream.calls.length, 0)
      assert.doesNotMatch(answer.body, /key-of/, 'no key is repeated')
    })
  }

  for (const header of [
    'authorization: Bearer key-of-all',
    'Authorization: bearer  key-of-all',
    'x-api-key: key-of-all',
  ]) {
    test(`${header}: is let in, and goes no further`, async () => {
      locked.upstream.calls.length = 0
      assert.equal((await locked.ask(withKey(header))).status, 200)
      assert.doesNotMatch(JSON.stringify(locked.upstream.calls[0]?.headers), /key-of/)
    })
  }

  test('a key for other models: 403, and the list shows none of these', async () => {
    locked.upstream.calls.length = 0
    const answer = await locked.ask(withKey('x-api-key: key-of-few'))
    assertRefused(answer, 403, 'HF_MODEL_FORBIDDEN', 'model')
    assert.equal(openai(answer).type, 'permission_error')
    assert.equal(locked.upstream.calls.length, 0)
    const list = await locked.ask(request('GET', '/v1/models', 'x-api-key: key-of-few'))
    assert.deepEqual((JSON.parse(list.body) as { data: unknown[] }).data, [])
    assertRefused(await locked.ask(request('GET', '/v1/models/m', 'x-api-key: key-of-few')), 404, 'HF_MODEL_UNKNOWN')
  })

  test('a list of models needs a key too', async () => {
    for (const path of ['/v1/models', '/v1/models/m']) {
      assertRefused(await locked.ask(request('GET', path)), 401, 'HF_KEY_UNKNOWN')
      assert.equal((await locked.ask(request('GET', path, 'x-api-key: key-of-all'))).status, 200)
    }
  })

  test('in the words of Anthropic', async () => {
    const path = '/v1/messages'
    const none = await locked.ask(post(goodBody, { path }))
    assertRefused(none, 401, 'HF_KEY_UNKNOWN')
    assert.equal(anthropic(none).type, 'authentication_error')
    const few = await locked.ask(post(goodBody, { path, headers: ['x-api-key: key-of-few'] }))
    assertRefused(few, 403, 'HF_MODEL_FORBIDDEN')
    assert.equal(anthropic(few).type, 'permission_error')
  })

  test('no key is in the log', async () => {
    await locked.ask(withKey('x-api-key: key-of-all'))
    assert.doesNotMatch(JSON.stringify(locked.lines), /key-of/)
  })
})

interface Case {
  readonly name: string
  readonly script: Script
  readonly status: number
  readonly code: FaultCode
  /** `error.type` for the OpenAI and the Anthropic family. */
  readonly types: readonly [string, string]
  /** Value of Retry-After, if there is to be one. */
  readonly retryAfter?: string
}

function refusing(status: number, value: unknown, headers: Record<string, string> = {}): Script {
  return ({ response }) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

const inside = { error: { message: `10.1.2.3:8000 ${secret}`, type: 'x' } }
const down = ['server_error', 'api_error'] as const
const busy = ['service_unavailable_error', 'overloaded_error'] as const
const cases: readonly Case[] = [
  { name: 'an error of its own', script: refusing(500, inside), status: 502, code: 'HF_UPSTREAM_ERROR', types: down },
  {
    name: 'a page',
    script: ({ response }) => void response.writeHead(502, { 'content-type': 'text/html' }).end(`<h1>${secret}</h1>`),
    status: 502,
    code: 'HF_UPSTREAM_ERROR',
    types: down,
  },
  {
    name: 'too much to do',
    script: refusing(503, inside, { 'retry-after': '7' }),
    status: 503,
    code: 'HF_UPSTREAM_BUSY',
    types: busy,
    retryAfter: '7',
  },
  {
    name: 'too much to do for an hour',
    script: refusing(503, inside, { 'retry-after': '3600' }),
    status: 503,
    code: 'HF_UPSTREAM_BUSY',
    types: busy,
    retryAfter: '60',
  },
  {
    name: 'a rate limit',
    script: refusing(429, inside, { 'retry-after-ms': '2500' }),
    status: 429,
    code: 'HF_UPSTREAM_RATE_LIMITED',
    types: ['rate_limit_error', 'rate_limit_error'],
    retryAfter: '3',
  },
  { name: 'no to our key', script: refusing(401, inside), status: 502, code: 'HF_UPSTREAM_KEY_REFUSED', types: down },
  {
    name: 'no such model',
    script: refusing(404, { error: { message: secret, code: 'model_not_found' } }),
    status: 502,
    code: 'HF_UPSTREAM_MODEL_MISSING',
    types: down,
  },
  {
    name: 'nothing, and closes',
    script: ({ response }) => void response.destroy(),
    status: 502,
    code: 'HF_UPSTREAM_RESET',
    types: down,
  },
  {
    name: 'something that is not HTTP',
    script: ({ response }) => void response.socket?.end(`${secret}\r\n\r\n`),
    status: 502,
    code: 'HF_UPSTREAM_GARBLED',
    types: down,
  },
  {
    name: 'a whole answer that is no JSON',
    script: ({ response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end(`{${secret}`),
    status: 502,
    code: 'HF_UPSTREAM_GARBLED',
    types: down,
  },
  {
    name: 'half an answer',
    script: ({ response }) => {
      response.writeHead(200, { 'content-length': '900' }).write('{"id":')
      setTimeout(() => response.destroy(), 20)
    },
    status: 502,
    code: 'HF_UPSTREAM_CUT',
    types: down,
  },
  {
    name: 'an empty answer',
    script: ({ response }) => void response.writeHead(204).end(),
    status: 502,
    code: 'HF_UPSTREAM_EMPTY',
    types: down,
  },
  { name: 'nothing for too long', script: () => {}, status: 504, code: 'HF_FIRST_TOKEN_TIMEOUT', types: down },
]

describe('a model server that says', limit, () => {
  for (const { name, script, status, code, types, retryAfter } of cases) {
    test(`${name}: ${status} in either family, and nothing of what it said`, async () => {
      for (const [i, path] of ['/v1/chat/completions', '/v1/messages'].entries()) {
        house.upstream.script = script
        const answer = await house.ask(post(goodBody, { path }))
        assertRefused(answer, status, code)
        assert.equal((i === 0 ? openai(answer) : anthropic(answer)).type, types[i])
        assert.doesNotMatch(
          `${answer.body}${JSON.stringify(answer.headers)}`,
          /10\.1\.2\.3|127\.0\.0\.1|upstream-secret/,
        )
        if (retryAfter !== undefined) assert.equal(answer.headers['retry-after'], retryAfter)
        await house.isWell()
      }
    })
  }

  test('that the call itself is wrong: its own words and status are passed on', async () => {
    for (const status of [400, 413, 422]) {
      house.upstream.script = refusing(status, {
        error: { message: 'temperature is too high', type: 'invalid_request_error', param: 'temperature', code: 'hot' },
      })
      const answer = await house.ask(post(goodBody))
      assertRefusedCall(answer, status)
      const { message, param, code } = openai(answer)
      assert.deepEqual([message, param, code], ['temperature is too high', 'temperature', 'hot'])
      assert.equal(house.upstream.calls.length, 1, 'and nobody else is asked')
      await house.isWell()
    }
  })

  test('that the call itself is wrong, in other words than the caller speaks: they are translated', async () => {
    house.upstream.script = refusing(400, { error: { message: 'too hot', type: 'invalid_request_error' } })
    const answer = await house.ask(post(goodBody, { path: '/v1/messages' }))
    assertRefusedCall(answer, 400)
    const { type, message } = anthropic(answer)
    assert.deepEqual([type, message], ['invalid_request_error', 'too hot'])
  })
})

/** Not a fault of a proxy, so Proxy-Status names no error. */
function assertRefusedCall(answer: Answer, status: number): void {
  assert.equal(answer.status, status, answer.body)
  assert.match(answer.headers['proxy-status'] ?? '', /^holdfast; received-status=\d+; details="HF_CALL_REFUSED"$/)
  assert.equal(answer.headers['x-should-retry'], 'false')
  rayOf(answer)
}

describe('an answer that breaks after it began', limit, () => {
  const begin: Script = (call) => {
    call.beginStream()
    call.say('one')
  }
  const breaks: readonly (readonly [string, FaultCode, Script])[] = [
    [
      'is cut',
      'HF_UPSTREAM_CUT',
      (call) => {
        begin(call)
        setTimeout(() => call.response.destroy(), 30)
      },
    ],
    [
      'ends without a reason',
      'HF_UPSTREAM_CUT',
      (call) => {
        begin(call)
        setTimeout(() => call.response.end(), 30)
      },
    ],
    [
      'says it is done without a reason',
      'HF_UPSTREAM_CUT',
      (call) => {
        begin(call)
        setTimeout(() => call.response.end('data: [DONE]\n\n'), 30)
      },
    ],
    ['falls silent', 'HF_UPSTREAM_STALLED', begin],
    [
      'falls silent but for comments',
      'HF_UPSTREAM_STALLED',
      (call) => {
        begin(call)
        const timer = setInterval(() => call.response.write(': still here\n\n'), 50)
        call.response.on('close', () => clearInterval(timer))
      },
    ],
  ]
  for (const [name, code, script] of breaks) {
    test(`${name}: its last event says so, and the connection breaks`, async () => {
      house.upstream.script = script
      await using client = await house.visit()
      client.write(post(streamBody))
      await assert.rejects(client.answer(), /the connection ended/, 'no last chunk: it cannot pass for whole')
      const text = client.received
      assert.match(text, /"content":"one"/)
      assert.doesNotMatch(text, /\[DONE\]/)
      assert.doesNotMatch(text, /\r\n0\r\n/)
      const last = /data: (\{"error":.*\})\n\n\r\n$/.exec(text)?.[1]
      assert.ok(last, text)
      const { error } = JSON.parse(last) as OpenaiError
      assert.equal(error.cause, code)
      assert.equal(error.ray, /holdfast-ray: (\S+)/.exec(text)?.[1])
      const account = await house.account(error.ray)
      assert.deepEqual([account.outcome, account.code, account.status], ['failed', code, 200])
    })
  }

  test('a visitor of HTTP/1.0, who sees no chunks, is told by the last event too', async () => {
    house.upstream.script = (call) => {
      begin(call)
      setTimeout(() => call.response.destroy(), 30)
    }
    const { framing, body } = await house.ask(post(streamBody, { version: '1.0' }))
    assert.equal(framing, 'close')
    assert.match(body, /"content":"one"[^]*data: \{"error":.*HF_UPSTREAM_CUT.*\}\n\n$/)
    assert.doesNotMatch(body, /\[DONE\]/)
  })
})

describe('visitors of HTTP/1.0', limit, () => {
  test('get a whole answer with its length, and a stream without chunks', async () => {
    const whole = await house.ask(post(goodBody, { version: '1.0' }))
    assert.deepEqual([whole.status, whole.framing], [200, 'length'])
    const stream = await house.ask(post(streamBody, { version: '1.0' }))
    assert.deepEqual([stream.status, stream.framing], [200, 'close'])
    assert.ok(stream.body.endsWith('data: [DONE]\n\n'))
    assert.equal(stream.headers['transfer-encoding'], undefined)
  })
})

describe('outside of the model routes', limit, () => {
  const nasty = '/<script>alert(1)</script>?x="&y='

  test('a browser gets a page, with whatever it sent made harmless', async () => {
    const answer = await house.ask(request('GET', nasty, 'accept: text/html,application/xhtml+xml;q=0.9'))
    assertRefused(answer, 404, 'HF_ROUTE_UNKNOWN')
    assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8')
    assert.match(answer.body, /^<!doctype html>/)
    assert.match(answer.body, new RegExp(rayOf(answer)))
    assert.doesNotMatch(answer.body, /<script>/)
    assert.doesNotMatch(answer.body, /\{\{/, 'every slot is filled')
  })

  test('a program gets a problem (RFC 9457)', async () => {
    for (const accept of [[], ['accept: */*'], ['accept: application/problem+json']]) {
      const answer = await house.ask(request('GET', nasty, ...accept))
      assertRefused(answer, 404, 'HF_ROUTE_UNKNOWN')
      assert.equal(answer.headers['content-type'], 'application/problem+json')
      const problem = JSON.parse(answer.body) as Record<string, unknown>
      assert.deepEqual(
        [problem['status'], problem['error_code'], problem['ray_id']],
        [404, 'HF_ROUTE_UNKNOWN', rayOf(answer)],
      )
      for (const name of ['type', 'title', 'detail', 'instance']) assert.equal(typeof problem[name], 'string', name)
    }
  })

  test('an agent gets Markdown, in which nothing that was sent is markup', async () => {
    const answer = await house.ask(request('GET', '/a`b*[c](http://x)\u2028', 'accept: text/markdown, */*;q=0.1'))
    assert.equal(answer.headers['content-type'], 'text/markdown; charset=utf-8')
    const [, front = '', text = ''] = answer.body.split('---\n')
    assert.match(front, /^status: 404\nerror_code: HF_ROUTE_UNKNOWN\n/)
    assert.match(front, new RegExp(`^ray_id: ${rayOf(answer)}$`, 'm'))
    assert.match(text, /## What happened\n\n[^\n]+\n\n## What to do\n\n[^\n]+\n$/)
    assert.doesNotMatch(text, /[^\\][`*[]/)
  })

  test('each error can be looked at before it happens, in each form', async () => {
    const list = await house.ask(request('GET', '/errors'))
    const rows = JSON.parse(list.body) as { code: string; status: number }[]
    assert.ok(rows.length > 50)
    for (const { code } of rows) {
      for (const type of ['text/html', 'text/markdown', 'application/problem+json']) {
        const shown = await house.ask(request('GET', `/errors/${code}`, `accept: ${type}`))
        assert.equal(shown.status, 200)
        assert.ok(shown.body.includes(code), code)
        assert.doesNotMatch(shown.body, /\{\{|undefined/)
      }
    }
    assertRefused(await house.ask(request('GET', '/errors/HF_<b>')), 404, 'HF_ROUTE_UNKNOWN')
    assertRefused(await house.ask(request('POST', '/errors')), 405, 'HF_METHOD_UNKNOWN')
    assert.match((await house.ask(request('GET', '/errors', 'accept: text/html'))).body, /<a href="\/errors\/HF_/)
  })

  test('under /v1 it is always the error of an SDK, whatever is accepted', async () => {
    const unknown = await house.ask(request('GET', '/v1/nothing', 'accept: text/html'))
    assertRefused(unknown, 404, 'HF_ROUTE_UNKNOWN')
    assert.equal(openai(unknown).code, 'unknown_url')
    const version = 'anthropic-version: 2023-06-01'
    assert.equal(anthropic(await house.ask(request('GET', '/v1/nothing', version))).type, 'not_found_error')
    assert.equal(anthropic(await house.ask(request('GET', '/v1/models/x', version))).type, 'not_found_error')
  })
})

describe('every answer', limit, () => {
  test('bears a ray of its own under three names, good or not', async () => {
    const asked = [
      post(goodBody),
      post(streamBody),
      post('{'),
      post(goodBody, { path: '/v1/messages' }),
      post('{', { path: '/v1/messages' }),
      request('GET', '/v1/models'),
      request('GET', '/v1/models/m'),
      request('GET', '/'),
      request('PUT', '/v1/models'),
    ]
    const rays = []
    for (const bytes of asked) rays.push(rayOf(await house.ask(bytes)))
    assert.equal(new Set(rays).size, asked.length)
    assert.deepEqual(rays, [...rays].sort(), 'and they sort by time')
  })

  test('bears a ray of the house, not one that the visitor made up', async () => {
    const answer = await house.ask(request('GET', '/v1/models', 'request-id: mine', 'holdfast-ray: mine'))
    assert.notEqual(rayOf(answer), 'mine')
  })
})

describe('a house that has too much to do', limit, () => {
  test('says so at once, and when to come back', async () => {
    const full = await openTestHouse({ limits: { callsLiveMax: 1 } })
    try {
      full.upstream.script = () => {}
      await using first = await full.visit()
      first.write(post(goodBody))
      const call = await full.upstream.call(0)
      for (const path of ['/v1/chat/completions', '/v1/messages']) {
        const answer = await full.ask(post(goodBody, { path }))
        assertRefused(answer, 503, 'HF_QUEUE_FULL')
        assert.equal(answer.headers['retry-after'], '1')
        assert.equal(answer.headers['x-should-retry'], 'true')
      }
      call.answer({
        id: 'c',
        object: 'chat.completion',
        model: 'm',
        choices: [{ index: 0, message: { role: 'assistant', content: 'done' }, finish_reason: 'stop' }],
      })
      assert.match((await first.answer()).body, /"done"/)
      await full.isWell()
    } finally {
      await full[Symbol.asyncDispose]()
    }
  })
})
