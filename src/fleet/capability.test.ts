/** What upstreams are believed to be able to do: by kind, by configuration, and by what they said themselves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Route } from '../dialect/call.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { Capabilities, isRefusal, probePrefill } from './capability.ts'
import { Upstream } from './upstream.ts'
import { upstreamSchema } from './upstream-options.ts'

function open(options: object = {}): { clock: ManualClock; known: Capabilities; upstream: Upstream } {
  const clock = new ManualClock()
  const parsed = upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1', ...options })
  return { clock, known: new Capabilities(clock), upstream: new Upstream('u', parsed, null, clock) }
}

function rungs(options: object, model = 'm', route: Route = 'chat'): string[] {
  const { known, upstream } = open(options)
  return [...known.rungs(upstream, model, route)].filter((name) => !/^(ask|regenerate)/.test(name))
}

describe('an upstream is believed', () => {
  test('to be able to do what its kind can', () => {
    assert.deepEqual(rungs({ kind: 'vllm' }), ['token-exact', 'prefill'])
    assert.deepEqual(rungs({ kind: 'mistral' }), ['prefix-flag'])
    assert.deepEqual(rungs({ kind: 'ollama' }), ['prefill'])
    assert.deepEqual(rungs({ kind: 'openai' }), [])
    assert.deepEqual(rungs({}), [])
    assert.deepEqual(rungs({}, 'm', 'completions'), ['prefill'])
  })

  test('to take a prefill as Claude up to 4.5', () => {
    const takes = (model: string): boolean => rungs({ kind: 'anthropic' }, model, 'messages').includes('prefill')
    for (const model of [
      'claude-2.1',
      'claude-3-5-sonnet-20241022',
      'claude-sonnet-4-20250514',
      'claude-opus-4-5-20251101',
    ])
      assert.equal(takes(model), true, model)
    for (const model of ['claude-opus-4-6', 'claude-sonnet-5-20270101', 'claude-haiku-4-10', 'claude-novel'])
      assert.equal(takes(model), false, model)
  })

  test('as the configuration says, whatever its kind', () => {
    assert.deepEqual(rungs({ kind: 'openai', continues: ['prefill'] }), ['prefill'])
    const { known, upstream } = open({ kind: 'vllm', continues: [] })
    assert.deepEqual([...known.rungs(upstream, 'm', 'chat')], ['regenerate'])
    assert.equal(known.tellsTokenIds(upstream), false)
  })
})

describe('a refusal', () => {
  test('is remembered for an hour, for this way, model and upstream', () => {
    const { clock, known, upstream } = open({ kind: 'vllm' })
    known.refuse(upstream, 'm', 'chat', 'prefill')
    assert.equal(known.standing(upstream, 'm', 'chat', 'prefill'), 'refused')
    assert.deepEqual(
      [known.rungs(upstream, 'm', 'chat').has('prefill'), known.rungs(upstream, 'other', 'chat').has('prefill')],
      [false, true],
    )
    clock.advance(3_599_999)
    assert.equal(known.rungs(upstream, 'm', 'chat').has('prefill'), false)
    clock.advance(2)
    assert.equal(known.rungs(upstream, 'm', 'chat').has('prefill'), true)
  })

  test('is forgotten when the way worked after all', () => {
    const { known, upstream } = open()
    assert.equal(known.standing(upstream, 'm', 'chat', 'prefill'), 'unknown')
    known.refuse(upstream, 'm', 'chat', 'prefill')
    known.prove(upstream, 'm', 'chat', 'prefill')
    assert.equal(known.standing(upstream, 'm', 'chat', 'prefill'), 'proven')
  })

  test('is told by a status that speaks of the request, not of the server', () => {
    assert.deepEqual([400, 404, 422, 501, 429, 500, 503, 200, null].map(isRefusal), [
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false,
      false,
    ])
  })

  test('of asking anew is never believed', () => {
    const { known, upstream } = open()
    known.refuse(upstream, 'm', 'chat', 'regenerate')
    assert.ok(known.rungs(upstream, 'm', 'chat').has('regenerate'))
  })

  test('takes no more room than it is given', () => {
    const { known, upstream } = open({ kind: 'vllm' })
    for (let at = 0; at < 5000; at++) known.refuse(upstream, `m${at}`, 'chat', 'prefill')
    assert.equal(known.standing(upstream, 'm0', 'chat', 'prefill'), 'believed')
    assert.equal(known.standing(upstream, 'm4999', 'chat', 'prefill'), 'refused')
  })
})

test('a probe tells whether a last assistant message is gone on with', () => {
  const { body, isContinued } = probePrefill('m')
  assert.equal((JSON.parse(body.toString()) as { messages: { role: string }[] }).messages.at(-1)?.role, 'assistant')
  const says = (content: unknown): boolean =>
    isContinued(Buffer.from(JSON.stringify({ choices: [{ message: { content } }] })))
  assert.deepEqual(['our, five, six', 'One, two, three', 'four, five', ' our', '', null].map(says), [
    true,
    false,
    false,
    false,
    false,
    false,
  ])
  assert.equal(isContinued(Buffer.from('<html>')), false)
})
