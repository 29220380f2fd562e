/**
 * The official clients of OpenAI and Anthropic against the profiles: they find what they expect, right down to their
 * error classes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { checkAnswer, expectedAnswer, expectedToolArguments } from '../../lab/answer.ts'
import { type ProfileName } from '../../lab/profile.ts'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'

const prompt = 'say it to the sdk'
const messages = [{ role: 'user' as const, content: prompt }]
const model = 'lab-model'

function openai(sim: SimServer): OpenAI {
  return new OpenAI({ baseURL: `${sim.url}/v1`, apiKey: 'sk-lab', maxRetries: 0 })
}

function anthropic(sim: SimServer): Anthropic {
  return new Anthropic({ baseURL: sim.url, apiKey: 'lab', maxRetries: 0 })
}

for (const profile of ['vllm', 'llamacpp', 'ollama', 'openai'] as const satisfies ProfileName[]) {
  test(`openai: chat, completions, embeddings and models from ${profile}`, async () => {
    await using sim = await openSimServer({ profile, engine: { speed: 10 } })
    const client = openai(sim)
    const whole = await client.chat.completions.create({ model, messages })
    assert.equal(whole.choices[0]?.message.content, expectedAnswer(prompt))
    const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } })
    const final = await stream.finalChatCompletion()
    assert.equal(checkAnswer(prompt, final.choices[0]?.message.content ?? ''), null)
    assert.ok((final.usage?.completion_tokens ?? 0) >= 24)
    let plain = ''
    for await (const chunk of await client.completions.create({ model, prompt, stream: true }))
      plain += chunk.choices[0]?.text ?? ''
    assert.equal(plain, expectedAnswer(prompt))
    const { data } = await client.embeddings.create({ model, input: 'x' })
    assert.equal(data[0]?.embedding.length, 32)
    assert.deepEqual(
      (await client.models.list()).data.map(({ id }) => id),
      [model],
    )
  })
}

test('openai: responses, streamed and whole', async () => {
  await using sim = await openSimServer({ profile: 'openai', engine: { speed: 10 } })
  const client = openai(sim)
  assert.equal((await client.responses.create({ model, input: prompt })).output_text, expectedAnswer(prompt))
  const final = await client.responses.stream({ model, input: messages }).finalResponse()
  assert.deepEqual([final.output_text, final.status], [expectedAnswer(prompt), 'completed'])
  const short = await client.responses.create({ model, input: prompt, max_output_tokens: 3 })
  assert.deepEqual([short.status, short.incomplete_details?.reason], ['incomplete', 'max_output_tokens'])
})

test('openai: a function call in a response, streamed and whole', async () => {
  await using sim = await openSimServer({ profile: 'openai', engine: { speed: 10 } })
  const ask = {
    model,
    input: 'please call:weather',
    tools: [{ type: 'function' as const, name: 'weather', parameters: {}, strict: null }],
  }
  const whole = await openai(sim).responses.create(ask)
  const stream = openai(sim).responses.stream(ask)
  let pieces = ''
  stream.on('response.function_call_arguments.delta', ({ delta }) => (pieces += delta))
  const streamed = await stream.finalResponse()
  const expected = ['function_call', 'weather', expectedToolArguments(ask.input), 'completed']
  for (const { output, output_text: text } of [whole, streamed]) {
    assert.deepEqual([output.length, text], [1, ''])
    const [item] = output
    assert.ok(item?.type === 'function_call')
    assert.deepEqual([item.type, item.name, item.arguments, item.status], expected)
  }
  assert.equal(pieces, expectedToolArguments(ask.input))
})

test('openai: a streamed tool call comes together', async () => {
  await using sim = await openSimServer({ engine: { speed: 10 } })
  const content = 'call:weather'
  const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: {} } }]
  const final = await openai(sim)
    .chat.completions.stream({ model, messages: [{ role: 'user', content }], tools })
    .finalChatCompletion()
  const [tool] = final.choices[0]?.message.tool_calls ?? []
  assert.deepEqual(
    [tool?.type === 'function' && tool.function.name, tool?.type === 'function' && tool.function.arguments],
    ['weather', expectedToolArguments(content)],
  )
  assert.equal(final.choices[0]?.finish_reason, 'tool_calls')
})

test('openai: errors are of the classes the client knows', async () => {
  await using sim = await openSimServer({ profile: 'openai', apiKey: 'sk-lab' })
  const client = openai(sim)
  const ask = () => client.chat.completions.create({ model, messages })
  const wrongKey = new OpenAI({ baseURL: `${sim.url}/v1`, apiKey: 'sk-wrong', maxRetries: 0 })
  await assert.rejects(wrongKey.models.list(), OpenAI.AuthenticationError)
  await assert.rejects(client.chat.completions.create({ model: 'nope', messages }), OpenAI.NotFoundError)
  for (const [kind, error] of [
    ['429', OpenAI.RateLimitError],
    ['500', OpenAI.InternalServerError],
    ['context-length', OpenAI.BadRequestError],
    ['reset', OpenAI.APIConnectionError],
  ] as const) {
    sim.order({ kind, count: 1 })
    await assert.rejects(ask(), error, kind)
  }
  sim.order({ kind: 'error-event', count: 1 })
  await assert.rejects(client.chat.completions.stream({ model, messages }).finalChatCompletion(), OpenAI.APIError)
})

for (const profile of ['anthropic', 'vllm', 'llamacpp'] as const satisfies ProfileName[]) {
  test(`anthropic: messages, streamed and whole, tools and counting from ${profile}`, async () => {
    await using sim = await openSimServer({ profile, engine: { speed: 10 } })
    const client = anthropic(sim)
    const whole = await client.messages.create({ model, messages, max_tokens: 500 })
    assert.deepEqual(
      [whole.content[0]?.type === 'text' && whole.content[0].text, whole.stop_reason],
      [expectedAnswer(prompt), 'end_turn'],
    )
    const final = await client.messages.stream({ model, messages, max_tokens: 500 }).finalMessage()
    assert.equal(checkAnswer(prompt, final.content[0]?.type === 'text' ? final.content[0].text : ''), null)
    assert.ok(final.usage.output_tokens >= 24)
    const content = 'call:weather'
    const tools = [{ name: 'weather', input_schema: { type: 'object' as const } }]
    const called = await client.messages
      .stream({ model, messages: [{ role: 'user', content }], tools, max_tokens: 500 })
      .finalMessage()
    assert.deepEqual(called.content[0]?.type === 'tool_use' && [called.content[0].name, called.content[0].input], [
      'weather',
      JSON.parse(expectedToolArguments(content)),
    ])
    assert.equal(called.stop_reason, 'tool_use')
    assert.ok((await client.messages.countTokens({ model, messages })).input_tokens > 0)
  })
}

test('anthropic: errors are of the classes the client knows', async () => {
  await using sim = await openSimServer({ profile: 'anthropic', apiKey: 'lab' })
  const client = anthropic(sim)
  const ask = () => client.messages.create({ model, messages, max_tokens: 50 })
  await assert.rejects(
    new Anthropic({ baseURL: sim.url, apiKey: 'wrong', maxRetries: 0 }).messages.create({
      model,
      messages,
      max_tokens: 5,
    }),
    Anthropic.AuthenticationError,
  )
  const prefilled = [...messages, { role: 'assistant' as const, content: 'w0' }]
  await assert.rejects(client.messages.create({ model, messages: prefilled, max_tokens: 5 }), /prefill/)
  sim.order({ kind: '503', count: 1 })
  await assert.rejects(ask(), (error) => error instanceof Anthropic.InternalServerError && error.status === 529)
  sim.order({ kind: '429', count: 1 })
  await assert.rejects(ask(), Anthropic.RateLimitError)
  sim.order({ kind: 'error-event', count: 1 })
  await assert.rejects(client.messages.stream({ model, messages, max_tokens: 50 }).finalMessage(), Anthropic.APIError)
})
