/** Calls and answers of each language, one of each kind: what the fuzzer begins with. */
import type { Route } from '../../../src/dialect/call.ts'

type Seeds = Readonly<Record<Route, readonly string[]>>

const tool = { type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }
const image = 'data:image/png;base64,iVBORw0KGgo='
const call = (value: object): string => JSON.stringify({ model: 'm', ...value })

/** The first of each route asks for a stream where it can, the last does not. */
export const calls: Seeds = {
  chat: [
    call({ stream: true, temperature: 0, tools: [tool], messages: [{ role: 'user', content: 'hi' }] }),
    call({
      messages: [
        { role: 'system', content: 'be kind' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'see' },
            { type: 'image_url', image_url: { url: image } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: '4' },
      ],
      tools: [tool],
      tool_choice: { type: 'function', function: { name: 'f' } },
      response_format: { type: 'json_schema', json_schema: { name: 's', schema: {} } },
      ...{ stop: ['x'], max_tokens: 5, n: 1, seed: 3, reasoning_effort: 'low', parallel_tool_calls: false, user: 'u' },
      ...{ top_p: 0.5, stream_options: { include_usage: true }, logit_bias: {}, metadata: {} },
    }),
    call({ messages: [{ role: 'user', content: 'hi' }] }),
  ],
  completions: [call({ stream: true, prompt: 'a' }), call({ prompt: ['a', 'b'], max_tokens: 3, echo: false, n: 2 })],
  embeddings: [call({ input: ['a', 'b'], encoding_format: 'float' }), call({ input: [1, 2, 3] })],
  responses: [
    call({ stream: true, input: 'hi' }),
    call({
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'a' },
            { type: 'input_image', image_url: image },
          ],
        },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: '4' },
        { type: 'reasoning', id: 'r', summary: [] },
      ],
      instructions: 'be kind',
      tools: [{ type: 'function', name: 'f', parameters: {} }],
      ...{ tool_choice: 'auto', text: { format: { type: 'json_object' } }, reasoning: { effort: 'low' } },
      ...{ max_output_tokens: 9, store: false, truncation: 'auto', include: [] },
    }),
    call({ input: 'hi' }),
  ],
  messages: [
    call({ stream: true, max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] }),
    call({
      max_tokens: 5,
      system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral' } }],
      messages: [
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBO' } }],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: { a: 1 } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: '4' }] }] },
      ],
      tools: [{ name: 'f', input_schema: { type: 'object' } }],
      ...{ tool_choice: { type: 'tool', name: 'f' }, thinking: { type: 'enabled', budget_tokens: 1024 }, top_k: 3 },
      ...{ stop_sequences: ['x'], metadata: { user_id: 'u' } },
    }),
    call({ max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] }),
  ],
  count_tokens: [call({ messages: [{ role: 'user', content: 'hi' }] })],
}

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, prompt_tokens_details: { cached_tokens: 1 } }
const toolCall = { id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }
const chatAnswer = (message: object, finish: string): string =>
  JSON.stringify({
    ...{ id: 'x', object: 'chat.completion', created: 1, model: 'm', usage },
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
  })
const message = (content: readonly object[], reason: string): string =>
  JSON.stringify({
    ...{ id: 'msg', type: 'message', role: 'assistant', model: 'm', content, stop_reason: reason, stop_sequence: null },
    usage: { input_tokens: 3, output_tokens: 2, cache_read_input_tokens: 1 },
  })

export const answers: Seeds = {
  chat: [
    chatAnswer({ content: 'hello', reasoning_content: 'hm' }, 'stop'),
    chatAnswer({ content: null, tool_calls: [toolCall] }, 'tool_calls'),
    chatAnswer({ content: '', tool_calls: [{ function: { name: 'f', arguments: { a: { b: [1] } } } }] }, 'tool_calls'),
    '{"error":{"message":"no","type":"server_error","code":500}}',
    ' ',
    '<html>',
  ],
  completions: ['{"id":"x","choices":[{"index":0,"text":"a","finish_reason":"length"}],"usage":{"prompt_tokens":1}}'],
  embeddings: ['{"object":"list","data":[{"embedding":[0.1,-2e-3],"index":0}],"usage":{"prompt_tokens":1}}'],
  responses: [
    '{"id":"r","object":"response","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}],"usage":{"input_tokens":1,"output_tokens":2,"input_tokens_details":{"cached_tokens":1}}}',
    '{"id":"r","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}',
  ],
  messages: [
    message([{ type: 'text', text: 'hello' }], 'end_turn'),
    message(
      [
        { type: 'thinking', thinking: 'h', signature: 's' },
        { type: 'tool_use', id: 't', name: 'f', input: { a: 1 } },
      ],
      'tool_use',
    ),
    '{"type":"error","error":{"type":"invalid_request_error","message":"no"}}',
  ],
  count_tokens: ['{"input_tokens":3}'],
}

const data = (value: unknown): string => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
const named = (value: { type: string }): string => `event: ${value.type}\n${data(value)}`
const chunk = (delta: object, finish: string | null = null, more: object = {}): string =>
  data({
    ...{ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm' },
    choices: [{ index: 0, delta, finish_reason: finish, ...more }],
  })
const opening = { id: 'msg', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null }
const block = (index: number, content_block: object, ...deltas: object[]): string =>
  [
    named({ type: 'content_block_start', ...{ index, content_block } }),
    ...deltas.map((delta) => named({ type: 'content_block_delta', ...{ index, delta } })),
    named({ type: 'content_block_stop', ...{ index } }),
  ].join('')
const response = { id: 'r', object: 'response', status: 'in_progress', model: 'm', output: [] }
const place = { item_id: 'i', output_index: 0, content_index: 0 }

export const streams: Seeds = {
  chat: [
    [
      chunk({ role: 'assistant', content: '' }),
      ...[chunk({ content: 'hel' }), chunk({ content: 'lo' }, null, { token_ids: [1, 2] }), chunk({}, 'stop')],
      data({ id: 'x', choices: [], usage }),
      data('[DONE]'),
    ].join(''),
    [
      chunk({ role: 'assistant', reasoning_content: 'hm' }),
      chunk({ tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] }),
      chunk({}, 'tool_calls', { prompt_token_ids: [5, 6], token_ids: [] }),
      data('[DONE]'),
    ].join(''),
    `${chunk({ content: 'half' })}data: {"error":{"message":"CUDA out of memory","code":500}}\n\n`,
    `: ping\n\n${chunk({ content: 'half' })}`,
  ],
  completions: [
    `data: {"id":"x","choices":[{"index":0,"text":"a","finish_reason":null}]}\n\ndata: {"id":"x","choices":[{"index":0,"text":"b","finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n`,
  ],
  embeddings: [],
  responses: [
    [
      named({ type: 'response.created', ...{ sequence_number: 0, response } }),
      named({
        type: 'response.output_item.added',
        ...{ output_index: 0, item: { id: 'i', type: 'message', content: [] } },
      }),
      named({ type: 'response.content_part.added', ...place, ...{ part: { type: 'output_text', text: '' } } }),
      named({ type: 'response.output_text.delta', ...place, ...{ delta: 'hello' } }),
      named({ type: 'response.output_text.done', ...place, ...{ text: 'hello' } }),
      named({ type: 'response.output_item.done', ...{ output_index: 0, item: { id: 'i', type: 'message' } } }),
      named({
        type: 'response.completed',
        ...{ response: { ...response, status: 'completed', usage: { input_tokens: 1 } } },
      }),
    ].join(''),
    `${named({ type: 'response.function_call_arguments.delta', ...place, ...{ delta: '{' } })}${named({ type: 'response.failed', ...{ response: { error: { code: 'server_error', message: 'x' } } } })}`,
    named({ type: 'error', ...{ code: 'rate_limit_exceeded', message: 'x' } }),
  ],
  messages: [
    [
      named({ type: 'message_start', ...{ message: { ...opening, usage: { input_tokens: 3 } } } }),
      named({ type: 'ping' }),
      block(
        0,
        { type: 'thinking', thinking: '' },
        { type: 'thinking_delta', thinking: 'h' },
        { type: 'signature_delta', signature: 's' },
      ),
      block(1, { type: 'text', text: '' }, { type: 'text_delta', text: 'hel' }, { type: 'text_delta', text: 'lo' }),
      block(
        2,
        { type: 'tool_use', id: 't', name: 'f', input: {} },
        { type: 'input_json_delta', partial_json: '{"a":1}' },
      ),
      named({
        type: 'message_delta',
        ...{ delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 2 } },
      }),
      named({ type: 'message_stop' }),
    ].join(''),
    `${named({ type: 'message_start', ...{ message: opening } })}${named({ type: 'error', ...{ error: { type: 'overloaded_error', message: 'x' } } })}`,
  ],
  count_tokens: [],
}

/** Field names, values and marks of all of them. */
export const words: readonly string[] = [
  ...['"model":', '"messages":', '"role":', '"content":', '"type":', '"text":', '"tool_calls":', '"function":'],
  ...[
    '"arguments":',
    '"index":',
    '"delta":',
    '"finish_reason":',
    '"usage":',
    '"choices":',
    '"error":',
    '"stream":true',
  ],
  ...['"stop_reason":', '"content_block":', '"partial_json":', '"input":', '"output":', '"response":', '"item":'],
  ...['"token_ids":[1,2]', '"prompt_token_ids":', '"name":', '"id":', '"tool_use"', '"thinking"', '"image_url":'],
  ...['data: ', 'data: [DONE]\n\n', 'event: ', '\n\n', ',', '{', '}', '[', ']', 'null', '"stop"', '"length"', '1e999'],
]
