/**
 * The official SDKs read answers that were cut after any event and gone on with elsewhere: their stream helpers, which
 * check what comes, put the same answer together as from an unbroken stream. No network: the SDKs are given a `fetch`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { Call, Route } from '../../../src/dialect/call.ts'
import { closingEvents } from '../../../src/dialect/seam/leg.ts'
import { assemble } from '../../../src/dialect/seam/assemble.ts'
import { idOf, readPartial, type KeptEvent } from '../../../src/dialect/seam/partial-answer.ts'
import { answerOfEvents } from './answer-shape.ts'
import { callOf, goOn, rungsOf, unbroken, type Server } from './lab-leg.ts'

/** A `fetch` that answers anything with these events. */
function fetchOf(events: readonly KeptEvent[]): typeof fetch {
  const body = events.map(({ event }) => event.toString()).join('')
  return () => Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
}

/** The unbroken stream, and those that were cut after each event and gone on with by the first rung. */
function streamsOf(call: Call, first: Server, second: Server): (readonly KeptEvent[])[] {
  const whole = unbroken(call, first).events
  const cuts = Array.from({ length: whole.length - 1 }, (_, at) => whole.slice(0, at + 1))
  return [
    whole,
    ...cuts.map((before) => {
      const closing = closingEvents(call, readPartial(call.route, before))
      if (closing) return [...before, ...closing.map((event) => ({ event, aside: null }))]
      const [rung] = rungsOf({ call, server: second }, before)
      assert.ok(rung)
      return [...before, ...goOn({ call, server: second }, before, rung).events]
    }),
  ]
}

const question = 'think:2 words:3 call:f call:g'
const spec = { description: 'd', parameters: { type: 'object' } }
const bodies = {
  chat: {
    messages: [{ role: 'user', content: question }],
    stream_options: { include_usage: true },
    tools: ['f', 'g'].map((name) => ({ type: 'function', function: { name, ...spec } })),
  },
  responses: { input: question, tools: ['f', 'g'].map((name) => ({ type: 'function', name, ...spec })) },
  messages: {
    messages: [{ role: 'user', content: question }],
    max_tokens: 99,
    tools: ['f', 'g'].map((name) => ({ name, description: 'd', input_schema: { type: 'object' } })),
  },
} as const satisfies Partial<Record<Route, object>>

type Read = Record<string, unknown>

async function readChat(events: readonly KeptEvent[]): Promise<Read> {
  const client = new OpenAI({ apiKey: 'k', baseURL: 'http://x/v1', fetch: fetchOf(events), maxRetries: 0 })
  const stream = client.chat.completions.stream(bodies.chat as never)
  const { choices, usage } = await stream.finalChatCompletion()
  const [choice] = choices
  const calls = choice?.message.tool_calls?.map((call) => call.type === 'function' && call.function)
  return { text: choice?.message.content, calls, finish: choice?.finish_reason, output: usage?.completion_tokens }
}

async function readResponse(events: readonly KeptEvent[]): Promise<Read> {
  const client = new OpenAI({ apiKey: 'k', baseURL: 'http://x/v1', fetch: fetchOf(events), maxRetries: 0 })
  const stream = client.responses.stream({ model: 'm', ...bodies.responses } as never)
  const response = await stream.finalResponse()
  const calls = response.output.flatMap((item) => (item.type === 'function_call' ? [[item.name, item.arguments]] : []))
  return { text: response.output_text, calls, status: response.status }
}

async function readMessage(events: readonly KeptEvent[]): Promise<Read> {
  const client = new Anthropic({ apiKey: 'k', baseURL: 'http://x', fetch: fetchOf(events), maxRetries: 0 })
  const stream = client.messages.stream({ model: 'm', ...bodies.messages } as never)
  const message = await stream.finalMessage()
  const content = message.content.map((block) =>
    block.type === 'text'
      ? block.text
      : block.type === 'tool_use'
        ? [block.name, block.input]
        : block.type === 'thinking' && block.thinking,
  )
  return { content, stop: message.stop_reason, output: message.usage.output_tokens }
}

const stories = [
  ['chat', 'the official OpenAI client, chat', readChat, 'openai'],
  ['responses', 'the official OpenAI client, responses', readResponse, 'openai'],
  ['messages', 'the official Anthropic client', readMessage, 'vllm'],
] as const

for (const [route, name, read, profile] of stories) {
  test(`${name}, sees no seam`, async () => {
    const [whole, ...joined] = streamsOf(callOf(route, bodies[route]), { profile }, { profile: 'vllm' })
    assert.ok(whole && joined.length > 10)
    const expected = await read(whole)
    for (const [cut, events] of joined.entries()) {
      const answer = await read(events)
      // Cut between finish and counts, nobody can say what they would have been.
      const isUncounted: boolean =
        route === 'chat' && (whole[cut]?.event.includes('"finish_reason":"tool_calls"') ?? false)
      assert.deepEqual(isUncounted ? { ...answer, output: expected['output'] } : answer, expected, `cut ${cut + 1}`)
    }
  })
}

test('an answer that was streamed is kept as the object that a client gets for an answer in one piece', () => {
  for (const route of ['chat', 'responses', 'messages'] as const) {
    const { events } = unbroken(callOf(route, bodies[route]), { profile: 'vllm' })
    const answer = JSON.parse(
      assemble(
        route,
        events.map(({ event }) => event),
      ).toString(),
    ) as Record<string, unknown>
    assert.equal(answer['id'], idOf(route, events[0]?.event as Buffer))
    assert.equal(
      answer['object'] ?? answer['type'],
      { chat: 'chat.completion', responses: 'response', messages: 'message' }[route],
    )
    assert.ok(JSON.stringify(answer).includes('w2-'))
    // While it is under way, there is what has been said so far.
    const half = JSON.stringify(answerOfEvents(route, events.slice(0, 9)))
    assert.match(half, route === 'responses' ? /"status":"in_progress"/ : /"(finish|stop)_reason":null/)
  }
})

test('several answers at once are kept side by side', () => {
  const call = callOf('chat', { messages: [{ role: 'user', content: 'tokens:3' }], n: 2 })
  const { events } = unbroken(call, { profile: 'vllm' })
  const { choices } = answerOfEvents('chat', events) as { choices: { index: number; message: { content: string } }[] }
  assert.deepEqual(
    choices.map(({ index }) => index),
    [0, 1],
  )
  assert.ok(choices.every(({ message }) => message.content === choices[0]?.message.content && message.content !== ''))
})
