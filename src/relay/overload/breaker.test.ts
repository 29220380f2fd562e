// Tests of the breaker: when it opens, what lets it return, and that it never shuts for good.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Breaker, type Change } from './breaker.ts'
import type { Verdict } from './verdict.ts'

const rules = { failuresInRow: 5, openMs: 30_000, openMsMax: 300_000 }

function end(breaker: Breaker, verdict: Verdict, nowMs: number, beganMs = nowMs): Change {
  return breaker.settle({ verdict, beganMs, firstTokenMs: null, gapMs: null, code: 'HF_UPSTREAM_ERROR' }, nowMs)
}

function endMany(breaker: Breaker, verdict: Verdict, count: number, nowMs: number): Change {
  let change: Change = null
  for (let i = 0; i < count; i++) change = end(breaker, verdict, nowMs + i)
  return change
}

/** One that has just opened, at `nowMs`. */
function opened(nowMs = 1000): Breaker {
  const breaker = new Breaker(rules)
  endMany(breaker, 'bad', 5, nowMs - 4)
  assert.equal(breaker.phase(nowMs), 'open')
  return breaker
}

test('five failures in a row open it, and a good answer in between begins the count anew', () => {
  const breaker = new Breaker(rules)
  assert.equal(endMany(breaker, 'bad', 4, 0), null)
  end(breaker, 'good', 10)
  assert.equal(endMany(breaker, 'bad', 4, 20), null)
  assert.equal(breaker.phase(30), 'closed')
  assert.equal(end(breaker, 'bad', 40), 'opened')
  assert.deepEqual([breaker.phase(40), breaker.leftMs(40), breaker.why], ['open', 30_000, 'row'])
  assert.equal(breaker.reason, '5 failures in a row, the last one HF_UPSTREAM_ERROR')
})

test('more than half of twenty calls within a minute open it, also with good ones in between', () => {
  const breaker = new Breaker(rules)
  const verdicts: Verdict[] = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 || i === 19 ? 'bad' : 'good'))
  const changes = verdicts.map((verdict, i) => end(breaker, verdict, i * 1000))
  assert.deepEqual(changes.indexOf('opened'), 19)
  assert.equal(breaker.why, 'share')
})

test('the same failures over a longer time do not: a minute is all that counts', () => {
  const breaker = new Breaker(rules)
  for (let i = 0; i < 200; i++) assert.equal(end(breaker, i % 3 === 0 ? 'good' : 'bad', i * 4000), null)
})

test('what tells of the call, the caller or the load counts neither way', () => {
  const breaker = new Breaker(rules)
  endMany(breaker, 'bad', 4, 0)
  assert.equal(endMany(breaker, 'nothing', 100, 10), null)
  assert.equal(end(breaker, 'bad', 200), 'opened')
})

test('answers that one event breaks are one failure; five such events are five', () => {
  const breaker = new Breaker(rules)
  for (let crash = 1; crash <= 5; crash++) {
    const nowMs = crash * 1000
    const changes = Array.from({ length: 60 }, (_, i) => end(breaker, 'broken', nowMs + i, nowMs - 500))
    assert.equal(changes.includes('opened'), crash === 5, `crash ${crash}`)
  }
})

test('long answers that break one after the other are failures each', () => {
  const breaker = new Breaker(rules)
  const changes = Array.from({ length: 5 }, (_, i) => end(breaker, 'broken', 60_000 + i * 1000, i))
  assert.deepEqual(changes, [null, null, null, null, 'opened'])
})

test('waits in vain for a first token open it only while no token comes at all', () => {
  const busy = new Breaker(rules)
  for (let i = 0; i < 50; i++) {
    end(busy, 'silent', i * 100)
    busy.speak()
  }
  assert.equal(busy.phase(5000), 'closed')
  const hung = new Breaker(rules)
  assert.equal(endMany(hung, 'silent', 5, 0), 'opened')
})

test('it returns by a token alone, at first with a tenth of its share', () => {
  const breaker = opened(0)
  assert.equal(breaker.phase(29_999), 'open')
  assert.equal(breaker.phase(30_000), 'ripe')
  assert.equal(breaker.phase(10_000_000), 'ripe')
  assert.equal(breaker.prove(null, 40_000), 'returned')
  const shares = [0, 19_999, 20_000, 39_999, 40_000, 59_999, 60_000].map((ms) => breaker.share(40_000 + ms))
  assert.deepEqual(shares, [0.1, 0.1, 0.25, 0.25, 0.5, 0.5, 1])
  assert.deepEqual([breaker.phase(40_000), breaker.phase(100_000)], ['ramp', 'closed'])
})

test('it is asked for a token on the way and at the end; when none comes at the end it is out for twice as long', () => {
  const breaker = opened(0)
  assert.deepEqual([breaker.wantsToken(9999), breaker.wantsToken(10_000)], [false, true])
  assert.equal(breaker.prove('then asked for a token: HF_UPSTREAM_EMPTY', 10_000), null)
  assert.deepEqual([breaker.wantsToken(19_999), breaker.wantsToken(20_000)], [false, true])
  breaker.prove('then asked for a token: HF_UPSTREAM_EMPTY', 20_000)
  const lengths = [30_000]
  for (let nowMs = 30_000; lengths.length < 7; nowMs += breaker.openMs) {
    assert.ok(breaker.wantsToken(nowMs))
    assert.equal(breaker.prove('then asked for a token: HF_UPSTREAM_EMPTY', nowMs), 'opened')
    lengths.push(breaker.openMs)
  }
  assert.equal(
    breaker.reason,
    '5 failures in a row, the last one HF_UPSTREAM_ERROR; then asked for a token: HF_UPSTREAM_EMPTY',
  )
  assert.deepEqual(lengths, [30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 300_000])
})

test('one that fails again after its return is out for longer, and sooner than at first', () => {
  const breaker = opened(0)
  breaker.prove(null, 30_000)
  assert.equal(endMany(breaker, 'bad', 2, 31_000), null)
  assert.equal(end(breaker, 'bad', 32_000), 'opened')
  assert.equal(breaker.openMs, 60_000)
})

test('one that was well for as long as it was out begins anew', () => {
  const breaker = opened(0)
  breaker.prove(null, 30_000)
  endMany(breaker, 'bad', 5, 30_000 + 60_000 + 30_001)
  assert.equal(breaker.openMs, 30_000)
})

test('answers begun before it was taken out, or before it returned, count neither way', () => {
  const breaker = opened(1000)
  assert.equal(end(breaker, 'good', 2000, 500), null)
  assert.equal(breaker.isOut, true)
  breaker.prove(null, 31_000)
  for (let i = 0; i < 20; i++) assert.equal(end(breaker, 'bad', 32_000 + i, 30_000), null)
})

test('a real call that is answered while it is out lets it return', () => {
  const breaker = opened(1000)
  assert.equal(end(breaker, 'good', 3000, 2000), 'returned')
})

test('one call at a time is its trial; one that comes to nothing makes room for the next', () => {
  const breaker = opened(0)
  breaker.begin(5000)
  assert.equal(breaker.isOnTrial(5000), false)
  breaker.begin(30_000)
  assert.equal(breaker.isOnTrial(30_001), true)
  end(breaker, 'nothing', 31_000, 30_000)
  assert.equal(breaker.isOnTrial(31_001), false)
  breaker.begin(32_000)
  assert.equal(end(breaker, 'bad', 33_000, 32_000), 'opened')
  assert.deepEqual([breaker.openMs, breaker.isOnTrial(33_000)], [60_000, false])
})

test('one that is ejected is out for 30 s more each time, up to five minutes', () => {
  const breaker = new Breaker(rules)
  const lengths: number[] = []
  let nowMs = 0
  for (let i = 0; i < 12; i++) {
    assert.equal(breaker.eject('slow', nowMs), 'opened')
    lengths.push(breaker.openMs)
    nowMs += breaker.openMs
    breaker.prove(null, nowMs)
    nowMs += 1000
  }
  assert.deepEqual(lengths.slice(0, 3), [30_000, 60_000, 90_000])
  assert.equal(lengths.at(-1), 300_000)
})

const verdicts = ['good', 'bad', 'broken', 'silent', 'nothing'] as const
const step = fc.record({
  waitMs: fc.nat({ max: 40_000 }),
  tookMs: fc.nat({ max: 60_000 }),
  verdict: fc.constantFrom(...verdicts),
  asks: fc.constantFrom(null, 'token', 'failed'),
})

test('whatever happens: a share above 0 to 1, a bounded time out, and a token always lets it return', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const breaker = new Breaker(rules)
      let nowMs = 100_000
      for (const { waitMs, tookMs, verdict, asks } of steps) {
        nowMs += waitMs
        breaker.begin(nowMs)
        end(breaker, verdict, nowMs, nowMs - tookMs)
        if (breaker.isOut && asks !== null) {
          const change = breaker.prove(asks === 'token' ? null : 'no', nowMs)
          assert.equal(change === 'returned', asks === 'token')
        }
        const share = breaker.share(nowMs)
        assert.ok(share > 0 && share <= 1)
        assert.ok(breaker.leftMs(nowMs) <= rules.openMsMax && breaker.leftMs(nowMs) >= 0)
        assert.equal(breaker.isOut, ['open', 'ripe'].includes(breaker.phase(nowMs)))
      }
      assert.ok(!breaker.isOut || breaker.wantsToken(nowMs + rules.openMsMax), 'it is asked for a token in the end')
    }),
  )
})

test('good answers and those that say nothing never open it', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom<Verdict[]>('good', 'nothing')), (list) => {
      const breaker = new Breaker(rules)
      list.forEach((verdict, i) => assert.equal(end(breaker, verdict, i * 100), null))
    }),
  )
})
