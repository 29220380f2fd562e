/** The simulated server over real sockets: the same answer by every door, and what each profile has and refuses. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { answerWord, checkAnswer, expectedAnswer, expectedToolArguments, promptHash } from '../../lab/answer.ts'
import type { ProfileName } from '../../lab/profile.ts'
import { openSimServer, type SimServer, type SimServerOptions } from '../../lab/sim-server.ts'
import { decode } from '../../lab/vocabulary.ts'
import { at, call, chat, eventsOf, type Outcome, pick, pickList, streamedText } from './plain-client.ts'

const engine = { speed: 10 }
let sim: SimServer
before(async () => {
  sim = await openSimServer({ engine })
})
after(() => sim.close())

/** Runs with a server of its own. */
async function withSim<T>(options: SimServerOptions, run: (sim: SimServer) => Promise<T>): Promise<T> {
  await using own = await openSimServer({ engine, ...options })
  return await run(own)
}

test('a chat is the same streamed and whole, and the one that must come', async () => {
  const prompt = 'tell me about 琥珀 and 🦊'
  const whole = await call(sim.url, '/v1/chat/completions', chat(prompt))
  const streamed = streamedText((await call(sim.url, '/v1/chat/completions', chat(prompt, { stream: true }))).text)
  assert.equal(at(whole, 'choices.0.message.content'), expectedAnswer(prompt))
  assert.equal(checkAnswer(prompt, streamed.text), null)
  assert.deepEqual([at(whole, 'choices.0.finish_reason'), streamed.finish, streamed.isDone], ['stop', 'stop', true])
})

test('all four doors and another replica give the same answer', async () => {
  const prompt = 'the same everywhere'
  const message = await call(sim.url, '/v1/messages', chat(prompt, { max_tokens: 500, system: 'x' }))
  const response = await call(sim.url, '/v1/responses', { model: 'lab-model', input: prompt })
  const plain = await call(sim.url, '/v1/completions', { model: 'lab-model', prompt })
  const other = await withSim({ profile: 'llamacpp' }, (own) => call(own.url, '/v1/chat/completions', chat(prompt)))
  const texts = [
    at(message, 'content.0.text'),
    at(response, 'output.0.content.0.text'),
    at(plain, 'choices.0.text'),
    at(other, 'choices.0.message.content'),
  ]
  assert.deepEqual(
    texts,
    Array.from({ length: 4 }, () => expectedAnswer(prompt)),
  )
})

test('max_tokens, stop and ignore_eos end an answer as they should', async () => {
  const prompt = 'tokens:12'
  const ends: unknown[] = []
  for (const more of [
    { max_tokens: 5 },
    { max_completion_tokens: 6 },
    { stop: answerWord(promptHash(prompt), 4) },
    { max_tokens: 20, ignore_eos: true },
  ]) {
    const outcome = await call(sim.url, '/v1/chat/completions', chat(prompt, more))
    const count = Number(at(outcome, 'usage.completion_tokens'))
    ends.push([
      checkAnswer(prompt, String(at(outcome, 'choices.0.message.content')), count)?.kind ?? 'right',
      at(outcome, 'choices.0.finish_reason'),
      count,
    ])
  }
  assert.deepEqual(ends, [
    ['right', 'length', 5],
    ['right', 'length', 6],
    ['cut', 'stop', 5],
    ['right', 'length', 20],
  ])
})

test('usage comes at the end of a stream when asked for, and says what was in memory', async () => {
  const prompt = `long ${'and longer '.repeat(40)} tokens:4`
  const ask = chat(prompt, { stream: true, stream_options: { include_usage: true } })
  await call(sim.url, '/v1/chat/completions', ask)
  const events = eventsOf((await call(sim.url, '/v1/chat/completions', ask)).text)
  const last = events.at(-2)
  assert.deepEqual(pick(last, 'choices'), [])
  assert.equal(pick(last, 'usage.completion_tokens'), 4)
  assert.ok(Number(pick(last, 'usage.prompt_tokens_details.cached_tokens')) >= 128)
})

test('a message counts what was in memory the same, streamed and whole', async () => {
  const ask = chat(`long ${'and longer '.repeat(40)} tokens:4`, { max_tokens: 9 })
  await call(sim.url, '/v1/messages', ask)
  const whole = await call(sim.url, '/v1/messages', ask)
  const streamed = eventsOf((await call(sim.url, '/v1/messages', { ...ask, stream: true })).text)
  assert.ok(Number(at(whole, 'usage.cache_read_input_tokens')) >= 128)
  for (const name of ['input_tokens', 'cache_read_input_tokens'])
    assert.equal(pick(streamed[0], `message.usage.${name}`), at(whole, `usage.${name}`))
})

test('an answer cut after any token goes on exactly, by ids', async () => {
  const prompt = 'go on tokens:14'
  const ask = chat(prompt, { stream: true, return_token_ids: true })
  const events = eventsOf((await call(sim.url, '/v1/chat/completions', ask)).text)
  const promptIds = pickList(events[0], 'prompt_token_ids').map(Number)
  const ids = events.flatMap((event) => pickList(event, 'choices.0.token_ids')).map(Number)
  assert.equal(decode(ids), expectedAnswer(prompt))
  for (let cut = 0; cut <= ids.length; cut += 2) {
    const body = {
      model: 'lab-model',
      prompt: [...promptIds, ...ids.slice(0, cut)],
      stream: true,
      return_token_ids: true,
    }
    const rest = streamedText((await call(sim.url, '/v1/completions', body)).text)
    assert.deepEqual([...ids.slice(0, cut), ...rest.ids], ids, `cut after ${cut}`)
    assert.equal(checkAnswer(prompt, decode(ids.slice(0, cut)) + rest.text), null)
  }
})

test('a last assistant message is continued only when asked, and never by half the fields', async () => {
  const prompt = 'prefill tokens:9'
  const messages = [
    { role: 'user', content: prompt },
    { role: 'assistant', content: expectedAnswer(prompt, 4) },
  ]
  const ask = (more: object): Promise<Outcome> =>
    call(sim.url, '/v1/chat/completions', { model: 'lab-model', messages, ...more })
  const open = await ask({ continue_final_message: true, add_generation_prompt: false })
  const closed = await ask({})
  const half = await ask({ continue_final_message: true })
  assert.equal(`${expectedAnswer(prompt, 4)}${String(at(open, 'choices.0.message.content'))}`, expectedAnswer(prompt))
  assert.equal(at(closed, 'choices.0.message.content'), expectedAnswer(prompt))
  assert.equal(half.status, 400)
})

test('a server that echoes repeats the beginning it was given', async () => {
  const prompt = 'echo tokens:9'
  const messages = [
    { role: 'user', content: prompt },
    { role: 'assistant', content: expectedAnswer(prompt, 4) },
  ]
  const outcome = await withSim({ profile: 'llamacpp', echoesPrefix: true }, (own) =>
    call(own.url, '/v1/chat/completions', { messages, stream: true }),
  )
  assert.equal(streamedText(outcome.text).text, expectedAnswer(prompt))
})

test('n and several prompts give as many choices', async () => {
  const body = { model: 'lab-model', prompt: ['one', 'two'], n: 2, max_tokens: 3 }
  const { text } = await call(sim.url, '/v1/completions', body)
  assert.deepEqual(
    pickList(JSON.parse(text), 'choices').map((choice) => pick(choice, 'text')),
    ['one', 'one', 'two', 'two'].map((prompt) => expectedAnswer(prompt, 3)),
  )
  const tooMany = await call(sim.url, '/v1/chat/completions', chat('x', { n: 17 }))
  assert.equal(tooMany.status, 400)
})

test('a prompt that names a tool gets its call, and the result an answer in words', async () => {
  const prompt = 'please call:weather now'
  const tools = [
    { type: 'function', function: { name: 'clock' } },
    { type: 'function', function: { name: 'weather' } },
  ]
  const { text } = await call(sim.url, '/v1/chat/completions', chat(prompt, { tools, stream: true }))
  const deltas = eventsOf(text).flatMap((event) => pickList(event, 'choices.0.delta.tool_calls'))
  assert.equal(pick(deltas[0], 'function.name'), 'weather')
  assert.equal(deltas.map((delta) => pick(delta, 'function.arguments')).join(''), expectedToolArguments(prompt))
  const messages = [
    { role: 'user', content: prompt },
    { role: 'assistant', content: null, tool_calls: [] },
    { role: 'tool', content: 'sunny', tool_call_id: 'x' },
  ]
  const after = await call(sim.url, '/v1/chat/completions', { model: 'lab-model', messages, tools })
  assert.equal(at(after, 'choices.0.message.content'), expectedAnswer(prompt))
})

test('text becomes tokens and comes back', async () => {
  const tokenized = await call(sim.url, '/tokenize', { prompt: 'héllo w0-amber' })
  const tokens = at(tokenized, 'tokens')
  const back = await call(sim.url, '/detokenize', { tokens })
  assert.equal(at(back, 'prompt'), 'héllo w0-amber')
  assert.equal(at(tokenized, 'count'), at(tokenized, 'tokens.length'))
  for (const wrong of [7, 'x', 0x4000000 + 0.5])
    assert.equal((await call(sim.url, '/detokenize', { tokens: [wrong] })).status, 400)
  const counted = await call(sim.url, '/v1/messages/count_tokens', chat('hi'))
  assert.ok(Number(at(counted, 'input_tokens')) > 0)
})

test('embeddings are fixed by the text, of length 1, as numbers and as base64', async () => {
  const ask = (more: object): Promise<Outcome> =>
    call(sim.url, '/v1/embeddings', { model: 'lab-model', input: ['a', 'b'], dimensions: 8, ...more })
  const plain = JSON.parse((await ask({})).text)
  const [first, second] = ['data.0.embedding', 'data.1.embedding'].map((path) => pickList(plain, path).map(Number))
  const packed = String(at(await ask({ encoding_format: 'base64' }), 'data.0.embedding'))
  assert.ok(Math.abs(Math.hypot(...(first ?? [])) - 1) < 1e-9)
  assert.notDeepEqual(first, second)
  for (const input of [[null], [['a']], [{}], 7, []]) assert.equal((await ask({ input })).status, 400)
  const unpacked = new Float32Array(Uint8Array.from(Buffer.from(packed, 'base64')).buffer)
  assert.deepEqual([...unpacked], [...Float32Array.from(first ?? [])])
})

test('the metrics page counts calls and tokens under vLLM’s names', async () => {
  const page = await withSim({}, async (own) => {
    await call(own.url, '/v1/chat/completions', chat('tokens:7'))
    return (await call(own.url, '/metrics', null)).text
  })
  const value = (name: string): number => Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.+)$`, 'm').exec(page)?.[1])
  assert.equal(value('vllm:generation_tokens_total'), 7)
  assert.equal(value('vllm:num_requests_running'), 0)
  assert.equal(value('vllm:time_to_first_token_seconds_count'), 1)
  assert.equal(value('vllm:inter_token_latency_seconds_count'), 6)
  assert.ok(value('vllm:iteration_tokens_total_count') >= 7)
  for (const name of [
    'vllm:num_requests_waiting',
    'vllm:kv_cache_usage_perc',
    'vllm:prefix_cache_queries_total',
    'vllm:prefix_cache_hits_total',
  ])
    assert.ok(value(name) >= 0, name)
  assert.match(page, /vllm:request_success_total\{[^}]*finished_reason="stop"\} 1/)
})

test('a client that leaves frees its slot, and is counted', async () => {
  await withSim({ engine: { decodeRate: 100, slots: 1 } }, async (own) => {
    await call(own.url, '/v1/chat/completions', chat('tokens:5000', { stream: true }), { leaveAfter: 'w2-' })
    const next = await call(own.url, '/v1/chat/completions', chat('tokens:2'))
    assert.equal(next.status, 200)
    assert.deepEqual(
      [own.calls.aborted, own.calls.entries[0]?.isAborted, own.engine.counters.ended.abort],
      [1, true, 1],
    )
    assert.ok((own.calls.entries[0]?.tokens ?? 0) < 5000)
  })
})

test('requests beyond the queue are refused as each server does', async () => {
  const refuse = (profile: ProfileName, path: string, headers = {}): Promise<number | null> =>
    withSim({ profile, engine: { slots: 1, waitingMax: 1, decodeRate: 1 } }, async (own) => {
      const body = chat('tokens:99', { max_tokens: 99 })
      const slow = [1, 2].map(() => call(own.url, path, body, { headers }))
      while (own.engine.runningCount + own.engine.waitingCount < 2)
        await new Promise((resolve) => setImmediate(resolve))
      const { status } = await call(own.url, path, body, { headers })
      await own.close()
      await Promise.all(slow)
      return status
    })
  assert.equal(await refuse('ollama', '/v1/chat/completions'), 503)
  assert.equal(await refuse('anthropic', '/v1/messages', { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' }), 529)
})

test('a call is remembered with its prompt, so that tests can count', async () => {
  await withSim({}, async (own) => {
    for (const prompt of ['a', 'b', 'a'])
      await call(own.url, '/v1/chat/completions', chat(`${prompt} tokens:3`), {
        headers: { 'x-request-id': `id-${prompt}` },
      })
    assert.equal(own.calls.countOf(promptHash('a tokens:3')), 2)
    const seen = await call(own.url, '/lab/calls?prompt=b%20tokens:3', null)
    assert.deepEqual(
      pickList(JSON.parse(seen.text), 'calls').map((entry) =>
        ['requestId', 'status', 'tokens', 'route'].map((name) => pick(entry, name)),
      ),
      [['id-b', 200, 3, 'chat']],
    )
    await call(own.url, '/lab/reset', {})
    assert.equal(own.calls.total, 0)
  })
})

test('wrong requests are refused by name', async () => {
  const wrong: [object | string, number, RegExp][] = [
    ['{"model":', 400, /JSON/],
    [[], 400, /object/],
    [{ model: 'lab-model' }, 400, /messages/],
    [{ model: 'lab-model', messages: [] }, 400, /messages/],
    [{ model: 'lab-model', messages: [{ role: 'wizard', content: 'x' }] }, 400, /role/],
    [{ model: 'lab-model', messages: [{ role: 'user', content: 5 }] }, 400, /content/],
    [chat('x', { max_tokens: 'many' }), 400, /max_tokens/],
    [chat('x', { stream: 'yes' }), 400, /stream/],
    [chat('x', { model: 'other' }), 404, /other/],
    [chat('x', { max_tokens: 200_000 }), 400, /context length/],
  ]
  for (const [body, status, says] of wrong) {
    const outcome = await call(sim.url, '/v1/chat/completions', body)
    assert.equal(outcome.status, status, JSON.stringify(body).slice(0, 80))
    assert.match(outcome.text, says)
  }
  const large = await withSim({ bodyBytesMax: 1000 }, (own) =>
    call(own.url, '/v1/chat/completions', chat('x'.repeat(2000))),
  )
  assert.equal(large.status, 413)
  assert.equal((await call(sim.url, '/v2/nothing', null)).status, 404)
})

test('a request target that is no URL is refused, and the server lives on', async () => {
  for (const target of ['//[', 'http://[bad'])
    assert.equal(await statusOf(`GET ${target} HTTP/1.1\r\nhost: lab\r\n\r\n`), '400')
  assert.equal((await call(sim.url, '/health', null)).status, 200)
})

/** The status of the answer to these very bytes. */
function statusOf(bytes: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: sim.port, host: '127.0.0.1' }, () => socket.write(bytes))
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.on('end', () => resolve(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]))
    socket.on('error', reject)
  })
}
