// Tests of the reader at the end of an answer: only what is kept, in order, no faster than the caller takes it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Fault } from '../../fault/fault.ts'
import type { Reply } from '../reply.ts'
import { Tail } from './tail.ts'

/** A caller's connection that notes what it gets; full while `isFull`. */
class NotedReply implements Reply {
  text = ''
  writes = 0
  isFull = false
  ending: string | null = null
  onDrain = (): void => {}
  onGone = (): void => {}
  begin(): void {}
  fail(_fault: Fault): void {}
  write(bytes: Buffer): boolean {
    assert.equal(this.ending, null, 'nothing is written after the end')
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
}

function open(): { reply: NotedReply; tail: Tail; lags: boolean[]; ended: () => number } {
  const reply = new NotedReply()
  const lags: boolean[] = []
  let endedCount = 0
  const tail = new Tail(reply, { onEnded: () => endedCount++, onLag: (isLagging) => lags.push(isLagging) })
  return { reply, tail, lags, ended: () => endedCount }
}

const letters = 'abcdefghijklmnopqrstuvwxyz'

test('nothing is delivered before the journal has kept it', () => {
  const { reply, tail } = open()
  for (const letter of 'abc') tail.push(Buffer.from(letter))
  tail.flush()
  assert.equal(reply.text, '')
  tail.kept(2)
  tail.flush()
  assert.equal(reply.text, 'ab')
  tail.kept(3)
  tail.flush()
  assert.equal(reply.text, 'abc')
  assert.equal(tail.sentBytes, 3)
})

test('what is ready goes out in one write', () => {
  const { reply, tail } = open()
  for (const letter of letters) tail.push(Buffer.from(letter))
  tail.kept(letters.length)
  tail.flush()
  tail.flush()
  assert.deepEqual([reply.text, reply.writes], [letters, 1])
})

test('a full caller gets nothing more until it has room', () => {
  const { reply, tail } = open()
  reply.isFull = true
  tail.push(Buffer.from('a'))
  tail.kept(1)
  tail.flush()
  tail.push(Buffer.from('b'))
  tail.kept(2)
  tail.flush()
  assert.equal(reply.text, 'a')
  reply.isFull = false
  reply.onDrain()
  assert.equal(reply.text, 'ab')
})

test('the end waits for the last event, and comes once', () => {
  const { reply, tail, ended } = open()
  tail.push(Buffer.from('a'))
  tail.finish('end')
  assert.deepEqual([reply.ending, ended()], [null, 0])
  tail.kept(1)
  tail.flush()
  assert.deepEqual([reply.text, reply.ending, ended()], ['a', 'end', 1])
  tail.flush()
  tail.detach()
  assert.equal(ended(), 1)
})

test('an answer that broke off is delivered as far as it came, and does not look whole', () => {
  const { reply, tail } = open()
  tail.push(Buffer.from('a'))
  tail.kept(1)
  tail.finish('breakOff')
  assert.deepEqual([reply.text, reply.ending], ['a', 'breakOff'])
})

test('an answer that is to break off does not end as whole', () => {
  const { reply, tail } = open()
  tail.push(Buffer.from('a'))
  tail.finish('breakOff')
  tail.finish('end')
  tail.kept(1)
  tail.flush()
  assert.equal(reply.ending, 'breakOff')
})

test('a caller that left gets nothing, no end either, and the answer goes on', () => {
  const { reply, tail, ended } = open()
  tail.push(Buffer.from('a'))
  tail.detach()
  tail.push(Buffer.from('b'))
  tail.kept(2)
  tail.flush()
  assert.deepEqual([reply.text, reply.ending, ended()], ['', null, 0])
  tail.finish('end')
  assert.deepEqual([reply.text, reply.ending, ended()], ['', null, 1])
})

test('a caller that lags is told of once, and once more when less than half of it waits', () => {
  const { reply, tail, lags } = open()
  for (let i = 0; i < 5; i++) tail.push(Buffer.alloc(300 * 2 ** 10))
  const seen: [waitingKib: number, lags: boolean[]][] = []
  for (const keptCount of [0, 1, 2, 3, 4, 5]) {
    tail.kept(keptCount)
    tail.flush()
    seen.push([1500 - keptCount * 300, [...lags]])
  }
  const [on, off] = [[true], [true, false]]
  assert.deepEqual(seen, [
    [1500, on],
    [1200, on],
    [900, on],
    [600, on],
    [300, off],
    [0, off],
  ])
  assert.equal(reply.writes, 10, 'each in two pieces of 256 KiB at most')
})

test('one that lags and leaves holds nothing up any more', () => {
  const { reply, tail, lags } = open()
  reply.isFull = true
  for (const count of [1, 2]) {
    tail.push(Buffer.alloc(2 * 2 ** 20))
    tail.kept(count)
    tail.flush()
  }
  assert.deepEqual(lags, [true])
  tail.detach()
  assert.deepEqual(lags, [true, false])
})

test('whatever the order of things, the caller has a prefix of what was kept, and all of it in the end', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('push' as const) }),
    fc.record({ do: fc.constant('keep' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ do: fc.constant('flush' as const) }),
    fc.record({ do: fc.constant('fill' as const) }),
    fc.record({ do: fc.constant('drain' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { reply, tail, ended } = open()
      let pushed = ''
      let keptCount = 0
      for (const each of steps) {
        if (each.do === 'push') {
          const letter = letters[pushed.length % 26] as string
          pushed += letter
          tail.push(Buffer.from(letter))
        } else if (each.do === 'keep') tail.kept((keptCount += Math.floor(each.share * (pushed.length - keptCount))))
        else if (each.do === 'flush') tail.flush()
        else if (each.do === 'fill') reply.isFull = true
        else {
          reply.isFull = false
          reply.onDrain()
        }
        assert.ok(pushed.slice(0, keptCount).startsWith(reply.text), `${reply.text} of ${pushed}, ${keptCount} kept`)
      }
      tail.kept(pushed.length)
      tail.finish('end')
      reply.isFull = false
      reply.onDrain()
      assert.deepEqual([reply.text, reply.ending, ended()], [pushed, 'end', 1])
    }),
  )
})
