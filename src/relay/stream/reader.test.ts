// Tests of a caller's connection at an answer: only what is kept, in order, each once, no faster than the caller takes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import type { AnswerInfo, JournalCursor, Outcome } from '../../store/journal.ts'
import type { Reply } from '../reply.ts'
import { Feed } from './feed.ts'
import { Reader } from './reader.ts'

/** A caller's connection that notes what it gets; full while `isFull`. */
class NotedReply implements Reply {
  text = ''
  writes = 0
  begun: number | null | undefined = undefined
  fault: Fault | null = null
  isFull = false
  ending: string | null = null
  onDrain = (): void => {}
  onGone = (): void => {}
  begin({ lengthBytes }: { lengthBytes: number | null }): void {
    assert.equal(this.begun, undefined, 'one head')
    this.begun = lengthBytes
  }
  fail(fault: Fault): void {
    assert.equal(this.begun, undefined, 'no error answer behind a head')
    this.fault = fault
    this.ending = 'fail'
  }
  write(bytes: Buffer): boolean {
    assert.equal(this.ending, null, 'nothing is written after the end')
    assert.notEqual(this.begun, undefined, 'nothing is written before the head')
    this.text += bytes.toString()
    this.writes++
    return !this.isFull
  }
  end(): void {
    assert.equal(this.ending, null)
    this.ending = 'end'
  }
  breakOff(): void {
    assert.equal(this.ending, null)
    this.ending = 'breakOff'
  }
  /** What an SSE client has received: numbers and events. */
  get events(): { id: number; data: string }[] {
    return [...this.text.matchAll(/id: (\d+)\n(.*)\n\n/g)].map((match) => ({
      id: Number(match[1]),
      data: match[2] as string,
    }))
  }
}

/** An answer as the journal has it. */
class Kept {
  readonly events: Buffer[] = []
  keptCount = 0
  outcome: Outcome | null = null
  isForgotten = false
  reads = 0
  readonly cursor: JournalCursor

  constructor() {
    const outcome = (): Outcome | null => this.outcome
    const count = (): number => this.keptCount
    this.cursor = {
      info: {} as AnswerInfo,
      get outcome() {
        return outcome()
      },
      get count() {
        return count()
      },
      isCancelled: false,
      isOrphan: false,
      read: (from, bytesMax) => Promise.resolve(this.page(from, bytesMax)),
    }
  }

  page(from: number, bytesMax: number): Buffer[] | null {
    this.reads++
    if (this.isForgotten) return null
    const page: Buffer[] = []
    let bytes = 0
    for (const event of this.events.slice(from, this.keptCount)) {
      if (page.length > 0 && bytes + event.length > bytesMax) break
      page.push(event)
      bytes += event.length
    }
    return page
  }
}

interface Bench {
  readonly reply: NotedReply
  readonly reader: Reader
  readonly feed: Feed
  readonly kept: Kept
  readonly clock: ManualClock
  readonly endings: string[]
  /** Adds an event that is not kept yet. */
  push(text: string): void
  /** All so far are kept, and the turn is over. */
  keep(): void
  finish(outcome: 'complete' | 'failed'): void
}

function open(
  options: { next?: number; isStream?: boolean; isRemote?: boolean; past?: readonly string[] } = {},
): Bench {
  const { next = 0, isStream = true, isRemote = false, past = [] } = options
  const kept = new Kept()
  for (const text of past) kept.events.push(toEvent(text))
  kept.keptCount = past.length
  const feed = new Feed(past.length)
  const reply = new NotedReply()
  const clock = new ManualClock()
  const endings: string[] = []
  const reader = new Reader(reply, {
    ray: 'r' as Ray,
    next,
    isStream,
    isEager: false,
    timing: null,
    feed: isRemote ? null : feed,
    open: () => Promise.resolve(kept.cursor),
    readFault: () => new Fault('HF_UPSTREAM_CUT'),
    tellFault: ({ code }) => toEvent(code),
    clock,
    onEnded: (how) => endings.push(how),
  })
  reader.start()
  return {
    ...{ reply, reader, feed, kept, clock, endings },
    push: (text) => {
      kept.events.push(toEvent(text))
      feed.push(toEvent(text))
    },
    keep: () => {
      kept.keptCount = kept.events.length
      feed.kept(kept.keptCount)
      feed.flush()
    },
    finish: (outcome) => {
      kept.outcome = outcome
      feed.finish(outcome === 'complete' ? 'end' : 'breakOff', null)
    },
  }
}

const toEvent = (text: string): Buffer => Buffer.from(`data: ${text}\n\n`)

/** Lets every promise and every due timer have its turn. */
async function settle(clock: ManualClock, ms = 0): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await Promise.resolve()
    clock.advance(ms / 20)
  }
}

test('nothing is delivered before the journal has kept it, and then with its number', () => {
  const { reply, push, keep, feed } = open()
  push('a')
  push('b')
  feed.flush()
  assert.equal(reply.text, '')
  keep()
  assert.equal(reply.text, 'id: 0\ndata: a\n\nid: 1\ndata: b\n\n')
  assert.equal(reply.writes, 1, 'what is ready goes out in one write')
})

test('numbers of many digits are written right', () => {
  const past = Array.from({ length: 10_001 }, () => 'x')
  const { reply, push, keep } = open({ past, next: 10_001 })
  push('a')
  keep()
  assert.equal(reply.text, 'id: 10001\ndata: a\n\n')
})

test('a full caller gets nothing more until it has room', () => {
  const { reply, push, keep } = open()
  reply.isFull = true
  push('a')
  keep()
  push('b')
  keep()
  assert.deepEqual(
    reply.events.map(({ data }) => data),
    ['data: a'],
  )
  reply.isFull = false
  reply.onDrain()
  assert.deepEqual(
    reply.events.map(({ data }) => data),
    ['data: a', 'data: b'],
  )
})

test('the end waits for the last event, and comes once', () => {
  const { reply, push, keep, feed, endings } = open()
  push('a')
  feed.finish('end', null)
  assert.deepEqual([reply.ending, endings], [null, []])
  keep()
  feed.flush()
  assert.deepEqual([reply.events.length, reply.ending, endings], [1, 'end', ['end']])
})

test('an answer that is to break off does not end as whole', () => {
  const { reply, push, keep, feed } = open()
  push('a')
  feed.finish('breakOff', null)
  feed.finish('end', null)
  keep()
  assert.equal(reply.ending, 'breakOff')
})

test('a caller that left gets nothing, no end either', () => {
  const { reply, push, keep, finish, endings, feed } = open()
  push('a')
  reply.onGone()
  keep()
  finish('complete')
  assert.deepEqual([reply.text, reply.ending, endings, feed.listenerCount], ['', null, ['gone'], 0])
})

test('a reader that begins in the middle gets what came before from the journal, then the rest live', async () => {
  const { reply, push, keep, finish, clock, kept } = open({ past: ['a', 'b', 'c'], next: 1 })
  push('d')
  await settle(clock)
  keep()
  await settle(clock)
  const reads = kept.reads
  push('e')
  keep()
  assert.equal(kept.reads, reads, 'live by now')
  finish('complete')
  assert.deepEqual(reply.events, [
    { id: 1, data: 'data: b' },
    { id: 2, data: 'data: c' },
    { id: 3, data: 'data: d' },
    { id: 4, data: 'data: e' },
  ])
  assert.equal(reply.ending, 'end')
})

test('a reader of another node’s answer follows the journal to the end', async () => {
  const { reply, kept, clock } = open({ isRemote: true, past: ['a'] })
  await settle(clock, 1000)
  kept.events.push(toEvent('b'))
  kept.keptCount = 2
  await settle(clock, 1000)
  assert.deepEqual(
    reply.events.map(({ id }) => id),
    [0, 1],
  )
  assert.equal(reply.ending, null)
  kept.outcome = 'complete'
  await settle(clock, 1000)
  assert.equal(reply.ending, 'end')
})

test('when another node takes the answer its readers read on without a gap', async () => {
  const { reply, push, keep, feed, kept, clock } = open()
  push('a')
  keep()
  push('lost')
  kept.events.pop() // never kept
  feed.handOver()
  kept.events.push(toEvent('b'))
  kept.keptCount = 2
  kept.outcome = 'complete'
  await settle(clock, 1000)
  assert.deepEqual(reply.events, [
    { id: 0, data: 'data: a' },
    { id: 1, data: 'data: b' },
  ])
  assert.equal(reply.ending, 'end')
})

test('a stalled reader holds a bounded buffer, and has everything once it reads again', async () => {
  const { reply, push, keep, finish, kept, clock } = open()
  reply.isFull = true
  const long = 'x'.repeat(100_000)
  for (let i = 0; i < 50; i++) {
    push(long)
    keep()
  }
  assert.equal(reply.events.length, 1)
  finish('complete')
  reply.isFull = false
  reply.onDrain()
  await settle(clock)
  await settle(clock)
  await settle(clock)
  assert.deepEqual(
    reply.events.map(({ id }) => id),
    Array.from({ length: 50 }, (_, i) => i),
  )
  assert.equal(reply.ending, 'end')
  assert.ok(kept.reads >= 10, 'in pages, not in one piece')
})

test('an answer that is forgotten under its reader breaks off and does not look whole', async () => {
  const { reply, kept, clock } = open({ isRemote: true, past: ['a'] })
  await settle(clock)
  kept.isForgotten = true
  await settle(clock, 1000)
  assert.equal(reply.ending, 'breakOff')
  assert.ok(reply.text.endsWith('\n\ndata: HF_CANCELLED\n\n'), 'its last word has no number')
})

test('a whole answer goes out with its length once it is sealed, or as the error that it is', async () => {
  const whole = open({ isStream: false })
  whole.push('body')
  whole.keep()
  assert.equal(whole.reply.begun, undefined, 'not before it is known to be whole')
  whole.finish('complete')
  assert.deepEqual([whole.reply.begun, whole.reply.text, whole.reply.ending], [12, 'data: body\n\n', 'end'])

  const failed = open({ isStream: false, isRemote: true, past: ['error'] })
  failed.kept.outcome = 'failed'
  await settle(failed.clock)
  assert.deepEqual([failed.reply.fault?.code, failed.reply.ending], ['HF_UPSTREAM_CUT', 'fail'])
})

test('a silent stream shows a sign of life, which is no event', async () => {
  const { reply, push, keep, clock } = open()
  push('a')
  keep()
  clock.advance(30_000)
  assert.match(reply.text, /\n\n: still here\n\n/)
  assert.equal(reply.events.length, 1)
})

test('whatever the order of things, the caller has a prefix of what was kept, and all of it in the end', async () => {
  const step = fc.constantFrom('push', 'pushLong', 'keep', 'fill', 'drain', 'turn')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.nat({ max: 3 }), async (steps, next) => {
      const bench = open({ past: ['p', 'q', 'r'], next })
      const { reply, push, keep, finish, clock, kept } = bench
      for (const each of steps) {
        if (each === 'push') push(`e${kept.events.length}`)
        else if (each === 'pushLong') push('y'.repeat(90_000))
        else if (each === 'keep') keep()
        else if (each === 'turn') await settle(clock, 40)
        else {
          reply.isFull = each === 'fill'
          if (each === 'drain') reply.onDrain()
        }
        reply.events.forEach(({ id }, i) => assert.equal(id, next + i))
        assert.ok(reply.events.length <= kept.keptCount - next || reply.events.length === 0)
      }
      keep()
      finish('complete')
      reply.isFull = false
      reply.onDrain()
      for (let i = 0; i < 10; i++) await settle(clock, 400)
      const expected = kept.events.slice(next).map((event) => event.toString().trim())
      assert.deepEqual([reply.events.map(({ data }) => data), reply.ending], [expected, 'end'])
    }),
    { numRuns: 60 },
  )
})
