// The answer cache: calls that ask the same get the same answer, where they or their keys want that; whole, once, and
// told for what it is.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import {
  assertRefused,
  openTestHouse,
  post,
  rayOf,
  sayHello,
  type TestHouse,
  until,
  type UpstreamCall,
} from './harness.ts'
import type { Answer } from './raw-client.ts'

const upstreamPatience = { timeouts: { patienceMs: 0 }, continuation: { enabled: false } } as const
const keys = [
  { name: 'ann', key: 'key-of-ann', cache: 'all' },
  { name: 'bob', key: 'key-of-bob', cache: 'all' },
  { name: 'sue', key: 'key-of-sue', cache: 'sure' },
  { name: 'tom', key: 'key-of-tom' },
  { name: 'oli', key: 'key-of-oli', cache: 'off' },
] as const

let house: TestHouse

async function open(settings: Partial<ConfigInput> = {}): Promise<void> {
  house = await openTestHouse({ keys: [...keys], ...upstreamPatience, ...settings })
}
afterEach(async () => {
  await until('all calls to be over', () => house.house.callsLive() === 0)
  await house[Symbol.asyncDispose]()
})

interface Ask {
  readonly key?: string
  readonly path?: string
  readonly headers?: readonly string[]
}

function bytesOf(body: object, { key = 'ann', path, headers = [] }: Ask = {}): Buffer {
  const messages = [{ role: 'user', content: 'hi' }]
  const all = ['content-type: application/json', `authorization: Bearer key-of-${key}`, ...headers]
  return post(JSON.stringify({ model: 'm', messages, ...body }), { headers: all, ...(path !== undefined && { path }) })
}

const ask = (body: object = {}, how: Ask = {}): Promise<Answer> => house.ask(bytesOf(body, how))
const stateOf = ({ headers }: Answer): string | undefined => /^\w+/.exec(headers['holdfast-cache'] ?? '')?.[0]
const causeOf = ({ body }: Answer): string => (JSON.parse(body) as { error: { cause: string } }).error.cause
const upstreamCount = (): number => house.upstream.calls.length

/** Each answer of the model server is another one. */
function count(): void {
  let n = 0
  house.upstream.script = (call) => say(call, `answer ${++n}`)
}

function say(call: UpstreamCall, text: string): void {
  if (!call.body.stream) {
    const choice = { index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
    return call.answer({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [choice], usage })
  }
  call.beginStream()
  for (const word of text.split(' ')) call.say(`${word} `)
  call.endStream()
}

describe('a kept answer', () => {
  beforeEach(async () => {
    await open()
    count()
  })

  test('is given to the same question byte for byte, and says that it is', async () => {
    const first = await ask()
    const second = await ask({ user: 'someone', metadata: { a: '1' }, n: 1 })
    assert.deepEqual([first.status, stateOf(first)], [200, 'miss'])
    assert.equal(first.headers['cache-status'], 'holdfast; fwd=miss')
    assert.equal(first.headers['age'], undefined)
    assert.deepEqual([second.body, stateOf(second)], [first.body, 'hit'])
    assert.match(second.headers['holdfast-cache'] ?? '', /^hit; age=\d; usage=recorded$/)
    assert.match(second.headers['cache-status'] ?? '', /^holdfast; hit; ttl=(599|600)$/)
    assert.match(second.headers['age'] ?? '', /^\d$/)
    // It is read again under the ray of the answer, and has a name of its own for the caller's log.
    assert.equal(second.headers['holdfast-ray'], first.headers['holdfast-ray'])
    assert.notEqual(second.headers['x-request-id'], first.headers['x-request-id'])
    assert.equal(upstreamCount(), 1)
    const account = await house.account(second.headers['x-request-id'])
    assert.deepEqual([account.outcome, account.cache, account.attempts, account.caller], ['complete', 'hit', [], 'ann'])
  })

  test('is a stream for those who want one, and one body made of it for others', async () => {
    const streamed = { stream: true, stream_options: { include_usage: true } }
    const first = await ask(streamed)
    const second = await ask(streamed)
    assert.deepEqual([stateOf(second), second.body], ['hit', first.body])
    assert.match(second.body, /^id: 0\ndata: /)
    assert.match(second.body, /data: \[DONE\]\n\n$/)
    const whole = await ask()
    assert.equal(stateOf(whole), 'hit')
    const { choices } = JSON.parse(whole.body) as { choices: { message: { content: string } }[] }
    assert.equal(choices[0]?.message.content, 'answer 1 ')
    // A stream without the count of tokens is another form.
    const bare = await ask({ stream: true })
    assert.equal(stateOf(bare), 'miss')
    assert.equal(upstreamCount(), 2)
  })

  test('is not given to another question, model or language', async () => {
    await ask({ temperature: 0.5 })
    assert.equal(stateOf(await ask({ temperature: 0.6 })), 'miss')
    assert.equal(stateOf(await ask({ temperature: 0.5, messages: [{ role: 'user', content: 'ho' }] })), 'miss')
    assert.equal(stateOf(await ask({ temperature: 0.5, seed: 1 })), 'miss')
    assert.equal(upstreamCount(), 4)
  })

  test('is found by its ray again, where a reader broke off', async () => {
    const first = await ask({ stream: true })
    const hit = await ask({ stream: true })
    const ray = hit.headers['holdfast-ray'] ?? ''
    const again = await house.ask(
      `GET /v1/answers/${ray}?after=0 HTTP/1.1\r\nhost: g\r\nauthorization: Bearer key-of-ann\r\n\r\n`,
    )
    assert.equal(again.status, 200)
    assert.equal(again.body.slice(again.body.indexOf('id: 1')), first.body.slice(first.body.indexOf('id: 1')))
  })
})

describe('who gets it', () => {
  test('each key has its own, and which calls of it is for the key to say', async () => {
    await open()
    count()
    await ask()
    assert.equal(stateOf(await ask({}, { key: 'bob' })), 'miss')
    assert.equal(stateOf(await ask({}, { key: 'bob' })), 'hit')
    // Left to chance: not by itself for one who wants only what is sure, but if it asks.
    const drawn = await ask({}, { key: 'sue' })
    assert.equal(drawn.headers['holdfast-cache'], 'bypass; reason=chance')
    assert.equal(drawn.headers['cache-status'], 'holdfast; fwd=bypass; detail=chance')
    assert.equal(stateOf(await ask({ temperature: 0 }, { key: 'sue' })), 'miss')
    assert.equal(stateOf(await ask({ temperature: 0 }, { key: 'sue' })), 'hit')
    assert.equal(stateOf(await ask({}, { key: 'sue', headers: ['holdfast-cache: use'] })), 'miss')
    assert.equal(stateOf(await ask({}, { key: 'sue', headers: ['holdfast-cache: use'] })), 'hit')
    // Who says nothing has no cache, and no header of one; who asks has.
    assert.equal(stateOf(await ask({ temperature: 0 }, { key: 'tom' })), undefined)
    assert.equal(stateOf(await ask({ temperature: 0 }, { key: 'tom', headers: ['holdfast-cache: use'] })), 'miss')
    for (let i = 0; i < 2; i++)
      assert.equal(stateOf(await ask({}, { key: 'oli', headers: ['holdfast-cache: use'] })), undefined)
  })

  test('with `shared` all keys have one, and each may read on where it broke off, but not delete', async () => {
    await open({ cache: { shared: true } })
    count()
    const first = await ask({ stream: true })
    const other = await ask({ stream: true }, { key: 'bob' })
    assert.deepEqual([stateOf(other), other.body], ['hit', first.body])
    const target = `/v1/answers/${other.headers['holdfast-ray']}`
    const bobs = `HTTP/1.1\r\nhost: g\r\nauthorization: Bearer key-of-bob\r\n\r\n`
    assert.equal((await house.ask(`GET ${target}?after=0 ${bobs}`)).status, 200)
    const deleted = await house.ask(`DELETE ${target} ${bobs}`)
    assert.deepEqual([deleted.status, causeOf(deleted)], [404, 'HF_ANSWER_UNKNOWN'])
    // What was not made for all stays with whom it was made for.
    const own = await ask({}, { key: 'tom' })
    const seen = await house.ask(`GET /v1/answers/${rayOf(own)} ${bobs}`)
    assert.deepEqual([seen.status, causeOf(seen)], [404, 'HF_ANSWER_UNKNOWN'])
  })

  test('without keys, those with credentials for the model servers are apart', async () => {
    await open({ keys: [] })
    count()
    const use = ['holdfast-cache: use']
    assert.equal(stateOf(await ask({}, { key: 'x', headers: use })), 'miss')
    assert.equal(stateOf(await ask({}, { key: 'y', headers: use })), 'miss')
    assert.equal(stateOf(await ask({}, { key: 'x', headers: use })), 'hit')
  })
})

describe('what a call may say', () => {
  beforeEach(async () => {
    await open()
    count()
  })

  test('`refresh` and `no-cache` ask anew, and what they get is kept', async () => {
    const first = await ask()
    const fresh = await ask({}, { headers: ['holdfast-cache: refresh'] })
    assert.deepEqual([stateOf(fresh), fresh.headers['cache-status']], ['refreshed', 'holdfast; fwd=request'])
    assert.notEqual(fresh.body, first.body)
    assert.equal((await ask()).body, fresh.body)
    const again = await ask({}, { headers: ['cache-control: no-cache'] })
    assert.equal(stateOf(again), 'refreshed')
    assert.equal((await ask()).body, again.body)
    assert.equal(upstreamCount(), 3)
  })

  test('`no-store` and `off` leave no trace', async () => {
    const bypassed = await ask({}, { headers: ['cache-control: no-store'] })
    assert.equal(bypassed.headers['holdfast-cache'], 'bypass; reason=no-store')
    assert.equal(stateOf(await ask({}, { headers: ['holdfast-cache: off'] })), undefined)
    assert.equal(stateOf(await ask()), 'miss')
    assert.equal(stateOf(await ask({}, { headers: ['cache-control: no-store'] })), 'bypass')
  })

  test('`only` and `only-if-cached` never ask a model server', async () => {
    for (const header of ['holdfast-cache: only', 'cache-control: only-if-cached'])
      assertRefused(await ask({}, { headers: [header] }), 504, 'HF_NOT_KEPT')
    await ask()
    for (const header of ['holdfast-cache: only', 'cache-control: only-if-cached'])
      assert.equal(stateOf(await ask({}, { headers: [header] })), 'hit')
    assert.equal(upstreamCount(), 1)
  })

  test('`max-age` takes nothing older', async () => {
    await ask()
    assert.equal(stateOf(await ask({}, { headers: ['cache-control: max-age=100'] })), 'hit')
    assert.equal(stateOf(await ask({}, { headers: ['cache-control: max-age=0'] })), 'miss')
  })

  test('another word is refused', async () => {
    assertRefused(await ask({}, { headers: ['holdfast-cache: maybe'] }), 400, 'HF_BAD_CALL', 'holdfast-cache')
  })

  test('some calls are never answered from memory, and are told why', async () => {
    const tool = { type: 'function', function: { name: 'f', parameters: {} } }
    const image = [{ type: 'image_url', image_url: { url: 'https://example.com/now.png' } }]
    const cases: [string, object, Ask][] = [
      ['tools', { tools: [tool] }, {}],
      ['acts', { web_search_options: {} }, {}],
      ['address', { messages: [{ role: 'user', content: image }] }, {}],
      ['key', {}, { headers: ['idempotency-key: k1'] }],
      ['seams', {}, { headers: ['holdfast-seams: mark'] }],
      ['size', { padding: 'x'.repeat(300_000) }, {}],
      ['state', { input: 'hi', previous_response_id: 'resp_1' }, { path: '/v1/responses' }],
    ]
    for (const [reason, body, how] of cases) {
      const { headers } = await ask(body, how)
      assert.equal(headers['holdfast-cache'], `bypass; reason=${reason}`)
      assert.equal(headers['cache-status'], `holdfast; fwd=bypass; detail=${reason}`)
    }
  })
})

describe('what it costs', () => {
  test('a hit takes nothing of the limits of its key', async () => {
    const limits = { requestsPerMinute: 100, tokensPerMinute: 100_000 }
    await open({ keys: [{ name: 'ann', key: 'key-of-ann', cache: 'all', limits }] })
    count()
    const left = async (): Promise<number> => {
      const { headers } = await ask({ seed: 100 + upstreamCount() }) // another question: it is counted
      return Number(headers['x-ratelimit-remaining-requests'])
    }
    await ask()
    const before = await left()
    for (let i = 0; i < 20; i++) assert.equal(stateOf(await ask()), 'hit')
    await until('the calls to be given back', () => house.house.callsLive() === 0)
    assert.ok((await left()) >= before - 2, `${before} before`)
  })
})

describe('other languages', () => {
  test('embeddings and messages are kept as well, each as it was', async () => {
    await open()
    let n = 0
    house.upstream.script = (call) => {
      const usage = { prompt_tokens: 1, total_tokens: 1 }
      const data = [{ object: 'embedding', index: 0, embedding: [++n] }]
      if (call.path.endsWith('/embeddings')) return call.answer({ object: 'list', model: 'm', data, usage })
      sayHello(call)
    }
    const inputs = { messages: undefined, input: 'hi', user: 'u' }
    const first = await ask(inputs, { key: 'sue', path: '/v1/embeddings' })
    const second = await ask({ ...inputs, user: 'v' }, { key: 'sue', path: '/v1/embeddings' })
    assert.deepEqual([first.status, stateOf(first), stateOf(second)], [200, 'miss', 'hit'])
    assert.deepEqual(second.body, first.body)
    const messages = { max_tokens: 9, temperature: 0 }
    const said = await ask(messages, { key: 'sue', path: '/v1/messages' })
    const again = await ask({ ...messages, metadata: { user_id: 'x' } }, { key: 'sue', path: '/v1/messages' })
    assert.deepEqual([said.status, stateOf(said), stateOf(again), again.body], [200, 'miss', 'hit', said.body])
  })
})

describe('what is kept', () => {
  test('is not served beyond its time', async () => {
    await open({ cache: { ttlMs: 1000, staleIfErrorMs: 0 } })
    count()
    await ask()
    assert.equal(stateOf(await ask()), 'hit')
    const began = performance.now()
    let state: string | undefined = 'hit'
    while (state === 'hit' && performance.now() - began < 10_000) state = stateOf(await ask())
    assert.equal(state, 'miss')
    assert.ok(performance.now() - began > 500)
  })

  test('is whole and good: what fails, breaks off, is filtered or too large is not', async () => {
    await open({ cache: { answerBytesMax: 2000 } })
    const scripts: ((call: UpstreamCall) => void)[] = [
      (call) => call.answer({ error: { message: 'no' } }, 500),
      (call) => {
        call.beginStream()
        call.say('half')
        setTimeout(() => call.response.destroy(), 20)
      },
      (call) => {
        call.beginStream()
        const choices = [{ index: 0, delta: { content: 'x' }, finish_reason: 'content_filter' }]
        call.response.end(`data: ${JSON.stringify({ id: 'c', choices })}\n\ndata: [DONE]\n\n`)
      },
      (call) => say(call, 'long '.repeat(300)),
    ]
    for (const script of scripts) {
      house.upstream.script = script
      const before = upstreamCount()
      const bytes = bytesOf({ stream: true })
      await house.ask(bytes).catch(() => null)
      house.upstream.script = (call) => call.answer({ error: { message: 'no' } }, 400)
      const next = await house.ask(bytes)
      assert.equal(next.status, 400, JSON.stringify(next))
      assert.ok(upstreamCount() >= before + 2)
    }
  })

  test('serves when no model server does, within its time, and says so', async () => {
    await open({ cache: { ttlMs: 1000, staleIfErrorMs: 600_000 } })
    count()
    const first = await ask()
    house.upstream.script = (call) => call.answer({ error: { message: 'down' } }, 503)
    let old = await ask()
    const began = performance.now()
    while (stateOf(old) === 'hit' && performance.now() - began < 10_000) old = await ask()
    assert.deepEqual([old.status, stateOf(old), old.body], [200, 'stale', first.body])
    assert.match(old.headers['holdfast-cache'] ?? '', /^stale; age=\d+; usage=recorded$/)
    assert.match(old.headers['cache-status'] ?? '', /^holdfast; fwd=stale; ttl=-\d+; detail=HF_\w+$/)
    // Who wants it new, or not so old, is told the truth.
    for (const header of ['holdfast-cache: refresh', 'cache-control: stale-if-error=0'])
      assert.ok((await ask({}, { headers: [header] })).status >= 500, header)
    // A question that nobody asked before has no old answer.
    assert.ok((await ask({ seed: 9 })).status >= 500)
    // What is wrong with the call itself is no reason for an old answer.
    house.upstream.script = (call) => call.answer({ error: { message: 'bad' } }, 400)
    assert.equal((await ask()).status, 400)
  })

  test('comes at its pace', async () => {
    await open({ cache: { pace: 50 } })
    count()
    house.upstream.script = (call) => say(call, 'a b c d e f g h i j')
    const first = await ask({ stream: true })
    const began = performance.now()
    const second = await ask({ stream: true })
    assert.deepEqual([stateOf(second), second.body], ['hit', first.body])
    assert.ok(performance.now() - began >= 180, `11 events at 50 a second took ${performance.now() - began} ms`)
  })
})
