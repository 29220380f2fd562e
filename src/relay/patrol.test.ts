// Tests of the patrol: whom it asks for a token and when, what it makes of the answer, and whom it takes out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import { Fleet } from '../fleet/fleet.ts'
import { balanceSchema, timeoutsSchema } from '../fleet/pool-options.ts'
import { Upstream } from '../fleet/upstream.ts'
import { upstreamSchema } from '../fleet/upstream-options.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { silentLog } from '../observe/log.ts'
import { noRecorder } from '../observe/recorder.ts'
import { breakerSchema } from './overload/breaker-options.ts'
import { Breakers } from './overload/breakers.ts'
import { Patrol } from './patrol.ts'
import type { Proof } from './token-probe.ts'

interface Question {
  readonly upstream: string
  readonly done: (proof: Proof) => void
}

const token: Proof = { fault: null, firstTokenMs: 50 }
const without = (code: FaultCode, receivedStatus?: number): Proof => ({
  fault: new Fault(code, receivedStatus === undefined ? {} : { receivedStatus }),
  firstTokenMs: null,
})

/** A pool of so many upstreams with a patrol before it. */
function open(count: number, traits: (i: number) => object = () => ({})) {
  const clock = new ManualClock()
  const upstreams = Array.from({ length: count }, (_, i) => {
    const options = upstreamSchema.parse({ url: `http://gpu${i}/v1`, models: ['m'], ...traits(i) })
    return new Upstream(`gpu${i}`, options, null, clock)
  })
  const members = upstreams.map((upstream) => ({
    upstream,
    model: null,
    weight: 1,
    priority: upstream.options.priority,
  }))
  const pool = {
    name: 'all',
    members,
    timeouts: timeoutsSchema.parse({}),
    attemptsMax: 5,
    balance: balanceSchema.parse({}),
  }
  const fleet = new Fleet(upstreams, new Map([['all', pool]]), new Map())
  const reasons = new Map<string, string>()
  const options = breakerSchema.parse({})
  const breakers = new Breakers(clock, options)
  const asked: Question[] = []
  const prober = {
    ask: ({ name }: Upstream, _: string, done: Question['done']): void => void asked.push({ upstream: name, done }),
  }
  const outcomes: string[] = []
  const metrics = {
    breakerOpened: () => {},
    breakerAsked: (_: string, outcome: string): void => void outcomes.push(outcome),
  }
  const warn = (facts: object): void => {
    const { upstream, reason } = facts as { upstream: string; reason: string }
    reasons.set(upstream, reason)
  }
  const patrol = new Patrol({
    clock,
    fleet,
    breakers,
    prober,
    recorder: noRecorder,
    log: { ...silentLog, warn },
    options,
    metrics,
  })
  /** One call to the upstream with this number. */
  const call = (
    i: number,
    { code = null as FaultCode | null, firstMs = 200, gapMs = 20, promptTokens = 0 } = {},
  ): void => {
    const endMs = clock.monotonicMs()
    const firstContentMs = endMs - 9 * gapMs
    const times = { beganMs: firstContentMs - firstMs, firstContentMs, progressedMs: endMs, contentCount: 10 }
    breakers.settle(upstreams[i] as Upstream, 'm', code && new Fault(code), { ...times, isStream: true }, promptTokens)
  }
  const fail = (i: number): void => {
    for (let n = 0; n < 5; n++) call(i, { code: 'HF_UPSTREAM_EMPTY' })
  }
  const out = (): string[] => [...breakers.out()].map(({ upstream }) => upstream.name)
  return { clock, upstreams, breakers, asked, outcomes, patrol, reasons, call, fail, out }
}

test('what is out is asked for a token after a third of its time, and only a token lets it return', () => {
  const { clock, fail, asked, out, outcomes } = open(2)
  fail(0)
  clock.advance(9000)
  assert.equal(asked.length, 0)
  clock.advance(2000)
  assert.deepEqual(
    asked.map(({ upstream }) => upstream),
    ['gpu0'],
  )
  clock.advance(60_000)
  assert.equal(asked.length, 1, 'not once more while the answer is awaited')
  asked[0]?.done(without('HF_UPSTREAM_EMPTY'))
  assert.deepEqual(out(), ['gpu0'])
  clock.advance(61_000)
  assert.equal(asked.length, 2)
  asked[1]?.done(token)
  assert.deepEqual([out(), outcomes], [[], ['failed', 'token']])
})

test('one that is away is not asked, and at once when it is back', () => {
  const { clock, upstreams, fail, asked } = open(1)
  fail(0)
  upstreams[0]?.fail('HF_UPSTREAM_REFUSED')
  clock.advance(200_000)
  assert.equal(asked.length, 0)
  upstreams[0]?.succeed()
  clock.advance(1000)
  assert.equal(asked.length, 1)
})

test('one that is back early is asked before its time', () => {
  const { clock, upstreams, fail, asked } = open(1)
  fail(0)
  upstreams[0]?.fail('HF_UPSTREAM_REFUSED')
  clock.advance(2000)
  upstreams[0]?.succeed()
  clock.advance(1000)
  assert.equal(asked.length, 1)
})

test('one that is busy is asked again a little later', () => {
  const { clock, fail, asked, out, outcomes } = open(1)
  fail(0)
  clock.advance(10_000)
  asked[0]?.done(without('HF_UPSTREAM_BUSY', 503))
  clock.advance(6000)
  assert.deepEqual([asked.length, out(), outcomes], [2, ['gpu0'], ['nothing']])
})

for (const proof of [without('HF_CALL_REFUSED', 400), without('HF_ROUTE_UNSPOKEN')]) {
  test(`one that has no answer to the question (${proof.fault?.code}) is tried by a real call`, () => {
    const { clock, upstreams, breakers, fail, asked } = open(1)
    fail(0)
    clock.advance(10_000)
    asked[0]?.done(proof)
    clock.advance(100_000)
    assert.equal(asked.length, 1)
    const [upstream] = upstreams
    assert.deepEqual(upstream && breakers.standing({ upstream, model: null }, 'm'), { restMs: 0, share: 1 })
  })
}

test('no more than four are asked at once', () => {
  const { clock, fail, asked } = open(10)
  for (let i = 0; i < 10; i++) fail(i)
  clock.advance(60_000)
  assert.equal(asked.length, 4)
  for (const { done } of asked.slice(0, 4)) done(token)
  clock.advance(1000)
  assert.equal(asked.length, 8)
})

test('where a key is set nobody is asked', () => {
  const { clock, fail, asked } = open(1, () => ({ key: 'env:KEY' }))
  fail(0)
  clock.advance(600_000)
  assert.equal(asked.length, 0)
})

test('of two, the one that fails two calls in five is taken out, and told why', () => {
  const { clock, call, out, reasons } = open(2)
  for (let n = 0; n < 40; n++) {
    call(0, { code: n % 5 < 2 ? 'HF_UPSTREAM_GARBLED' : null })
    call(1)
    clock.advance(200)
  }
  assert.deepEqual(out(), [])
  clock.advance(10_000)
  assert.deepEqual(out(), ['gpu0'])
  assert.equal(reasons.get('gpu0'), '40 % of its calls fail, 0 % with its peers')
})

test('the one that lets wait ten times as long is taken out; not if it is of another rank, or nobody else is in', () => {
  const play = (traits: (i: number) => object, isOtherOut = false): string[] => {
    const { clock, call, fail, out } = open(2, traits)
    for (let n = 0; n < 40; n++) {
      call(0, { firstMs: 4000 })
      call(1, { firstMs: 400 })
    }
    if (isOtherOut) fail(1)
    clock.advance(10_000)
    return out()
  }
  assert.deepEqual(
    play(() => ({})),
    ['gpu0'],
  )
  assert.deepEqual(
    play((i) => ({ priority: i })),
    [],
  )
  assert.deepEqual(
    play(() => ({}), true),
    ['gpu1'],
  )
})

test('one that is given all the long prompts is not taken for slow; one that is slow with short ones is found', () => {
  const play = (firstMs: readonly number[], prompts: readonly number[]): string[] => {
    const { clock, upstreams, call, out } = open(3)
    for (const upstream of upstreams)
      for (let n = 1; n <= 20; n++) upstream.speed('m').observeFirstToken(1000 * n, 50 + 100 * n, 0)
    for (let n = 0; n < 40; n++)
      for (const i of [0, 1, 2]) call(i, { firstMs: firstMs[i] as number, promptTokens: prompts[i] as number })
    clock.advance(10_000)
    return out()
  }
  assert.deepEqual(play([2050, 150, 150], [20_000, 1000, 1000]), [])
  assert.deepEqual(play([2050, 150, 150], [1000, 1000, 1000]), ['gpu0'])
  assert.deepEqual(play([2050, 2050, 2050], [1000, 20_000, 20_000]), ['gpu0'])
})

test('of a thousand, one that is sick is found and the others are left alone', () => {
  const { clock, call, out } = open(1000)
  for (let n = 0; n < 30; n++) {
    for (let i = 0; i < 1000; i++) call(i, { code: i === 700 && n % 5 < 2 ? 'HF_UPSTREAM_ERROR' : null })
  }
  clock.advance(10_000)
  assert.deepEqual(out(), ['gpu700'])
})

test('when it is closed it asks nobody any more', () => {
  const { clock, fail, asked, patrol } = open(1)
  fail(0)
  patrol[Symbol.dispose]()
  clock.advance(60_000)
  assert.deepEqual([asked.length, clock.timerCount], [0, 0])
})
