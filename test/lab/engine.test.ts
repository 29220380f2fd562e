/** The simulated engine, in simulated time: what it promises about slots, rates, memory and order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Engine, type EngineOptions } from '../../lab/engine.ts'
import { KvRoom } from '../../lab/engine/kv-room.ts'
import type { EngineRequest, Sequence } from '../../lab/engine/live-sequence.ts'
import type { Clock } from '../../src/ground/clock.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'

interface Job {
  readonly sequence: Sequence | null
  readonly tokensAtMs: number[]
  endedAtMs: number | null
}

function ids(length: number, seed: number): number[] {
  return Array.from({ length }, (_, at) => seed * 1000 + at)
}

class Rig {
  readonly clock = new ManualClock()
  readonly engine: Engine
  constructor(options: Partial<EngineOptions> = {}) {
    this.engine = new Engine({ clock: this.clock, ...options })
  }
  submit(prompt: number[], count: number, more: Partial<EngineRequest> = {}): Job {
    const tokensAtMs: number[] = []
    const job = { tokensAtMs, endedAtMs: null as number | null, sequence: null as Sequence | null }
    const note = (tokens: number): void =>
      void tokensAtMs.push(...Array.from({ length: tokens }, () => this.clock.monotonicMs()))
    const onEnd = (): void => {
      assert.equal(job.endedAtMs, null, 'the end is told once')
      job.endedAtMs = this.clock.monotonicMs()
    }
    job.sequence = this.engine.submit(
      { promptIds: prompt, count, idAt: (at) => 9_000_000 + at, endReason: 'stop', ...more },
      { onTokens: note, onEnd },
    )
    return job
  }
}

test('every request gets all its tokens, never more run than there are slots, and all is free again in the end', () => {
  const jobs = fc.array(
    fc.record({
      prompt: fc.integer({ min: 1, max: 90 }),
      count: fc.integer({ min: 0, max: 60 }),
      waitMs: fc.integer({ min: 0, max: 40 }),
    }),
    {
      minLength: 1,
      maxLength: 24,
    },
  )
  fc.assert(
    fc.property(jobs, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 10, max: 40 }), (list, slots, kvBlocks) => {
      const rig = new Rig({ slots, kvBlocks })
      const running = list.map(({ prompt, count, waitMs }, at) => {
        rig.clock.advance(waitMs)
        assert.ok(rig.engine.runningCount <= slots)
        return rig.submit(ids(prompt, at % 3), count)
      })
      for (let steps = 0; steps < 4000 && running.some((job) => job.endedAtMs === null); steps++) {
        rig.clock.advance(10)
        assert.ok(rig.engine.runningCount <= slots)
        assert.ok(rig.engine.room.usage <= 1)
      }
      assert.deepEqual(
        running.map((job) => [job.tokensAtMs.length, job.endedAtMs !== null]),
        list.map(({ count }) => [count, true]),
      )
      assert.equal(rig.engine.runningCount + rig.engine.waitingCount + rig.engine.room.usedCount, 0)
      assert.equal(rig.engine.counters.ended.stop, list.length)
      assert.equal(rig.clock.timerCount, 0)
    }),
    { numRuns: 60 },
  )
})

test('a sequence alone decodes at the rate, and slower the more run beside it', () => {
  const lengthMs = (batch: number): number => {
    const rig = new Rig({ slots: 16, decodeRate: 100, batchCost: 0.1, prefillRate: 1e9 })
    const jobs = Array.from({ length: batch }, (_, at) => rig.submit(ids(4, at), 101))
    rig.clock.advance(60_000)
    const [first = 0] = jobs[0]?.tokensAtMs ?? []
    return (jobs[0]?.endedAtMs ?? 0) - first
  }
  assert.ok(Math.abs(lengthMs(1) - 1000) < 1)
  // One step less, since the others join when the first token of the first is out.
  assert.ok(Math.abs(lengthMs(11) - 1990) < 1)
})

test('the rate is kept when timers come late', () => {
  const clock = new ManualClock()
  const late: Clock = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    every: (ms, run) => clock.every(ms, run),
    soon: (run) => clock.soon(run),
    after: (ms, run) => clock.after(Math.ceil((ms + 1) / 16) * 16, run),
  }
  const engine = new Engine({ clock: late, decodeRate: 1000 })
  let tokens = 0
  engine.submit(
    { promptIds: [1], count: 10_000, idAt: (at) => at, endReason: 'stop' },
    { onTokens: (count) => void (tokens += count), onEnd: () => {} },
  )
  clock.advance(4000)
  assert.ok(tokens > 3900 && tokens <= 4000, `${tokens} tokens in 4 s at 1000 a second`)
})

test('reading a prompt takes time by its length, and none for what is in memory already', () => {
  const rig = new Rig({ prefillRate: 1000, decodeRate: 1000, stepTokensMax: 512 })
  const firstMs = (prompt: number[]): number => {
    const startMs = rig.clock.monotonicMs()
    const job = rig.submit(prompt, 1)
    rig.clock.advance(10_000)
    return (job.tokensAtMs[0] ?? Infinity) - startMs
  }
  const cold = firstMs(ids(2000, 1))
  const warm = firstMs(ids(2000, 1))
  const halfWarm = firstMs([...ids(1008, 1), ...ids(992, 2)])
  assert.ok(cold >= 2000 && cold < 2100, `cold ${cold} ms`)
  assert.ok(warm < 30, `warm ${warm} ms`)
  assert.ok(halfWarm > 900 && halfWarm < 1100, `half ${halfWarm} ms`)
  assert.equal(rig.engine.counters.prefixQueries, 6000)
  assert.equal(rig.engine.counters.prefixHits, 1984 + 1008)
})

test('a new prompt is read in chunks beside those that decode', () => {
  const rig = new Rig({ prefillRate: 10_000, decodeRate: 100, stepTokensMax: 100 })
  const talker = rig.submit(ids(4, 1), 1000)
  rig.clock.advance(1000)
  const before = talker.tokensAtMs.length
  rig.submit(ids(4000, 2), 5)
  rig.clock.advance(200)
  assert.ok(talker.tokensAtMs.length - before >= 8, 'the talker goes on while the long prompt is read')
})

test('memory keeps what was used last and forgets what was used first', () => {
  const room = new KvRoom(10)
  const use = (seed: number): number => {
    const lease = room.open(ids(65, seed))
    lease?.close()
    return lease?.hitTokens ?? -1
  }
  // Of the second prompt only the beginning is left: ends go first.
  assert.deepEqual([use(1), use(2), use(1), use(3), use(1), use(2)], [0, 0, 64, 0, 64, 16])
})

test('blocks are shared by prompts that begin alike, while both run', () => {
  const room = new KvRoom(100)
  const one = room.open(ids(161, 1))
  const two = room.open(ids(161, 1))
  assert.equal(two?.hitTokens, 160)
  assert.equal(room.usedCount, 12)
  one?.close()
  assert.equal(room.usedCount, 11)
  two?.close()
  two?.close()
  assert.equal(room.usedCount, 0)
})

test('when memory runs out the newest waits, and everybody is served in the end', () => {
  const rig = new Rig({ kvBlocks: 10, slots: 4, decodeRate: 1000 })
  const jobs = [1, 2, 3].map((seed) => rig.submit(ids(16, seed), 100))
  rig.clock.advance(5000)
  assert.deepEqual(
    jobs.map((job) => job.tokensAtMs.length),
    [100, 100, 100],
  )
  assert.ok(rig.engine.counters.preemptions > 0)
  assert.ok((jobs[0]?.endedAtMs ?? Infinity) < (jobs[2]?.endedAtMs ?? 0))
})

test('a request that is cancelled gives its slot to the next at once and hears nothing more', () => {
  const rig = new Rig({ slots: 1 })
  const first = rig.submit(ids(4, 1), 1000)
  const second = rig.submit(ids(4, 2), 3)
  const third = rig.submit(ids(4, 3), 3)
  rig.clock.advance(50)
  const heard = first.tokensAtMs.length
  second.sequence?.cancel()
  first.sequence?.cancel()
  first.sequence?.cancel()
  rig.clock.advance(1000)
  assert.equal(first.tokensAtMs.length, heard)
  assert.deepEqual(
    [first.endedAtMs, second.endedAtMs, second.tokensAtMs.length, third.tokensAtMs.length],
    [null, null, 0, 3],
  )
  assert.equal(rig.engine.counters.ended.abort, 2)
})

test('a full queue takes nobody more', () => {
  const rig = new Rig({ slots: 1, waitingMax: 2 })
  assert.deepEqual(
    [1, 2, 3, 4].map((seed) => rig.submit(ids(4, seed), 5).sequence === null),
    [false, false, false, true],
  )
})

test('a frozen engine makes no step, and goes on when thawed', () => {
  const rig = new Rig()
  const job = rig.submit(ids(4, 1), 20)
  rig.clock.advance(30)
  rig.engine.freeze()
  const heard = job.tokensAtMs.length
  const later = rig.submit(ids(4, 2), 1)
  rig.clock.advance(60_000)
  assert.deepEqual([job.tokensAtMs.length, later.tokensAtMs.length, rig.engine.runningCount], [heard, 0, 1])
  rig.engine.thaw()
  rig.clock.advance(1000)
  assert.deepEqual([job.tokensAtMs.length, later.tokensAtMs.length], [20, 1])
})

test('a slowed sequence and one with a late first token hold up nobody else', () => {
  const rig = new Rig({ decodeRate: 100, batchCost: 0, prefillRate: 1e9 })
  const slow = rig.submit(ids(4, 1), 10, { slowness: 10 })
  const late = rig.submit(ids(4, 2), 10, { firstTokenDelayMs: 500 })
  const plain = rig.submit(ids(4, 3), 10)
  rig.clock.advance(5000)
  assert.ok((plain.endedAtMs ?? Infinity) <= 111, `plain ends at ${plain.endedAtMs}`)
  assert.ok(Math.abs((slow.endedAtMs ?? 0) - 1000) <= 20, `slow ends at ${slow.endedAtMs}`)
  assert.ok((late.tokensAtMs[0] ?? 0) >= 500 && (late.tokensAtMs[0] ?? 0) <= 520)
})

test('speed runs everything faster', () => {
  const endMs = (speed: number): number => {
    const rig = new Rig({ speed })
    const job = rig.submit(ids(3000, 1), 50)
    rig.clock.advance(10_000)
    return job.endedAtMs ?? Infinity
  }
  assert.ok(Math.abs(endMs(1) / endMs(10) - 10) < 0.01)
})

test('a request may be made while the end of another is told', () => {
  const rig = new Rig({ slots: 1 })
  const tokens: string[] = []
  const ask = (name: string, onEnd: () => void): void => {
    rig.engine.submit(
      { promptIds: [1], count: 2, idAt: (at) => at, endReason: 'stop' },
      { onTokens: (count) => tokens.push(...Array.from({ length: count }, () => name)), onEnd },
    )
  }
  ask('a', () => ask('b', () => {}))
  rig.clock.advance(1000)
  assert.equal(tokens.join(''), 'aabb')
})
