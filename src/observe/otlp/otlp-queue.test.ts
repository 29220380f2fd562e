/** What waits for a receiver: batches, waits, and bounds, whatever the receiver does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { type OtlpAnswer, type OtlpOutcome, OtlpQueue, type OtlpQueueOptions } from './otlp-queue.ts'

type Reply = OtlpAnswer | 'fail' | 'hang'
const ok: OtlpAnswer = { status: 200, retryAfterMs: null, body: '{}' }

class Rig {
  readonly clock = new ManualClock()
  readonly sent: string[] = []
  readonly sentAtMs: number[] = []
  readonly counts: Record<OtlpOutcome, number> = { sent: 0, refused: 0, dropped: 0 }
  readonly troubles: (string | null)[] = []
  /** What the receiver says next; then `ok` for ever. */
  replies: Reply[] = []
  readonly queue: OtlpQueue

  constructor(options: Partial<OtlpQueueOptions> = {}) {
    this.queue = new OtlpQueue({
      clock: this.clock,
      random: seededRandom(1),
      post: (body, signal) => this.#post(body, signal),
      frame: ['[', ']'],
      bytesMax: 1000,
      timeoutMs: 500,
      onOutcome: (outcome, count) => (this.counts[outcome] += count),
      onTrouble: (words) => this.troubles.push(words),
      ...options,
    })
  }

  #post(body: Buffer, signal: AbortSignal): Promise<OtlpAnswer> {
    this.sent.push(body.toString())
    this.sentAtMs.push(this.clock.monotonicMs())
    const reply = this.replies.shift() ?? ok
    if (reply === 'fail') return Promise.reject(new Error('connect ECONNREFUSED'))
    if (reply !== 'hang') return Promise.resolve(reply)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  }

  /** Lets time pass, and what is decided in between be done. */
  async pass(ms: number, steps = 20): Promise<void> {
    for (let i = 0; i < steps; i++) {
      this.clock.advance(ms / steps)
      for (let j = 0; j < 20; j++) await Promise.resolve()
    }
  }
}

test('items go out together, in their order', async () => {
  const rig = new Rig()
  for (const item of ['1', '2', '3']) rig.queue.push(item, 1)
  assert.deepEqual(rig.sent, [])
  await rig.pass(2500)
  assert.deepEqual([rig.sent, rig.counts.sent, rig.queue.bytes], [['[1,2,3]'], 3, 0])
})

test('a receiver that is away gets the same batch later and later, then it is given up', async () => {
  const rig = new Rig()
  rig.replies = Array.from({ length: 6 }, () => 'fail')
  rig.queue.push('1', 2)
  await rig.pass(200_000, 2000)
  assert.deepEqual([rig.sent.length, rig.counts.dropped, rig.queue.bytes], [6, 2, 0])
  const waits = rig.sentAtMs.slice(1).map((atMs, i) => atMs - (rig.sentAtMs[i] ?? 0))
  waits.forEach((waitMs, i) =>
    assert.ok(waitMs >= 500 * 2 ** i && waitMs <= 1000 * 2 ** i + 200, `${waitMs}, the ${i}.`),
  )
  assert.match(String(rig.troubles[0]), /ECONNREFUSED/)
  rig.queue.push('2', 1)
  await rig.pass(2500)
  assert.deepEqual([rig.counts.sent, rig.troubles.length, rig.troubles.at(-1)], [1, 2, null])
})

test('a wait that is asked for is kept, and a refusal is not tried again', async () => {
  const rig = new Rig()
  rig.replies = [{ status: 429, retryAfterMs: 9000, body: '' }, ok, { status: 400, retryAfterMs: null, body: 'no' }]
  rig.queue.push('1', 1)
  await rig.pass(20_000, 400)
  assert.ok((rig.sentAtMs[1] ?? 0) - (rig.sentAtMs[0] ?? 0) >= 9000, String(rig.sentAtMs))
  rig.queue.push('2', 1)
  await rig.pass(60_000, 400)
  assert.deepEqual([rig.sent.length, rig.counts], [3, { sent: 1, refused: 1, dropped: 0 }])
})

test('what a receiver takes in part is counted so', async () => {
  const rig = new Rig()
  rig.replies = [{ ...ok, body: '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}' }]
  rig.queue.push('1', 5)
  await rig.pass(2500)
  assert.deepEqual(rig.counts, { sent: 3, refused: 2, dropped: 0 })
})

test('a receiver that hangs is left after its time, and the queue stays within its bounds', async () => {
  const rig = new Rig()
  rig.replies = Array.from({ length: 100 }, () => 'hang')
  for (let i = 0; i < 5000; i++) {
    rig.queue.push(`item ${i}`, 1)
    assert.ok(rig.queue.bytes <= 1000)
    if (i % 100 === 0) await rig.pass(100, 2)
  }
  assert.ok(rig.counts.dropped > 4000, JSON.stringify(rig.counts))
  assert.ok(rig.sent.length > 1, 'it is tried again')
})

test('at the end all is sent once more, and a receiver that hangs is not waited for', async () => {
  const rig = new Rig()
  rig.queue.push('1', 1)
  await rig.queue[Symbol.asyncDispose]()
  assert.deepEqual([rig.sent, rig.counts.sent], [['[1]'], 1])
  const hung = new Rig({ timeoutMs: 60_000 })
  hung.replies = ['hang', 'hang']
  hung.queue.push('1', 1)
  await hung.pass(2500)
  hung.queue.push('2', 1)
  const closing = hung.queue[Symbol.asyncDispose]()
  await hung.pass(2500)
  await closing
  assert.deepEqual(hung.counts, { sent: 0, refused: 0, dropped: 2 })
})

test('whatever the receiver answers, every item is accounted for once', async () => {
  const reply: fc.Arbitrary<Reply> = fc.oneof(
    fc.constantFrom<Reply>('fail', 'hang', ok),
    fc.record({
      status: fc.integer({ min: 100, max: 599 }),
      retryAfterMs: fc.option(fc.double({ min: 0, max: 1e12, noNaN: true })),
      body: fc.string(),
    }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(reply, { maxLength: 10 }),
      fc.array(fc.nat(300), { maxLength: 20 }),
      async (replies, sizes) => {
        const rig = new Rig()
        rig.replies = replies
        for (const size of sizes) {
          rig.queue.push('x'.repeat(size + 1), 1)
          await rig.pass(1000, 3)
        }
        const closing = rig.queue[Symbol.asyncDispose]()
        await rig.pass(10_000, 40)
        await closing
        const { sent, refused, dropped } = rig.counts
        assert.equal(sent + refused + dropped, sizes.length)
      },
    ),
    { numRuns: 50 },
  )
})
