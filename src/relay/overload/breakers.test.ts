// Tests of the book of breakers: how upstreams and their models stand, and that it stays small.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../../fault/code.ts'
import { Fault } from '../../fault/fault.ts'
import { Upstream } from '../../fleet/upstream.ts'
import { upstreamSchema } from '../../fleet/upstream-options.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { breakerSchema } from './breaker-options.ts'
import { Breakers, type Standing } from './breakers.ts'

function open(traits: object = {}, options: object = {}) {
  const clock = new ManualClock()
  clock.advance(1000)
  const upstream = new Upstream('u', upstreamSchema.parse({ url: 'http://gpu1/v1', ...traits }), null, clock)
  const changes: string[] = []
  const breakers = new Breakers(clock, breakerSchema.parse(options))
  breakers.listener = {
    onOpened: ({ model }, why) => changes.push(`${model} opened: ${why}`),
    onReturned: ({ model }) => changes.push(`${model} returned`),
  }
  const call = (model: string, code: FaultCode | null = null): void => {
    const nowMs = clock.monotonicMs()
    breakers.begin(upstream, model)
    clock.advance(1)
    const times = {
      beganMs: nowMs,
      firstContentMs: nowMs + 1,
      progressedMs: nowMs + 1,
      contentCount: 1,
      isStream: true,
    }
    breakers.settle(upstream, model, code && new Fault(code), times)
  }
  const fail = (model: string, count = 5): void => {
    for (let i = 0; i < count; i++) call(model, 'HF_UPSTREAM_ERROR')
  }
  const standing = (model: string, other: string | null = null): Standing =>
    breakers.standing({ upstream, model: other }, model)
  return { clock, upstream, breakers, changes, call, fail, standing }
}

test('a model that fails is out, another of the same upstream is not', () => {
  const { fail, standing, changes } = open()
  fail('a')
  assert.deepEqual(
    [standing('a'), standing('b')],
    [
      { restMs: 30_000, share: 1 },
      { restMs: 0, share: 1 },
    ],
  )
  assert.deepEqual(standing('x', 'a'), standing('a'), 'a fallback stands by its own model')
  assert.deepEqual(changes, ['a opened: row'])
})

test('when several models are out and none has answered since, the upstream is: also for models not asked for yet', () => {
  const { fail, call, standing, breakers, upstream } = open()
  call('c')
  fail('a')
  fail('b')
  assert.equal(breakers.isOut(upstream), true)
  assert.ok(standing('never asked for').restMs > 0)
  call('c')
  assert.deepEqual([breakers.isOut(upstream), standing('never asked for').restMs], [false, 0])
})

test('the rest after a failure to connect counts as ever, and the longer of both is told', () => {
  const { upstream, fail, standing } = open()
  upstream.fail('HF_UPSTREAM_REFUSED')
  assert.deepEqual(standing('a'), { restMs: 500, share: 1 })
  fail('a')
  assert.equal(standing('a').restMs, 30_000)
  upstream.fail('HF_UPSTREAM_BUSY', 50_000)
  assert.equal(standing('a').restMs, 50_000)
})

test('refused connections never open it: who is dead is back as soon as it is up', () => {
  const { call, standing, upstream } = open()
  for (let i = 0; i < 100; i++) call('a', 'HF_UPSTREAM_REFUSED')
  assert.deepEqual([standing('a').restMs, upstream.restLeftMs], [0, 0])
})

test('one whose time is over waits behind the others for its token, and returns with a small share', () => {
  const { clock, upstream, fail, standing, breakers, changes } = open()
  fail('a')
  clock.advance(30_000)
  assert.deepEqual(standing('a'), { restMs: 1000, share: 1 })
  const entry = breakers.find(upstream, 'a')
  assert.ok(entry)
  breakers.prove(entry, null)
  assert.deepEqual(standing('a'), { restMs: 0, share: 0.1 })
  assert.deepEqual(
    breakers.troubles(10).map(({ model, phase }) => [model, phase]),
    [['a', 'ramp']],
  )
  clock.advance(60_000)
  assert.deepEqual([standing('a'), breakers.troubles(10)], [{ restMs: 0, share: 1 }, []])
  assert.deepEqual(changes, ['a opened: row', 'a returned'])
})

for (const traits of [{ key: 'env:KEY' }, { key: 'caller' }, { kind: 'openai' }, { probe: 'call' }]) {
  test(`${JSON.stringify(traits)}: the next call tries it, one at a time`, () => {
    const { clock, upstream, fail, standing, breakers } = open(traits)
    fail('a')
    assert.equal(breakers.find(upstream, 'a')?.isTriedByCalls, true)
    clock.advance(30_000)
    assert.deepEqual(standing('a'), { restMs: 0, share: 1 })
    breakers.begin(upstream, 'a')
    assert.equal(standing('a').restMs, 1000)
  })
}

for (const traits of [{}, { kind: 'vllm' }, { key: 'env:KEY', probe: 'token' }, { kind: 'openai', probe: 'token' }]) {
  test(`${JSON.stringify(traits)}: it is asked for a token`, () => {
    const { upstream, fail, breakers } = open(traits)
    fail('a')
    assert.equal(breakers.find(upstream, 'a')?.isTriedByCalls, false)
  })
}

test('it keeps no more models than it may, and what is out the longest', () => {
  const { call, fail, breakers, upstream, standing } = open()
  fail('sick')
  for (let i = 0; i < 1000; i++) call(`m${i}`)
  assert.equal([...breakers.of(upstream)].length, 256)
  assert.ok(standing('sick').restMs > 0)
})

test('what people are told of is bounded', () => {
  const { fail, breakers } = open()
  for (let i = 0; i < 20; i++) fail(`m${i}`)
  assert.equal(breakers.troubles(7).length, 7)
})

test('it can be switched off', () => {
  const { fail, standing } = open({}, { enabled: false })
  fail('a', 100)
  assert.deepEqual(standing('a'), { restMs: 0, share: 1 })
})
