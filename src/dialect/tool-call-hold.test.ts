/** Whatever is cut: no half of a tool call gets through, and nothing else is changed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Route } from './call.ts'
import { readCall } from './read-call.ts'
import { ToolCallHold } from './tool-call-hold.ts'
import { translate } from './translate.ts'

function toEvent(value: unknown): Buffer {
  return Buffer.from(`data: ${JSON.stringify(value)}\n\n`)
}

/** What came through after each of the events. */
function play(route: Route, events: readonly unknown[]): number[] {
  const seen: Buffer[] = []
  const hold = new ToolCallHold(route, (event) => seen.push(event))
  const given = events.map(toEvent)
  const counts = given.map((event) => {
    hold.emit(event)
    return seen.length
  })
  assert.deepEqual(seen, given.slice(0, seen.length), 'the order changed')
  return counts
}

/** How many calls have arguments that nobody can read. */
function broken(route: Route, events: readonly unknown[]): number {
  const hold = new ToolCallHold(route, () => {})
  for (const event of events) hold.emit(toEvent(event))
  return hold.brokenCount
}

function chunk(delta: unknown, finish: string | null = null): unknown {
  return { choices: [{ index: 0, delta, finish_reason: finish }] }
}

function call(index: number, id: string | null, json: string): unknown {
  const spec = id === null ? { arguments: json } : { name: 'f', arguments: json }
  return chunk({ tool_calls: [{ index, ...(id !== null && { id }), function: spec }] })
}

describe('tool calls of chat are held', () => {
  test('until the next one begins, or the finish comes', () => {
    const events = [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Look' }),
      call(0, 'a', ''),
      call(0, null, '{'),
      chunk({ content: '' }),
      call(0, null, '}'),
      call(1, 'b', ''),
      call(1, null, '{}'),
      chunk({}, 'tool_calls'),
      { choices: [], usage: {} },
    ]
    assert.deepEqual(play('chat', events), [1, 2, 2, 2, 2, 2, 6, 6, 9, 10])
  })

  test('when all have the index 0, and when each piece repeats its id', () => {
    assert.deepEqual(
      play('chat', [call(0, 'a', '{'), call(0, 'a', '}'), call(0, 'b', '{}'), chunk({}, 'stop')]),
      [0, 0, 2, 4],
    )
  })

  test('and a chunk without choices in the middle does not let them go', () => {
    assert.deepEqual(
      play('chat', [call(0, 'a', '{'), { choices: [] }, call(0, null, '}'), chunk({}, 'tool_calls')]),
      [0, 0, 0, 4],
    )
  })

  test('a finish in the same chunk ends them', () => {
    const last = { choices: [{ index: 0, delta: { tool_calls: [{ index: 0 }] }, finish_reason: 'tool_calls' }] }
    assert.deepEqual(play('chat', [call(0, 'a', '{'), last]), [0, 2])
  })
})

test('tool calls of messages are held until their block ends; texts are not', () => {
  const events = [
    { type: 'message_start', message: {} },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'x' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 'a', name: 'f', input: {} } },
    { type: 'ping' },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{}' } },
    { type: 'content_block_stop', index: 1 },
    { type: 'message_delta', delta: { stop_reason: 'tool_use' } },
    { type: 'message_stop' },
  ]
  assert.deepEqual(play('messages', events), [1, 2, 3, 4, 4, 4, 4, 8, 9, 10])
})

test('tool calls of responses are held until their item is done', () => {
  const item = { type: 'function_call', id: 'fc', call_id: 'a', name: 'f' }
  const events = [
    { type: 'response.created', response: {} },
    { type: 'response.output_item.added', output_index: 0, item: { type: 'message' } },
    { type: 'response.output_item.done', output_index: 0, item: { type: 'message' } },
    { type: 'response.output_item.added', output_index: 1, item },
    { type: 'response.function_call_arguments.delta', output_index: 1, delta: '{}' },
    { type: 'response.function_call_arguments.done', output_index: 1, arguments: '{}' },
    { type: 'response.output_item.done', output_index: 1, item },
    { type: 'response.completed', response: {} },
  ]
  assert.deepEqual(play('responses', events), [1, 2, 3, 3, 3, 3, 7, 8])
})

describe('arguments that nobody can read are counted', () => {
  const finish = chunk({}, 'tool_calls')

  test('in chat, by call', () => {
    const one = (...parts: string[]): unknown[] => [
      call(0, 'a', ''),
      ...parts.map((part) => call(0, null, part)),
      finish,
    ]
    assert.equal(broken('chat', one('{"x"', ': 1}')), 0)
    assert.equal(broken('chat', one('')), 0, 'a tool that takes none')
    assert.equal(broken('chat', one('{"x"', ': ')), 1)
    assert.equal(broken('chat', one('"x"')), 1, 'no object')
    assert.equal(broken('chat', [call(0, 'a', '{"x": 1}'), call(1, 'b', '{x'), call(2, 'c', '{}'), finish]), 1)
    assert.equal(broken('chat', [chunk({ content: '{' }), chunk({}, 'stop')]), 0, 'a text is no call')
  })

  test('with the last piece in the chunk of the finish', () => {
    const last = { index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: '}' } }] } }
    const events = [call(0, 'a', '{'), { choices: [{ ...last, finish_reason: 'tool_calls' }] }]
    assert.equal(broken('chat', events), 0)
  })

  test('not where several begin at once, or the answer broke off', () => {
    const both = [0, 1].map((index) => ({ index, id: `${index}`, function: { name: 'f', arguments: '{}' } }))
    assert.equal(broken('chat', [chunk({ tool_calls: both }), finish]), 0)
    assert.equal(broken('chat', [call(0, 'a', '{')]), 0)
  })

  test('in messages and responses', () => {
    const block = (json: string): unknown[] => [
      { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 'a', name: 'f', input: {} } },
      { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"x":' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: json } },
      { type: 'content_block_stop', index: 1 },
    ]
    assert.deepEqual([broken('messages', block('1}')), broken('messages', block('1'))], [0, 1])
    const item = { type: 'function_call', id: 'fc', call_id: 'a', name: 'f' }
    const done = (text: string): unknown[] => [
      { type: 'response.output_item.added', output_index: 0, item },
      { type: 'response.function_call_arguments.delta', output_index: 0, delta: text },
      { type: 'response.output_item.done', output_index: 0, item: { ...item, arguments: text } },
    ]
    assert.deepEqual([broken('responses', done('{"x":1}')), broken('responses', done('{x'))], [0, 1])
  })

  test('and told by the reader of a call that offers tools', () => {
    const asked = { model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] }
    const tools = [{ type: 'function', function: { name: 'f' } }]
    const brokenOf = (body: object): number | undefined => {
      const translation = translate(readCall('chat', Buffer.from(JSON.stringify(body)), {}), new Set(['chat']), 'm')
      const reader = translation?.streamReader(() => {})
      for (const event of [call(0, 'a', '{x'), finish]) reader?.read(toEvent(event).subarray(0, -2))
      return reader?.calls?.brokenCount
    }
    assert.deepEqual([brokenOf({ ...asked, tools }), brokenOf(asked)], [1, undefined])
  })
})
