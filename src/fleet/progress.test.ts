// Tests of the watch over a whole server, on a clock moved by hand: what hangs is found out, what is busy is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../ground/manual-clock.ts'
import type { EngineReading } from './engine-metrics.ts'
import { ReadingTime } from './reading-time.ts'
import { Upstream } from './upstream.ts'
import { upstreamSchema } from './upstream-options.ts'

const gapMs = 20

/** A server whose pace is known: a token each 20 ms. */
function openServer() {
  const clock = new ManualClock()
  const upstream = new Upstream('a', upstreamSchema.parse({ url: 'http://a/v1', kind: 'vllm' }), null, clock)
  for (let i = 0; i < 1000; i++) upstream.pace.observe(gapMs)
  const { progress } = upstream
  let steps = 0
  const tell = (more: Partial<EngineReading> = {}): void =>
    upstream.learnEngine(
      {
        ...{ waiting: 0, running: 0, kvUsage: 0.1, progress: steps, isStepwise: true },
        ...{ preemptions: null, slots: null, kvBlocks: null, blockTokens: null, ...more },
      },
      clock.monotonicMs(),
    )
  const server = {
    clock,
    upstream,
    progress,
    tell,
    /** Answers that were told that the server hangs. */
    told: [] as string[],
    /** The engine makes a step. */
    step: () => void steps++,
    /** An answer that has begun. */
    speak: (name: string, promptTokens = 20) => {
      const share = progress.expect(promptTokens)
      clock.advance(30)
      share.begin(() => server.told.push(name))
      return share
    },
    /** Tokens for so long. */
    stream: (shares: readonly { token(nowMs: number): void }[], ms: number): void => {
      for (let t = 0; t < ms; t += gapMs) {
        clock.advance(gapMs)
        for (const share of shares) share.token(clock.monotonicMs())
      }
    },
  }
  return server
}

const barMs = (upstream: Upstream): number => 2 * (upstream.pace.p99Ms ?? 0) + 1000

test('a server that is silent on all its answers is out within twice its p99 and a second', () => {
  const { clock, upstream, tell, told, speak, stream } = openServer()
  const shares = [speak('x'), speak('y')]
  tell()
  stream(shares, 2000)
  upstream.progress.onSuspect = () => tell() // the engine’s pages go on answering, its counter stands still
  clock.advance(barMs(upstream) - 1)
  assert.deepEqual([upstream.isHung, told], [false, []])
  clock.advance(2)
  assert.deepEqual([upstream.isHung, told], [true, ['x', 'y']])
  assert.ok(upstream.restLeftMs > 0)
})

test('a question for its counter that fails explains nothing', () => {
  const { clock, upstream, tell, told, speak } = openServer()
  tell()
  speak('x')
  clock.advance(barMs(upstream) + 1)
  assert.deepEqual(told, ['x'])
})

test('without a counter of steps nothing is concluded from less than three seconds', () => {
  const { clock, upstream, told, speak } = openServer()
  speak('x')
  clock.advance(2990)
  assert.equal(upstream.isHung, false)
  clock.advance(20)
  assert.deepEqual(told, ['x'])
})

test('a counter that goes on explains the silence', () => {
  const { clock, upstream, progress, tell, step, speak } = openServer()
  progress.onSuspect = () => {
    step()
    tell()
  }
  tell()
  speak('x')
  clock.advance(60_000)
  assert.equal(upstream.isHung, false)
  assert.equal(progress.stallMs(30, 30_000), 30_000, 'its answers are waited for as long as is configured')
  progress.onSuspect = () => tell()
  clock.advance(3000)
  assert.equal(upstream.isHung, true)
})

test('that it moved before the silence explains nothing', () => {
  const { clock, upstream, tell, step, speak, stream } = openServer()
  const share = speak('x')
  stream([share], 200)
  tell()
  step()
  stream([share], 100)
  clock.advance(500)
  tell()
  clock.advance(barMs(upstream) - 500 + 3)
  assert.equal(upstream.isHung, true)
})

test('prompts that are awaited explain as long as they take to be read', () => {
  const { clock, upstream, progress, tell, told, speak, stream } = openServer()
  tell()
  progress.reading.observe(4096, 4000)
  const share = speak('x')
  stream([share], 500)
  const reader = progress.expect(4096)
  clock.advance(6900)
  assert.equal(upstream.isHung, false, 'reading takes 4 s here, and up to half as much more')
  reader.end()
  clock.advance(10_000)
  assert.deepEqual(told, ['x'], 'its caller is gone, and with him the explanation')
})

test('a call whose answer comes in one piece explains no more once its prompt must have been read', () => {
  const { clock, upstream, progress, tell, speak, stream } = openServer()
  tell()
  progress.reading.observe(1000, 1000)
  const share = speak('x')
  progress.expect(1000, false)
  stream([share], 3000)
  assert.ok((progress.limitMs ?? 0) > barMs(upstream))
  stream([share], 3100)
  assert.equal(progress.limitMs, barMs(upstream))
  clock.advance(barMs(upstream) + 3)
  assert.equal(upstream.isHung, true)
})

test('an answer is waited for as long as the silence of the whole server is explained', () => {
  const { progress, clock, tell, speak, stream } = openServer()
  tell()
  progress.reading.observe(4096, 8000)
  const [one, other] = [speak('x'), speak('y')]
  stream([one, other], 500)
  const sinceMs = clock.monotonicMs()
  progress.expect(4096)
  clock.advance(4000)
  assert.ok(progress.stallMs(sinceMs, 30_000) > 12_000)
  other.token(clock.monotonicMs())
  assert.equal(progress.stallMs(sinceMs, 30_000), 3000, 'the others move: this one has been lost')
  assert.equal(progress.excuses('HF_UPSTREAM_STALLED', sinceMs), true, 'which is not held against the server')
  assert.equal(progress.excuses('HF_UPSTREAM_STALLED', clock.monotonicMs()), false)
})

test('no connection and no first token in time say nothing against a server that speaks, and all against one that does not', () => {
  const { clock, progress, tell, step, speak } = openServer()
  const late = ['HF_CONNECT_TIMEOUT', 'HF_FIRST_TOKEN_TIMEOUT'] as const
  assert.deepEqual(
    late.map((code) => progress.excuses(code, 0)),
    [false, false],
  )
  tell()
  speak('x').end()
  assert.deepEqual(
    late.map((code) => progress.excuses(code, 0)),
    [true, true],
  )
  assert.equal(progress.excuses('HF_UPSTREAM_REFUSED', 0), false, 'one that refuses is dead')
  clock.advance(3000)
  assert.deepEqual(
    late.map((code) => progress.excuses(code, 0)),
    [false, false],
  )
  tell()
  step()
  clock.advance(1000)
  tell()
  assert.deepEqual(
    late.map((code) => progress.excuses(code, 0)),
    [true, true],
    'its counter moves: it works for others',
  )
})

test('prompts of others explain as long as any reading took', () => {
  const { clock, upstream, progress, tell, speak } = openServer()
  progress.reading.observe(4096, 2000)
  speak('x')
  tell({ running: 2 })
  clock.advance(barMs(upstream) + 2900)
  assert.equal(upstream.isHung, false)
  clock.advance(200)
  assert.equal(upstream.isHung, true)
})

test('a server whose memory is full may be reading again what it had in hand', () => {
  const { clock, upstream, progress, tell, speak } = openServer()
  progress.reading.observe(1000, 2000)
  speak('x', 1000)
  tell({ kvUsage: 0.97 })
  clock.advance(barMs(upstream) + 2900)
  assert.equal(upstream.isHung, false)
  clock.advance(200)
  assert.equal(upstream.isHung, true)
})

test('what an engine told explains nothing once it tells nothing any more', () => {
  const { clock, upstream, progress, tell, speak } = openServer()
  progress.reading.observe(1000, 20_000)
  speak('x', 1000)
  tell({ kvUsage: 0.97, running: 9 })
  clock.advance(4900)
  assert.equal(upstream.isHung, false)
  clock.advance(300)
  assert.equal(upstream.isHung, true)
})

test('a server that has just thrown answers out of its memory may be reading them again', () => {
  const { clock, upstream, progress, tell, speak, stream } = openServer()
  progress.reading.observe(200, 2000)
  tell({ preemptions: 4 })
  const share = speak('x')
  stream([share], 200 * gapMs)
  tell({ preemptions: 4 })
  assert.equal(progress.stallMs(0, 30_000), 3000)
  tell({ preemptions: 5 })
  assert.equal(progress.stallMs(0, 30_000), 30_000, 'an answer that was thrown out waits, while others go on')
  progress.onSuspect = () => tell({ kvUsage: 0.6, preemptions: 5 })
  clock.advance(barMs(upstream) + 2900)
  assert.equal(upstream.isHung, false, 'its answer is 200 tokens long by now')
  clock.advance(10_000)
  assert.equal(upstream.isHung, true)
})

test('while nothing is known of reading, only the answers’ own limits hold', () => {
  const clock = new ManualClock()
  const upstream = new Upstream('a', upstreamSchema.parse({ url: 'http://a/v1' }), null, clock)
  for (let i = 0; i < 1000; i++) upstream.pace.observe(gapMs)
  upstream.progress.expect(100)
  assert.equal(upstream.progress.limitMs, null)
  assert.equal(upstream.progress.stallMs(0, 30_000), 30_000)
})

test('what the process itself was late by is no silence', () => {
  const { clock, upstream, tell, told, speak } = openServer()
  tell()
  speak('x')
  // Held up for five seconds: timers and sockets are all late together.
  const held = clock.monotonicMs.bind(clock)
  let heldMs = 0
  clock.monotonicMs = () => held() + heldMs
  heldMs = 5000
  clock.advance(barMs(upstream) * 0.5 + 1)
  assert.deepEqual(told, [])
  clock.advance(barMs(upstream) + 1)
  assert.deepEqual(told, ['x'])
})

test('a wall clock that jumps changes nothing', () => {
  const { clock, upstream, tell, told, speak, stream } = openServer()
  tell()
  const share = speak('x')
  clock.jumpMs(-86_400_000)
  stream([share], 3000)
  clock.jumpMs(2 * 86_400_000)
  stream([share], 3000)
  assert.deepEqual(told, [])
  assert.equal(upstream.engine, null, 'told too long ago by now')
  tell()
  clock.jumpMs(86_400_000)
  assert.notEqual(upstream.engine, null)
  clock.advance(barMs(upstream) + 1)
  assert.deepEqual(told, ['x'])
})

test('answers that have ended are not watched, and leave no timer behind', () => {
  const { clock, upstream, tell, told, speak } = openServer()
  tell()
  const [one, other] = [speak('x'), speak('y')]
  one.end()
  one.end()
  other.end()
  assert.equal(clock.timerCount, 0)
  clock.advance(60_000)
  assert.deepEqual([told, upstream.isHung], [[], false])
})

test('one that hung rests until a token of it has come, whatever its list of models says', () => {
  const { clock, upstream, tell, speak } = openServer()
  tell()
  speak('x')
  clock.advance(60_000)
  assert.ok(upstream.isHung && upstream.restLeftMs > 0)
  upstream.learn(['m'], 'vllm')
  assert.ok(upstream.restLeftMs > 0)
  upstream.succeed()
  assert.equal(upstream.restLeftMs, 0)
})

test('no engine that gives a token before its limit is out ever hangs', () => {
  const event = fc.record({ waitMs: fc.integer({ min: 0, max: 1000 }), who: fc.nat(2), starts: fc.boolean() })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { clock, upstream, tell, speak, progress } = openServer()
      tell()
      const shares = [speak('x'), speak('y'), speak('z')]
      for (const { waitMs, who, starts } of events) {
        if (starts) progress.expect(waitMs)
        clock.advance(waitMs)
        shares[who]?.token(clock.monotonicMs())
      }
      assert.equal(upstream.isHung, false)
    }),
  )
})

test('a server learns how long it reads from the silences that end with a first token', () => {
  const { clock, progress, speak } = openServer()
  const reader = progress.expect(1000)
  const speaking = speak('x')
  clock.advance(1500)
  // The step that read the prompt gives the others their token as well, and they are heard first.
  speaking.token(clock.monotonicMs())
  clock.advance(5)
  reader.begin(() => {})
  const learnt = progress.reading.expectedMs(1000) ?? 0
  assert.ok(learnt >= 1500 && learnt <= 1540, `${learnt}`)
})

test('lengths never seen are told from shorter ones, in proportion, and from longer ones as they are', () => {
  const reading = new ReadingTime()
  assert.deepEqual([reading.expectedMs(100), reading.longestMs], [null, null])
  reading.observe(1000, 100)
  assert.deepEqual([reading.expectedMs(4000), reading.expectedMs(10), reading.longestMs], [400, 100, 100])
  for (let i = 0; i < 1000; i++) reading.observe(1000, 1)
  assert.ok((reading.expectedMs(1000) ?? 0) < 2, 'the past fades')
})
