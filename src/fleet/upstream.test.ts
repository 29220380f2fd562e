// Tests of one upstream: what it is taken to speak, how long it rests, and what it may say of itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import { Upstream } from './upstream.ts'
import { upstreamSchema } from './upstream-options.ts'

function open(settings: object = {}): { upstream: Upstream; clock: ManualClock } {
  const clock = new ManualClock()
  const options = upstreamSchema.parse({ url: 'http://127.0.0.1:8000/v1', ...settings })
  return { upstream: new Upstream('gpu1', options, null, clock), clock }
}

test('an upstream of unknown kind is taken to speak what every compatible server does', () => {
  const { upstream } = open()
  assert.deepEqual([upstream.kind, [...upstream.speaks]], ['compatible', ['chat', 'completions', 'embeddings']])
  assert.deepEqual([upstream.isKnown, upstream.models.size, upstream.restLeftMs], [false, 0, 0])
})

test('its kind says what it speaks, and the configuration knows better', () => {
  assert.deepEqual([...open({ kind: 'anthropic' }).upstream.speaks], ['messages', 'count_tokens'])
  assert.ok(open({ kind: 'llamacpp' }).upstream.speaks.has('messages'))
  assert.ok(open({ kind: 'openai' }).upstream.speaks.has('responses'))
  assert.deepEqual([...open({ kind: 'anthropic', speaks: ['chat'] }).upstream.speaks], ['chat'])
})

test('what it says of itself is taken where the configuration is silent', () => {
  const { upstream } = open()
  upstream.learn(['a', 'b'], 'vllm')
  assert.deepEqual([upstream.kind, [...upstream.models], upstream.isKnown], ['vllm', ['a', 'b'], true])
  upstream.learn(['c'], null)
  assert.deepEqual([upstream.kind, [...upstream.models]], ['vllm', ['c']])
  const { upstream: told } = open({ kind: 'ollama', models: ['x'] })
  assert.equal(told.isKnown, true)
  told.learn(['y'], 'vllm')
  assert.deepEqual([told.kind, [...told.models]], ['ollama', ['x']])
})

test('each failure in a row doubles the rest, up to a limit', () => {
  const { upstream, clock } = open()
  const rests: number[] = []
  for (let i = 0; i < 12; i++) {
    upstream.fail('HF_UPSTREAM_RESET')
    rests.push(upstream.restLeftMs)
    clock.advance(upstream.restLeftMs)
    assert.equal(upstream.restLeftMs, 0)
  }
  assert.deepEqual(rests, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000])
  assert.deepEqual([upstream.failuresInRow, upstream.lastFault], [12, 'HF_UPSTREAM_RESET'])
})

test('all that one death breaks is one failure, and it is told once', () => {
  const { upstream, clock } = open()
  let told = 0
  upstream.onDown = () => told++
  for (let i = 0; i < 300; i++) upstream.fail('HF_UPSTREAM_CUT')
  assert.deepEqual([upstream.restLeftMs, upstream.failuresInRow, told], [500, 1, 1])
  clock.advance(500)
  upstream.fail('HF_UPSTREAM_REFUSED')
  assert.deepEqual([upstream.restLeftMs, upstream.failuresInRow, told], [1000, 2, 1])
})

test('the rest runs out with time, and ends at once when it answers', () => {
  const { upstream, clock } = open()
  upstream.fail('HF_UPSTREAM_RESET')
  clock.advance(300)
  assert.equal(upstream.restLeftMs, 200)
  upstream.succeed()
  assert.deepEqual(
    [upstream.restLeftMs, upstream.failuresInRow, upstream.lastFault, upstream.wasUp],
    [0, 0, null, true],
  )
  upstream.fail('HF_UPSTREAM_RESET')
  assert.equal(upstream.restLeftMs, 500)
})

test('it rests as long as it asks for, a minute at most, and a later failure never shortens that', () => {
  const { upstream, clock } = open()
  upstream.fail('HF_UPSTREAM_BUSY', 7000)
  assert.equal(upstream.restLeftMs, 7000)
  upstream.fail('HF_UPSTREAM_RESET')
  assert.equal(upstream.restLeftMs, 7000)
  upstream.fail('HF_UPSTREAM_RATE_LIMITED', 3_600_000)
  assert.equal(upstream.restLeftMs, 60_000)
  clock.jumpMs(10 * 3_600_000) // the wall clock has no say in it
  assert.equal(upstream.restLeftMs, 60_000)
})

test('settings that make no sense are refused', () => {
  for (const settings of [
    { url: 'gpu1:8000' },
    { url: 'ftp://gpu1' },
    { kind: 'nim' },
    { weight: 0 },
    { priority: -1 },
    { speaks: ['telnet'] },
    { models: [''] },
    { wieght: 2 },
  ]) {
    assert.equal(
      upstreamSchema.safeParse({ url: 'http://127.0.0.1:1/v1', ...settings }).success,
      false,
      JSON.stringify(settings),
    )
  }
})

test('the rest that it asked for is ended by an answer, and not by a list of models; it is up meanwhile', () => {
  const { clock, upstream } = open()
  upstream.succeed()
  upstream.fail('HF_UPSTREAM_RATE_LIMITED', 20_000)
  clock.advance(1000)
  upstream.appear()
  assert.equal(upstream.restLeftMs, 19_000)
  assert.equal(upstream.isUp, true)
  upstream.succeed()
  assert.equal(upstream.restLeftMs, 0)
  upstream.fail('HF_UPSTREAM_ERROR')
  assert.equal(upstream.isUp, false)
  upstream.appear()
  assert.deepEqual([upstream.restLeftMs, upstream.isUp], [0, true])
})
