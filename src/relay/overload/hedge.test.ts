// Tests of hedging: when, where to, how often.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from '../../ground/schema.ts'
import type { Member, Pool } from '../../fleet/pool.ts'
import { Upstream } from '../../fleet/upstream.ts'
import { upstreamSchema } from '../../fleet/upstream-options.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { Hedging, mayHedge } from './hedge.ts'
import { hedgingSchema } from './hedge-options.ts'

const pool = { name: 'all' } as Pool
const kind = { pool: 'all', model: 'm', route: 'chat', isStream: true, tokens: 100 }

function member(settings: Partial<z.input<typeof upstreamSchema>> = {}, more: Partial<Member> = {}): Member {
  const options = upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1', ...settings })
  const upstream = new Upstream('u', options, null, new ManualClock())
  return { upstream, model: null, weight: 1, priority: 0, ...more }
}

function open(settings: Partial<z.input<typeof hedgingSchema>> = {}, saturation = 0): Hedging {
  return new Hedging(hedgingSchema.parse(settings), () => saturation)
}

function learn(hedging: Hedging, waits: readonly number[], more: Partial<typeof kind> = {}): Hedging {
  for (const ms of waits) hedging.times.observe({ ...kind, ...more }, ms)
  return hedging
}

const hundred = Array.from({ length: 100 }, (_, i) => (i < 94 ? 200 : 4000))

test('a call is late when it waits longer than 95 of 100 like it', () => {
  const waitMs = learn(open(), hundred).waitMs(kind) ?? 0
  assert.ok(waitMs >= 4000 && waitMs <= 4000 * 1.2, `${waitMs}`)
  const common = learn(open(), [...hundred, ...hundred.map(() => 200)]).waitMs(kind) ?? 0
  assert.ok(common >= 200 && common <= 200 * 1.2, `${common}`)
})

test('nothing is late while too little is known, nor within 50 ms, nor where hedging is off', () => {
  assert.equal(learn(open(), hundred.slice(0, 49)).waitMs(kind), null)
  assert.equal(
    learn(
      open(),
      hundred.map(() => 3),
    ).waitMs(kind),
    50,
  )
  assert.equal(learn(open({ enabled: false }), hundred).waitMs(kind), null)
})

test('an answer in one piece is late after twice that: it may only be long', () => {
  const whole = { ...kind, isStream: false }
  const waitMs = learn(open(), hundred, whole).waitMs(whole) ?? 0
  assert.ok(waitMs >= 8000 && waitMs <= 8000 * 1.2, `${waitMs}`)
})

test('what is usual is known by model, form and length of the prompt', () => {
  const hedging = learn(open(), hundred)
  assert.ok(hedging.waitMs({ ...kind, tokens: 120 }) !== null)
  for (const other of [{ model: 'n' }, { pool: 'p' }, { isStream: false }, { tokens: 30_000 }, { route: 'embeddings' }])
    assert.equal(hedging.waitMs({ ...kind, ...other }), null, JSON.stringify(other))
})

test('models are forgotten when there are too many, so that callers cannot fill the memory', () => {
  const hedging = learn(open(), hundred)
  for (let i = 0; i < 600; i++) learn(hedging, [5], { model: `m${i}` })
  assert.equal(hedging.waitMs(kind), null)
})

test('two of a hundred calls may be sent twice, and a few saved ones at once', () => {
  const hedging = open()
  let taken = 0
  for (let i = 0; i < 1000; i++) {
    hedging.countCall()
    if (hedging.take(pool)) taken++
  }
  assert.ok(taken === 19 || taken === 20, `${taken} of 1000`)
  for (let i = 0; i < 100_000; i++) hedging.countCall()
  let atOnce = 0
  while (atOnce < 100 && hedging.take(pool)) atOnce++
  assert.equal(atOnce, 10)
})

test('at the start, with percentMax 0, and when all is busy nothing is sent twice', () => {
  assert.equal(open().take(pool), false)
  for (const hedging of [open({ percentMax: 0 }), open({}, 0.71)]) {
    for (let i = 0; i < 1000; i++) hedging.countCall()
    assert.equal(hedging.take(pool), false)
    assert.equal(hedging.deniedCount, 1)
  }
})

test('a second attempt goes where it costs nothing, unless it is asked for there', () => {
  const slow = member()
  assert.equal(mayHedge(member(), slow), true)
  assert.equal(mayHedge(member({ key: 'k' }), slow), false)
  assert.equal(mayHedge(member({ keys: ['k', 'l'] }), slow), false)
  assert.equal(mayHedge(member({ key: 'caller' }), slow), false)
  assert.equal(mayHedge(member({ key: 'k', hedge: true }), slow), true)
  assert.equal(mayHedge(member({ hedge: false }), slow), false)
})

test('nor to the same upstream, another model, or a lower rank', () => {
  const slow = member()
  assert.equal(mayHedge({ ...slow, priority: 0 }, slow), false)
  assert.equal(mayHedge(member({}, { model: 'other' }), slow), false)
  assert.equal(mayHedge(member({}, { priority: 1 }), slow), false)
  assert.equal(mayHedge(member({}, { priority: 0 }), member({}, { priority: 1 })), true)
})
