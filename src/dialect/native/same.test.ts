/** Caller and upstream of one language: what passes, what the relay learns, what is kept back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Fault } from '../../fault/fault.ts'
import type { Route } from '../call.ts'
import { readCall } from '../read-call.ts'
import type { StreamReader, Translation } from '../translation.ts'
import { SameTranslation, type SameOptions } from './same.ts'

const minimal: Record<Route, string> = {
  chat: '"messages":[{"role":"user","content":"hi"}]',
  completions: '"prompt":"hi"',
  embeddings: '"input":"hi"',
  responses: '"input":"hi"',
  messages: '"max_tokens":9,"messages":[{"role":"user","content":"hi"}]',
  count_tokens: '"messages":[{"role":"user","content":"hi"}]',
}

function same(
  route: Route,
  extra = '',
  options: SameOptions & { model?: string; headers?: Record<string, string> } = {},
): Translation {
  const bytes = Buffer.from(`{"model":"m",${minimal[route]}${extra}}`)
  return new SameTranslation(readCall(route, bytes, options.headers ?? {}), options.model ?? 'm', options)
}

const bodyOf = (translation: Translation): string => Buffer.concat(translation.body).toString()

/** Feeds events (without blank lines) and gives what the caller sees, and the reader. */
function play(translation: Translation, events: readonly string[]): { seen: string[]; reader: StreamReader } {
  const seen: string[] = []
  const reader = translation.streamReader((event) => seen.push(event.toString()))
  for (const event of events) reader.read(Buffer.from(event))
  return { seen, reader }
}

const chunk = (delta: unknown, finish: string | null = null, extra: object = {}): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'up', choices: [{ index: 0, delta, finish_reason: finish }], ...extra })}`
const usageChunk =
  'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}'

function faultOf(run: () => unknown): Fault {
  try {
    run()
  } catch (thrown) {
    assert.ok(thrown instanceof Fault, String(thrown))
    return thrown
  }
  return assert.fail('nothing was thrown')
}

describe('SameTranslation of a request', () => {
  test('passes the very bytes when nothing has to change', () => {
    const bytes = Buffer.from(`{"model":"m",${minimal.chat}}`)
    assert.equal(new SameTranslation(readCall('chat', bytes, {}), 'm').body[0], bytes)
  })

  test('names the model as the upstream does and keeps everything else to the byte', () => {
    assert.equal(bodyOf(same('chat', ', "x": 1.00', { model: 'a"b' })), `{"model":"a\\"b",${minimal.chat}, "x": 1.00}`)
  })

  for (const [extra, expected] of [
    [',"stream":true', ',"stream":true,"stream_options":{"include_usage":true}'],
    [',"stream":true,"stream_options":null', ',"stream":true,"stream_options":{"include_usage":true}'],
    [
      ',"stream":true,"stream_options":{"x":1,"include_usage":false}',
      ',"stream":true,"stream_options":{"x":1,"include_usage":true}',
    ],
    [
      ',"stream":true,"stream_options":{"include_usage":true}',
      ',"stream":true,"stream_options":{"include_usage":true}',
    ],
    [',"stream":true,"stream_options":7', ',"stream":true,"stream_options":7'],
    [',"stream":false', ',"stream":false'],
  ] as const) {
    test(`asks for usage where ${extra}`, () => {
      assert.equal(bodyOf(same('chat', extra)), `{"model":"m",${minimal.chat}${expected}}`)
      assert.equal(bodyOf(same('completions', extra)), `{"model":"m",${minimal.completions}${expected}}`)
      assert.equal(bodyOf(same('chat', extra, { wantsUsage: false })), `{"model":"m",${minimal.chat}${extra}}`)
      assert.equal(bodyOf(same('messages', extra)), `{"model":"m",${minimal.messages}${extra}}`)
    })
  }

  test('gives Anthropic a version when the caller named none', () => {
    assert.deepEqual(same('messages').headers, { 'anthropic-version': '2023-06-01' })
    assert.deepEqual(same('messages', '', { headers: { 'anthropic-version': 'v', 'anthropic-beta': 'b' } }).headers, {
      'anthropic-version': 'v',
      'anthropic-beta': 'b',
    })
    assert.deepEqual(same('chat').headers, {})
  })
})

describe('SameTranslation of a chat stream', () => {
  const stream = ',"stream":true'

  test('passes each event as it is, tells content from roles, and ends only what is whole', () => {
    const events = [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'a' }),
      chunk({ content: 'b' }),
      chunk({}, 'stop'),
      usageChunk,
      'data: [DONE]',
    ]
    const seen: string[] = []
    const reader = same('chat', stream).streamReader((event) => seen.push(event.toString()))
    const states: [boolean, boolean, boolean][] = []
    for (const event of events) {
      reader.read(Buffer.from(event))
      states.push([reader.hasContent, reader.isComplete, reader.isEnded])
    }
    const [f, t] = [false, true]
    assert.deepEqual(states, [
      [f, f, f],
      [t, f, f],
      [t, f, f],
      [t, t, f],
      [t, t, f],
      [t, t, t],
    ])
    assert.deepEqual(
      seen,
      events.slice(0, 4).map((event) => `${event}\n\n`),
    )
    reader.end()
    assert.equal(seen.at(-1), 'data: [DONE]\n\n')
    assert.deepEqual(reader.usage, { inputTokens: 5, outputTokens: 2, cachedTokens: 4 })
    assert.equal(reader.finishReason, 'stop')
    assert.equal(reader.contentCount, 2)
    assert.equal(reader.malformedCount, 0)
  })

  test('leaves the usage chunk to a caller who asked for it', () => {
    const { seen } = play(same('chat', `${stream},"stream_options":{"include_usage":true}`), [
      chunk({ content: 'a' }),
      chunk({}, 'stop'),
      usageChunk,
    ])
    assert.equal(seen.length, 3)
  })

  test('keeps an empty first chunk that carries something else', () => {
    const azure = 'data: {"choices":[],"prompt_filter_results":[]}'
    assert.deepEqual(play(same('chat', stream), [azure]).seen, [`${azure}\n\n`])
  })

  test('never says [DONE] of an answer without a finish reason', () => {
    const { seen, reader } = play(same('chat', stream), [chunk({ content: 'a' }), 'data: [DONE]'])
    reader.end()
    assert.equal(reader.isEnded, true)
    assert.equal(reader.isComplete, false)
    assert.equal(seen.length, 1)
  })

  test('says [DONE] where the upstream forgot it', () => {
    const { seen, reader } = play(same('chat', stream), [chunk({ content: 'a' }, 'length')])
    reader.end()
    assert.deepEqual(seen.slice(1), ['data: [DONE]\n\n'])
  })

  for (const spelled of ['"finish_reason":"stop"', '"finish_reason": "stop"', '"finish_reason" : "stop"']) {
    test(`sees a finish spelled ${spelled} after the first content`, () => {
      const { reader } = play(same('chat', stream), [
        chunk({ content: 'a' }),
        `data: {"choices": [{"index": 0, "delta": {}, ${spelled}}]}`,
      ])
      assert.equal(reader.isComplete, true)
    })
  }

  test('sees no finish in a text that quotes one', () => {
    const text = '"finish_reason":"stop"} [DONE] "usage":{ "error" {"finish_reason": "stop", "error": {'
    const { seen, reader } = play(same('chat', stream), [
      chunk({ content: 'a' }),
      chunk({ content: text }),
      chunk({ content: '"finish_reason' }),
      chunk({ content: '"usage' }),
    ])
    assert.equal(reader.isComplete, false)
    assert.equal(reader.failure, null)
    assert.equal(reader.contentCount, 4)
    assert.equal(seen.length, 4)
  })

  test('counts usage that rides on other chunks', () => {
    const usage = { prompt_tokens: 1, completion_tokens: 1 }
    const { reader, seen } = play(same('chat', stream), [
      chunk({ content: 'a' }, null, { usage: null }),
      chunk({ content: 'b' }, null, { usage }),
      chunk({}, 'stop'),
    ])
    assert.deepEqual(reader.usage, { inputTokens: 1, outputTokens: 1 })
    assert.equal(seen.length, 3)
  })

  test('takes tool calls, reasoning and refusals for content', () => {
    for (const delta of [
      { tool_calls: [{ index: 0 }] },
      { reasoning_content: 'h' },
      { reasoning: 'h' },
      { refusal: 'no' },
    ]) {
      assert.equal(play(same('chat', stream), [chunk(delta)]).reader.hasContent, true)
    }
    for (const delta of [{ role: 'assistant' }, { content: null }, { content: '', tool_calls: [] }]) {
      assert.equal(play(same('chat', stream), [chunk(delta)]).reader.hasContent, false)
    }
  })

  test('waits for the finish of each of several answers', () => {
    const of = (index: number, finish: string | null): string =>
      `data: {"choices":[{"index":${index},"delta":{"content":"x"},"finish_reason":${finish && `"${finish}"`}}]}`
    const two = same('chat', `${stream},"n":2`)
    assert.equal(play(two, [of(0, null), of(1, null), of(0, 'stop'), of(0, 'stop')]).reader.isComplete, false)
    assert.equal(play(two, [of(0, null), of(1, null), of(0, 'stop'), of(1, 'stop')]).reader.isComplete, true)
    assert.equal(play(two, [of(0, null), of(1, null), of(0, 'stop'), 'data: [DONE]']).reader.isComplete, false)
    assert.equal(play(two, [of(0, null), of(0, 'stop'), 'data: [DONE]']).reader.isComplete, true)
  })

  test('turns errors inside the stream into failures and passes none of them on', () => {
    for (const [event, code] of [
      ['data: {"error":{"message":"boom","type":"server_error","code":500}}', 'HF_UPSTREAM_ERROR'],
      ['data: {"error":"boom"}', 'HF_UPSTREAM_ERROR'],
      ['data: {"object":"error","message":"too long","type":"BadRequestError","code":400}', 'HF_CALL_REFUSED'],
      ['event: error\ndata: {"error":{"message":"slow","type":"rate_limit_error"}}', 'HF_UPSTREAM_RATE_LIMITED'],
      [chunk({ content: '' }, 'abort'), 'HF_UPSTREAM_CUT'],
      [chunk({ content: '' }, 'error', { error: { code: 503, message: 'x' } }), 'HF_UPSTREAM_BUSY'],
    ] as const) {
      for (const before of [[], [chunk({ content: 'a' })]]) {
        const { seen, reader } = play(same('chat', stream), [
          ...before,
          event,
          chunk({ content: 'after' }),
          chunk({}, 'stop'),
        ])
        assert.equal(reader.failure?.code, code, event)
        assert.equal(seen.length, before.length, event)
        assert.equal(reader.isComplete, false)
      }
    }
  })

  test('leaves out what makes no sense, and counts it', () => {
    const { seen, reader } = play(same('chat', stream), [
      'data: {"choices":[{"ind',
      'data: 7',
      'data: {"type":"ping"}',
      ': comment',
      'event: ping',
      chunk({ content: 'a' }),
      'data: {"choices":[{"index":0,"delta":{"content":"x"',
    ])
    assert.equal(seen.length, 1)
    assert.equal(reader.malformedCount, 4)
  })

  test('reads completions too', () => {
    const text = (value: string, finish: string | null): string =>
      `data: ${JSON.stringify({ choices: [{ index: 0, text: value, finish_reason: finish }] })}`
    const { seen, reader } = play(same('completions', stream), [
      text('', null),
      text('a', null),
      text('b', null),
      text('', 'length'),
      usageChunk,
      'data: [DONE]',
    ])
    assert.equal(seen.length, 4)
    assert.equal(reader.finishReason, 'length')
    assert.deepEqual(reader.usage, { inputTokens: 5, outputTokens: 2, cachedTokens: 4 })
    const list = Buffer.from('{"model":"m","prompt":["a","b"],"stream":true}')
    assert.equal(
      play(new SameTranslation(readCall('completions', list, {}), 'm'), [text('a', null), text('', 'stop')]).reader
        .isComplete,
      false,
    )
  })
})

describe('SameTranslation of a messages stream', () => {
  const event = (value: { type: string } & Record<string, unknown>): string =>
    `event: ${value.type}\ndata: ${JSON.stringify(value)}`
  const start = event({
    type: 'message_start',
    message: {
      usage: { input_tokens: 3, cache_read_input_tokens: 10, cache_creation_input_tokens: 2, output_tokens: 1 },
    },
  })
  const blockStart = event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } })
  const delta = (text: string): string =>
    event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
  const stopped = event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 7 } })
  const stop = event({ type: 'message_stop' })

  test('passes everything and keeps the end back until the answer is whole', () => {
    const events = [
      start,
      event({ type: 'ping' }),
      blockStart,
      delta('a'),
      delta('b'),
      event({ type: 'content_block_stop', index: 0 }),
      stopped,
      stop,
    ]
    const { seen, reader } = play(same('messages', ',"stream":true'), events)
    assert.deepEqual([reader.hasContent, reader.isComplete, reader.isEnded, reader.contentCount], [true, true, true, 2])
    assert.equal(seen.length, 7)
    reader.end()
    assert.deepEqual(
      seen,
      events.map((text) => `${text}\n\n`),
    )
    assert.deepEqual(reader.usage, { inputTokens: 15, outputTokens: 7, cachedTokens: 10 })
    assert.equal(reader.finishReason, 'end_turn')
  })

  test('has no content before the first text, and none by pings', () => {
    assert.equal(
      play(same('messages'), [start, event({ type: 'ping' }), blockStart, delta('')]).reader.hasContent,
      false,
    )
    const tool = event({
      type: 'content_block_start',
      index: 0,
      content_block: { type: 'tool_use', id: 't', name: 'f', input: {} },
    })
    assert.equal(play(same('messages'), [start, tool]).reader.hasContent, true)
  })

  test('does not end what was cut, and ends what only lacks its end mark', () => {
    const cut = play(same('messages'), [start, blockStart, delta('a'), stop])
    cut.reader.end()
    assert.equal(cut.reader.isComplete, false)
    assert.equal(cut.seen.length, 3)
    const whole = play(same('messages'), [start, blockStart, delta('a'), stopped])
    whole.reader.end()
    assert.equal(whole.seen.at(-1), 'event: message_stop\ndata: {"type":"message_stop"}\n\n')
  })

  test('turns an error event into a failure', () => {
    const { seen, reader } = play(same('messages'), [
      start,
      'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    ])
    assert.equal(reader.failure?.code, 'HF_UPSTREAM_BUSY')
    assert.equal(seen.length, 1)
  })

  test('leaves out what makes no sense', () => {
    const { seen, reader } = play(same('messages'), [
      'event: message_start\ndata: {"ty',
      'event: x\ndata: {}',
      'e',
      'data: []',
    ])
    assert.equal(seen.length, 0)
    assert.equal(reader.malformedCount, 3)
  })
})

describe('SameTranslation of a responses stream', () => {
  let sequence = 0
  const event = (type: string, rest: object = {}): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...rest })}`

  test('passes everything, complete by response.completed only', () => {
    const events = [
      event('response.created', { response: {} }),
      event('response.output_item.added', { item: { type: 'message' } }),
      event('response.output_text.delta', { delta: 'a' }),
      event('response.output_text.delta', { delta: 'b' }),
      event('response.output_text.done', { text: 'ab' }),
      event('response.completed', {
        response: {
          status: 'completed',
          usage: { input_tokens: 1, output_tokens: 2, input_tokens_details: { cached_tokens: 1 } },
        },
      }),
    ]
    const { seen, reader } = play(same('responses', ',"stream":true'), events)
    reader.end()
    assert.deepEqual(
      seen,
      events.map((text) => `${text}\n\n`),
    )
    assert.deepEqual(
      [reader.isComplete, reader.isEnded, reader.finishReason, reader.contentCount],
      [true, true, 'completed', 2],
    )
    assert.deepEqual(reader.usage, { inputTokens: 1, outputTokens: 2, cachedTokens: 1 })
    assert.equal(play(same('responses'), events.slice(0, 5)).reader.isComplete, false)
    assert.equal(play(same('responses'), events.slice(0, 2)).reader.hasContent, false)
  })

  test('names why an answer is incomplete', () => {
    const { reader } = play(same('responses'), [
      event('response.incomplete', {
        response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      }),
    ])
    assert.deepEqual([reader.isComplete, reader.finishReason], [true, 'max_output_tokens'])
  })

  test('turns errors into failures', () => {
    for (const [text, code] of [
      [event('response.failed', { response: { error: { code: 'server_error', message: 'x' } } }), 'HF_UPSTREAM_ERROR'],
      [event('response.failed', { response: {} }), 'HF_UPSTREAM_ERROR'],
      [event('error', { code: 'rate_limit_exceeded', message: 'x', param: null }), 'HF_UPSTREAM_RATE_LIMITED'],
      ['event: error\ndata: {"error":{"message":"x","type":"invalid_request_error"}}', 'HF_CALL_REFUSED'],
      ['data: {"error":{"message":"x"}}', 'HF_UPSTREAM_ERROR'],
    ] as const) {
      const { seen, reader } = play(same('responses'), [text])
      assert.equal(reader.failure?.code, code, text)
      assert.equal(seen.length, 0)
    }
  })
})

describe('SameTranslation of a whole answer', () => {
  const fine: [Route, string, usage: object | null, finish: string | null][] = [
    [
      'chat',
      '{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
      { inputTokens: 1, outputTokens: 2 },
      'stop',
    ],
    ['chat', '{"choices":[{}]}', null, null],
    ['chat', '{"choices":[{}],"error":null}', null, null],
    ['completions', '{"choices":[{"text":"x","finish_reason":"length"}]}', null, 'length'],
    [
      'embeddings',
      '{"data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":3,"total_tokens":3}}',
      { inputTokens: 3 },
      null,
    ],
    [
      'messages',
      '{"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}',
      { inputTokens: 1, outputTokens: 2 },
      'end_turn',
    ],
    [
      'responses',
      '{"output":[],"status":"completed","error":null,"usage":{"input_tokens":1,"output_tokens":2}}',
      { inputTokens: 1, outputTokens: 2 },
      'completed',
    ],
    [
      'responses',
      '{"output":[],"status":"incomplete","incomplete_details":{"reason":"content_filter"}}',
      null,
      'content_filter',
    ],
    ['count_tokens', '{"input_tokens":12}', { inputTokens: 12 }, null],
  ]
  for (const [route, text, usage, finishReason] of fine) {
    test(`takes ${text.slice(0, 50)} for ${route}`, () => {
      const body = Buffer.from(text)
      const answer = same(route).readWhole(body)
      assert.equal(answer.body, body)
      assert.deepEqual([answer.usage, answer.finishReason], [usage, finishReason])
    })
  }

  test('tells of tool calls with arguments that nobody can read', () => {
    const hasBroken = (text: string): boolean | undefined => {
      const calls = [{ id: 'a', type: 'function', function: { name: 'f', arguments: text } }]
      const choice = { index: 0, message: { content: null, tool_calls: calls }, finish_reason: 'tool_calls' }
      return same('chat').readWhole(Buffer.from(JSON.stringify({ choices: [choice] }))).hasBrokenCall
    }
    assert.deepEqual(['{"x":1}', '', '{"x":', '[1]'].map(hasBroken), [false, false, true, true])
  })

  const wrong: [Route, string, code: string][] = [
    ['chat', '', 'HF_UPSTREAM_EMPTY'],
    ['chat', ' \n', 'HF_UPSTREAM_EMPTY'],
    ['chat', '{"choices":[]}', 'HF_UPSTREAM_EMPTY'],
    ['chat', '{}', 'HF_UPSTREAM_GARBLED'],
    ['chat', '{"choices":{}}', 'HF_UPSTREAM_GARBLED'],
    ['chat', '{"choices":[{"finish_reason":"sto', 'HF_UPSTREAM_GARBLED'],
    ['chat', '<!doctype html><title>Login</title>', 'HF_UPSTREAM_GARBLED'],
    ['chat', 'ok', 'HF_UPSTREAM_GARBLED'],
    ['chat', '[{"choices":[]}]', 'HF_UPSTREAM_GARBLED'],
    ['chat', '{"choices":[{"finish_reason":"abort"}]}', 'HF_UPSTREAM_CUT'],
    ['chat', '{"error":{"message":"x"}}', 'HF_UPSTREAM_ERROR'],
    ['chat', '{"error":"x"}', 'HF_UPSTREAM_ERROR'],
    ['chat', '{"object":"error","message":"x","code":500}', 'HF_UPSTREAM_ERROR'],
    ['chat', '{"object":"error","message":"x","code":400}', 'HF_CALL_REFUSED'],
    ['messages', '{"type":"error","error":{"type":"overloaded_error","message":"x"}}', 'HF_UPSTREAM_BUSY'],
    ['responses', '{"output":[],"status":"failed","error":{"code":"server_error","message":"x"}}', 'HF_UPSTREAM_ERROR'],
    ['embeddings', '{"data":null}', 'HF_UPSTREAM_GARBLED'],
    ['count_tokens', '{"input_tokens":"1"}', 'HF_UPSTREAM_GARBLED'],
  ]
  for (const [route, text, code] of wrong) {
    test(`judges ${JSON.stringify(text.slice(0, 50))} for ${route} as ${code}`, () => {
      assert.equal(faultOf(() => same(route).readWhole(Buffer.from(text))).code, code)
    })
  }
})

describe('what no server should say', () => {
  const other = (index: number, finish: string | null): string =>
    `data: ${JSON.stringify({ id: 'c', choices: [{ index, delta: { content: 'x' }, finish_reason: finish }] })}`

  test('a finish of an answer that was not asked for ends none', () => {
    for (const index of [1, -1, 0.5]) {
      const { reader } = play(same('chat', ',"stream":true'), [
        chunk({ content: 'a' }),
        other(index, 'stop'),
        'data: [DONE]',
      ])
      assert.equal(reader.isComplete, false, `index ${index}`)
    }
  })

  test('counts of tokens that no answer has are none', () => {
    const body = '{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1e400,"completion_tokens":2}}'
    assert.deepEqual(same('chat').readWhole(Buffer.from(body)).usage, { outputTokens: 2 })
  })
})
