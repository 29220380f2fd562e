/**
 * The official SDKs as callers of a language that their upstream does not speak. A server on the loopback translates
 * calls, answers them from scripts in the upstream's language, and the SDKs must put the right text, tool calls and
 * usage together.
 */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import Anthropic, { APIError as AnthropicError, BadRequestError as AnthropicBadRequest } from '@anthropic-ai/sdk'
import OpenAI, { APIError, BadRequestError } from 'openai'
import { routeNames, routes, type Route } from '../../src/dialect/call.ts'
import { errorBody, errorEvent } from '../../src/dialect/error-body.ts'
import { readCall } from '../../src/dialect/read-call.ts'
import { SseSplitter } from '../../src/dialect/sse-splitter.ts'
import { translate } from '../../src/dialect/translate.ts'
import { Fault, toFault } from '../../src/fault/fault.ts'

const ray = '06c8m0dfk2h3vd4zq7k1hb-lab'

const sse = (values: readonly object[], isNamed: boolean): string =>
  values
    .map(
      (value) => `${isNamed ? `event: ${(value as { type: string }).type}\n` : ''}data: ${JSON.stringify(value)}\n\n`,
    )
    .join('')
const chunk = (delta: object, finish: string | null = null): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 5,
  model: 'up',
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
})
const args = ['{"city"', ':"Rome"}']
const chatUsage = {
  prompt_tokens: 17,
  completion_tokens: 9,
  total_tokens: 26,
  prompt_tokens_details: { cached_tokens: 5 },
}
const chatStart = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ reasoning_content: 'hm' }),
  chunk({ content: 'Hel' }),
  chunk({ content: 'lo ☀' }),
]
const call = (index: number, id: string | undefined, piece: string): object => ({
  tool_calls: [
    { index, ...(id && { id, type: 'function' }), function: { ...(id && { name: 'get_weather' }), arguments: piece } },
  ],
})
const chatStream = sse(
  [
    ...chatStart,
    chunk(call(0, 'call_a', '')),
    ...args.map((piece) => chunk(call(0, undefined, piece))),
    chunk(call(1, 'call_b', '{}')),
    chunk({}, 'tool_calls'),
    { ...chunk({}), choices: [], usage: chatUsage },
  ],
  false,
)
const chatWhole = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 5,
  model: 'up',
  usage: chatUsage,
  choices: [
    {
      index: 0,
      finish_reason: 'tool_calls',
      message: {
        role: 'assistant',
        content: 'Hello ☀',
        reasoning_content: 'hm',
        tool_calls: [
          { id: 'call_a', type: 'function', function: { name: 'get_weather', arguments: args.join('') } },
          { id: 'call_b', type: 'function', function: { name: 'get_weather', arguments: '{}' } },
        ],
      },
    },
  ],
}
const messagesUsage = { input_tokens: 10, cache_creation_input_tokens: 2, cache_read_input_tokens: 5, output_tokens: 1 }
const block = (index: number, start: object, ...deltas: object[]): object[] => [
  { type: 'content_block_start', index, content_block: start },
  ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
  { type: 'content_block_stop', index },
]
const messagesStart = [
  {
    type: 'message_start',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'up',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: messagesUsage,
    },
  },
  { type: 'ping' },
  ...block(
    0,
    { type: 'thinking', thinking: '', signature: '' },
    { type: 'thinking_delta', thinking: 'hm' },
    { type: 'signature_delta', signature: 'c2ln' },
  ),
  ...block(1, { type: 'text', text: '' }, { type: 'text_delta', text: 'Hel' }, { type: 'text_delta', text: 'lo ☀' }),
]
const messagesStream = sse(
  [
    ...messagesStart,
    ...block(
      2,
      { type: 'tool_use', id: 'call_a', name: 'get_weather', input: {} },
      ...args.map((piece) => ({ type: 'input_json_delta', partial_json: piece })),
    ),
    ...block(3, { type: 'tool_use', id: 'call_b', name: 'get_weather', input: {} }),
    { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 9 } },
    { type: 'message_stop' },
  ],
  true,
)
const messagesWhole = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'up',
  stop_reason: 'tool_use',
  stop_sequence: null,
  usage: { ...messagesUsage, output_tokens: 9 },
  content: [
    { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
    { type: 'text', text: 'Hello ☀' },
    { type: 'tool_use', id: 'call_a', name: 'get_weather', input: { city: 'Rome' } },
    { type: 'tool_use', id: 'call_b', name: 'get_weather', input: {} },
  ],
}

/** What the scripted upstream says, by the language it is spoken to in; the model's name picks the story. */
const scripts: Record<string, { stream: string; whole: object }> = {
  'chat tools': { stream: `${chatStream}data: [DONE]\n\n`, whole: chatWhole },
  'messages tools': { stream: messagesStream, whole: messagesWhole },
  'chat broken': {
    stream: `${sse(chatStart, false)}data: {"error":{"message":"CUDA error","code":500}}\n\n`,
    whole: { error: { message: 'CUDA error' } },
  },
  'messages broken': {
    stream: `${sse(messagesStart, true)}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n`,
    whole: {},
  },
}

/** The other language, which a caller's route is translated to. */
const spokenBy: Partial<Record<Route, Route>> = { chat: 'messages', messages: 'chat', responses: 'chat' }

/** One call from the caller's bytes to the caller's bytes. */
function serve(route: Route, body: Buffer): { status: number; type: string; bytes: Buffer } {
  const { family } = routes[route]
  try {
    const asked = readCall(route, body, {})
    const translation = translate(asked, new Set([spokenBy[route] ?? route]), asked.model, { nowMs: 5000 })
    const script = scripts[`${translation?.route} ${asked.model}`]
    assert.ok(translation && script)
    if (!asked.isStream)
      return {
        status: 200,
        type: 'application/json',
        bytes: translation.readWhole(Buffer.from(JSON.stringify(script.whole))).body,
      }
    const events: Buffer[] = []
    const reader = translation.streamReader((event) => events.push(event))
    new SseSplitter((event) => reader.read(event)).push(Buffer.from(script.stream))
    if (reader.isComplete) reader.end()
    else events.push(errorEvent(reader.failure ?? new Fault('HF_UPSTREAM_CUT'), ray, route))
    return { status: 200, type: 'text/event-stream', bytes: Buffer.concat(events) }
  } catch (thrown) {
    const fault = toFault(thrown)
    return { status: fault.status, type: 'application/json', bytes: errorBody(fault, ray, family) }
  }
}

let server: Server
let openai: OpenAI
let anthropic: Anthropic

before(async () => {
  server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const route = routeNames.find((name) => request.url === `/v1${routes[name].path}`)
      assert.ok(route, `no route for ${request.url}`)
      const { status, type, bytes } = serve(route, Buffer.concat(pieces))
      response.writeHead(status, { 'content-type': type, 'x-request-id': ray, 'request-id': ray }).end(bytes)
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  openai = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'x', maxRetries: 0 })
  anthropic = new Anthropic({ baseURL: origin, apiKey: 'x', maxRetries: 0 })
})

after(() => new Promise<void>((resolve) => void server.close(() => resolve())))

const messages = [{ role: 'user' as const, content: 'Weather in Rome?' }]
const parameters = { type: 'object' as const, properties: { city: { type: 'string' } } }
const chatTools = [{ type: 'function' as const, function: { name: 'get_weather', parameters } }]
const messageTools = [{ name: 'get_weather', input_schema: parameters }]
const responseTools = [{ type: 'function' as const, name: 'get_weather', parameters, strict: false }]

describe('openai chat on an Anthropic upstream', () => {
  const check = (completion: OpenAI.ChatCompletion): void => {
    const [choice] = completion.choices
    assert.ok(choice)
    assert.equal(choice.message.content, 'Hello ☀')
    assert.equal((choice.message as { reasoning_content?: string }).reasoning_content, 'hm')
    assert.equal(choice.finish_reason, 'tool_calls')
    const calls = choice.message.tool_calls?.map((one) =>
      one.type === 'function' ? [one.id, one.function.name, JSON.parse(one.function.arguments)] : one,
    )
    assert.deepEqual(calls, [
      ['call_a', 'get_weather', { city: 'Rome' }],
      ['call_b', 'get_weather', {}],
    ])
    assert.deepEqual(
      [
        completion.usage?.prompt_tokens,
        completion.usage?.completion_tokens,
        completion.usage?.prompt_tokens_details?.cached_tokens,
      ],
      [17, 9, 5],
    )
    assert.deepEqual([completion.id, completion.model, completion.created], ['msg_1', 'up', 5])
  }

  test('streamed, by the stream helper', async () => {
    check(
      await openai.chat.completions
        .stream({ model: 'tools', messages, tools: chatTools, stream_options: { include_usage: true } })
        .finalChatCompletion(),
    )
  })

  test('streamed, piece by piece', async () => {
    let text = ''
    for await (const piece of await openai.chat.completions.create({ model: 'tools', messages, stream: true })) {
      assert.equal(piece.choices.length, 1)
      text += piece.choices[0]?.delta.content ?? ''
    }
    assert.equal(text, 'Hello ☀')
  })

  test('whole', async () => check(await openai.chat.completions.create({ model: 'tools', messages, tools: chatTools })))

  test('throws at an error in the stream', async () => {
    const seen: string[] = []
    await assert.rejects(
      async () => {
        for await (const piece of await openai.chat.completions.create({ model: 'broken', messages, stream: true }))
          seen.push(piece.choices[0]?.delta.content ?? '')
      },
      (thrown) =>
        thrown instanceof APIError &&
        thrown.code === 'server_is_overloaded' &&
        (thrown.error as { ray?: string }).ray === ray,
    )
    assert.equal(seen.join(''), 'Hello ☀')
  })

  test('is told which field cannot be served', async () => {
    await assert.rejects(
      openai.chat.completions.create({ model: 'tools', messages, n: 2 }),
      (thrown) => thrown instanceof BadRequestError && thrown.param === 'n' && thrown.requestID === ray,
    )
  })
})

describe('@anthropic-ai/sdk messages on a chat upstream', () => {
  const check = (message: Anthropic.Message): void => {
    assert.deepEqual(
      message.content.map((one) =>
        one.type === 'text'
          ? one.text
          : one.type === 'thinking'
            ? [one.thinking, one.signature]
            : one.type === 'tool_use'
              ? [one.id, one.name, one.input]
              : one,
      ),
      [['hm', ''], 'Hello ☀', ['call_a', 'get_weather', { city: 'Rome' }], ['call_b', 'get_weather', {}]],
    )
    assert.equal(message.stop_reason, 'tool_use')
    assert.deepEqual(
      [message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens],
      [12, 5, 9],
    )
    assert.equal(message.model, 'up')
  }
  const asked = { model: 'tools', max_tokens: 99, messages, tools: messageTools }

  test('streamed, by the stream helper', async () => {
    const stream = anthropic.messages.stream(asked)
    const texts: string[] = []
    stream.on('text', (piece) => texts.push(piece))
    check(await stream.finalMessage())
    assert.deepEqual(texts, ['Hel', 'lo ☀'])
  })

  test('whole', async () => check(await anthropic.messages.create(asked)))

  test('throws at an error in the stream', async () => {
    await assert.rejects(
      anthropic.messages.stream({ ...asked, model: 'broken' }).finalMessage(),
      (thrown) =>
        thrown instanceof AnthropicError && thrown.type === 'api_error' && JSON.stringify(thrown.error).includes(ray),
    )
  })

  test('is told which field cannot be served', async () => {
    await assert.rejects(
      anthropic.messages.create({ ...asked, tools: [{ type: 'web_search_20250305', name: 'web_search' }] }),
      (thrown) => thrown instanceof AnthropicBadRequest && /tools\[0\]\.type/.test(thrown.message),
    )
  })
})

describe('openai responses on a chat upstream', () => {
  const check = (response: OpenAI.Responses.Response): void => {
    assert.equal(response.output_text, 'Hello ☀')
    assert.equal(response.status, 'completed')
    assert.deepEqual(
      response.output.map((item) => item.type),
      ['reasoning', 'message', 'function_call', 'function_call'],
    )
    const calls = response.output.flatMap((item) =>
      item.type === 'function_call' ? [[item.call_id, item.name, JSON.parse(item.arguments)]] : [],
    )
    assert.deepEqual(calls, [
      ['call_a', 'get_weather', { city: 'Rome' }],
      ['call_b', 'get_weather', {}],
    ])
    assert.deepEqual(
      [response.usage?.input_tokens, response.usage?.output_tokens, response.usage?.input_tokens_details.cached_tokens],
      [17, 9, 5],
    )
  }

  test('streamed, by the stream helper', async () => {
    check(
      await openai.responses
        .stream({ model: 'tools', input: 'Weather in Rome?', tools: responseTools })
        .finalResponse(),
    )
  })

  test('streamed, numbered from 0 without a gap', async () => {
    const numbers: number[] = []
    let text = ''
    for await (const event of await openai.responses.create({ model: 'tools', input: 'x', stream: true })) {
      numbers.push(event.sequence_number)
      if (event.type === 'response.output_text.delta') text += event.delta
    }
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index),
    )
    assert.equal(text, 'Hello ☀')
  })

  test('whole', async () =>
    check(await openai.responses.create({ model: 'tools', input: 'Weather in Rome?', tools: responseTools })))

  test('throws at an error in the stream', async () => {
    await assert.rejects(openai.responses.stream({ model: 'broken', input: 'x' }).finalResponse(), APIError)
  })
})
