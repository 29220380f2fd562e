/** The profiles: what each imitated server has of its own, how it says no, and to what. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedAnswer } from '../../lab/answer.ts'
import { openSimServer, type SimServer, type SimServerOptions } from '../../lab/sim-server.ts'
import { at, call, chat, type Outcome } from './plain-client.ts'

const engine = { speed: 10 }

/** Runs with a server of its own. */
async function withSim<T>(options: SimServerOptions, run: (sim: SimServer) => Promise<T>): Promise<T> {
  await using own = await openSimServer({ engine, ...options })
  return await run(own)
}

test('llama.cpp: 500 for bad JSON, its own context error, slots, props and timings, any model name', async () => {
  await withSim({ profile: 'llamacpp', contextTokensMax: 64 }, async (own) => {
    assert.equal((await call(own.url, '/v1/chat/completions', '{')).status, 500)
    const tooLong = await call(own.url, '/v1/chat/completions', chat('x'.repeat(400)))
    assert.deepEqual(
      ['code', 'type', 'n_ctx'].map((name) => at(tooLong, `error.${name}`)),
      [400, 'exceed_context_size_error', 64],
    )
    const anyName = await call(own.url, '/v1/chat/completions', chat('x', { model: 'whatever' }))
    assert.ok(Number(at(anyName, 'timings.predicted_n')) > 0)
    assert.equal(at(await call(own.url, '/slots', null), 'length'), 4)
    assert.equal(at(await call(own.url, '/props', null), 'total_slots'), 4)
    assert.match((await call(own.url, '/metrics', null)).text, /llamacpp:requests_processing 0/)
  })
})

test('ollama: its lists, one slot, no messages, no metrics', async () => {
  await withSim({ profile: 'ollama', model: 'tiny:latest' }, async (own) => {
    assert.equal(at(await call(own.url, '/api/tags', null), 'models.0.name'), 'tiny:latest')
    assert.equal(own.engine.options.slots, 1)
    const missing = await Promise.all(['/metrics', '/health'].map((path) => call(own.url, path, null)))
    assert.deepEqual(
      [...missing.map(({ status }) => status), (await call(own.url, '/v1/messages', chat('x'))).status],
      [404, 404, 404],
    )
  })
})

test('openai: a key, a rate, no engine fields, a trailing assistant message begins anew', async () => {
  await withSim({ profile: 'openai', apiKey: 'sk-right', requestsPerMinute: 4 }, async (own) => {
    const ask = (body: object, key = 'sk-right'): Promise<Outcome> =>
      call(own.url, '/v1/chat/completions', body, { headers: { authorization: `Bearer ${key}` } })
    assert.equal(at(await ask(chat('x'), 'sk-wrong'), 'error.code'), 'invalid_api_key')
    const prompt = 'tokens:6'
    const messages = [
      { role: 'user', content: prompt },
      { role: 'assistant', content: expectedAnswer(prompt, 3) },
    ]
    const fresh = await ask({ model: 'lab-model', messages })
    assert.equal(at(fresh, 'choices.0.message.content'), expectedAnswer(prompt))
    assert.equal(fresh.headers['x-ratelimit-remaining-requests'], '3')
    assert.match((await ask(chat('x', { ignore_eos: true }))).text, /Unrecognized request argument/)
    assert.equal((await call(own.url, '/tokenize', {})).status, 404)
    await ask(chat('tokens:1'))
    await ask(chat('tokens:1'))
    const limited = await ask(chat('x'))
    assert.deepEqual([limited.status, Number(limited.headers['retry-after']) > 0], [429, true])
  })
})

test('anthropic: key and version, max_tokens, no prefill, its own errors', async () => {
  await withSim({ profile: 'anthropic' }, async (own) => {
    const headers = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' }
    const ask = (body: object, given: Record<string, string> = headers): Promise<Outcome> =>
      call(own.url, '/v1/messages', body, { headers: given })
    const refused = [
      await ask(chat('x', { max_tokens: 5 }), { 'anthropic-version': '2023-06-01' }),
      await ask(chat('x', { max_tokens: 5 }), { 'x-api-key': 'k' }),
      await ask(chat('x')),
      await ask({
        model: 'lab-model',
        max_tokens: 9,
        messages: [
          { role: 'user', content: 'x' },
          { role: 'assistant', content: 'w0' },
        ],
      }),
    ].map((outcome) => [outcome.status, at(outcome, 'error.type')])
    assert.deepEqual(refused, [
      [401, 'authentication_error'],
      [400, 'invalid_request_error'],
      [400, 'invalid_request_error'],
      [400, 'invalid_request_error'],
    ])
    const { text } = await ask(chat('tokens:3', { max_tokens: 2, stream: true }))
    assert.match(
      text,
      /^event: message_start\n[^]*event: ping\n[^]*"stop_reason":"max_tokens"[^]*event: message_stop\n/,
    )
    assert.equal((await call(own.url, '/v1/chat/completions', chat('x'), { headers })).status, 404)
  })
})
