/** What a caller makes of a stream, and what must be true of every stream, however many legs it had. */
import assert from 'node:assert/strict'
import type { Route } from '../../../src/dialect/call.ts'
import { assemble } from '../../../src/dialect/seam/assemble.ts'
import type { KeptEvent } from '../../../src/dialect/seam/partial-answer.ts'
import { eventData, eventName } from '../../../src/dialect/sse-splitter.ts'

type Json = Record<string, unknown>

function read({ event }: KeptEvent): Json | '[DONE]' {
  const data = eventData(event).toString()
  return data === '[DONE]' ? data : (JSON.parse(data) as Json)
}

/** Ids and times that differ from one generation to the next are left out, all else stays. */
export function answerOfEvents(route: Route, events: readonly KeptEvent[]): Json {
  const whole = JSON.parse(
    assemble(
      route,
      events.map(({ event }) => event),
    ).toString(),
  ) as Json
  return strip(whole) as Json
}

const changing = new Set(['signature', 'id', 'created', 'created_at', 'item_id', 'call_id', 'system_fingerprint'])

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !changing.has(name))
      .map(([name, field]) => [name, strip(field)]),
  )
}

/** llama.cpp dates every chunk anew, so that even an unbroken stream of it has more than one date. */
function checkChat(events: readonly KeptEvent[], isChat: boolean, mayBeDatedAnew: boolean): void {
  const chunks = events.map(read)
  assert.equal(chunks.filter((chunk) => chunk === '[DONE]').length, 1, 'one end mark')
  assert.equal(chunks.at(-1), '[DONE]')
  const told = chunks.filter((chunk) => chunk !== '[DONE]')
  for (const field of ['id', 'model', 'object', ...(mayBeDatedAnew ? [] : ['created'])])
    assert.equal(new Set(told.map((chunk) => chunk[field])).size, 1, `one ${field}`)
  const choices = told.flatMap((chunk) => chunk['choices'] as Json[])
  assert.equal(choices.filter((choice) => choice['finish_reason'] !== null).length, 1, 'one finish')
  const roles = choices.filter((choice) => (choice['delta'] as Json | undefined)?.['role'] !== undefined)
  assert.equal(roles.length, isChat ? 1 : 0, 'one role')
  const calls = choices.flatMap((choice) => ((choice['delta'] as Json | undefined)?.['tool_calls'] ?? []) as Json[])
  const opened = calls.filter(({ id }) => id !== undefined)
  assert.deepEqual(
    opened.map(({ index }) => index),
    opened.map((_, at) => at),
    'calls are numbered through',
  )
  assert.equal(new Set(opened.map(({ id }) => id)).size, opened.length, 'no id twice')
}

function checkMessages(events: readonly KeptEvent[]): void {
  const values = events.map(read) as Json[]
  for (const [at, value] of values.entries()) assert.equal(eventName(events[at]?.event as Buffer), value['type'])
  const count = (type: string): number => values.filter((value) => value['type'] === type).length
  for (const type of ['message_start', 'message_delta', 'message_stop']) assert.equal(count(type), 1, type)
  assert.equal(values[0]?.['type'], 'message_start')
  assert.equal(values.at(-1)?.['type'], 'message_stop')
  let open: unknown = null
  let next = 0
  for (const value of values) {
    if (value['type'] === 'content_block_start') {
      assert.equal(open, null, 'a block begins within another')
      assert.equal(value['index'], next++)
      open = value['index']
    } else if (value['type'] === 'content_block_delta') assert.equal(value['index'], open)
    else if (value['type'] === 'content_block_stop') {
      assert.equal(value['index'], open)
      open = null
    }
  }
  assert.equal(open, null)
}

function checkResponses(events: readonly KeptEvent[]): void {
  const values = events.map(read) as Json[]
  assert.deepEqual(
    values.map((value) => value['sequence_number']),
    values.map((_, at) => at),
    'numbered without a gap',
  )
  const types = values.map((value) => String(value['type']))
  const items = new Map<unknown, string[]>()
  for (const value of values) {
    if (value['output_index'] === undefined) continue
    const seen = items.get(value['output_index']) ?? []
    items.set(value['output_index'], [...seen, String(value['type'])])
  }
  assert.deepEqual(
    [...items.keys()],
    [...items.keys()].map((_, at) => at),
  )
  for (const seen of items.values()) {
    assert.equal(seen[0], 'response.output_item.added')
    assert.equal(seen.at(-1), 'response.output_item.done')
    const single = seen.filter((type) => !type.endsWith('.delta'))
    assert.equal(new Set(single).size, single.length, `told twice: ${single.join(' ')}`)
  }
  assert.equal(types.filter((type) => type === 'response.created').length, 1)
  const ends = types.filter((type) => type === 'response.completed' || type === 'response.incomplete')
  assert.equal(ends.length, 1)
  const ids = new Set(values.flatMap((value) => (value['response'] ? [(value['response'] as Json)['id']] : [])))
  assert.equal(ids.size, 1, 'one id')
  // The last event tells the whole answer once more: the same one.
  const last = ((values.at(-1) ?? {})['response'] as Json)['output'] as Json[]
  const done = values.filter((value) => value['type'] === 'response.output_item.done').map((value) => value['item'])
  assert.deepEqual(last, done)
  for (const item of last) if (item['type'] === 'message') checkDeltas(values, item)
}

function checkDeltas(values: readonly Json[], item: Json): void {
  const deltas = values.filter(
    (value) => value['type'] === 'response.output_text.delta' && value['item_id'] === item['id'],
  )
  const [part] = item['content'] as Json[]
  assert.equal(deltas.map((value) => value['delta']).join(''), part?.['text'])
}

/** What must be true of every whole stream. @throws {AssertionError} */
export function checkShape(route: Route, events: readonly KeptEvent[], mayBeDatedAnew = false): void {
  for (const { event } of events) assert.ok(event.toString().endsWith('\n\n'))
  if (route === 'messages') checkMessages(events)
  else if (route === 'responses') checkResponses(events)
  else checkChat(events, route === 'chat', mayBeDatedAnew)
}
