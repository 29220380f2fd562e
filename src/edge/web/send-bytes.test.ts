/** That a body arrives whole whatever its length, at the reader's pace, and that a crowd of bodies takes turns. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { ManualClock } from '../../ground/manual-clock.ts'
import { Portions } from '../../ground/portions.ts'
import { piecesPerTurn, sendBytes } from './send-bytes.ts'
import type { WebAnswer } from './web.ts'

class Reader extends EventEmitter {
  got: Buffer[] = []
  isOver = false
  destroyed = false
  /** Says after each piece that it is full. */
  isSlow = false

  write(piece: Buffer): boolean {
    assert.ok(!this.isOver)
    this.got.push(piece)
    return !this.isSlow
  }

  end(piece: Buffer): void {
    this.write(piece)
    this.isOver = true
  }
}

const answerOf = (reader: Reader): WebAnswer => reader as unknown as WebAnswer
const bodyOf = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, i) => i % 251))

test('bodies of all lengths arrive whole', () => {
  for (const bytes of [0, 1, 32_768, 32_769, 65_536, 200_000]) {
    const clock = new ManualClock()
    const reader = new Reader()
    sendBytes(answerOf(reader), bodyOf(bytes), new Portions(clock, piecesPerTurn))
    clock.turn()
    assert.ok(reader.isOver)
    assert.deepEqual(Buffer.concat(reader.got), bodyOf(bytes))
    assert.equal(reader.listenerCount('drain'), 0)
  }
})

test('a slow reader gets no piece before it has taken the last one; one that is gone gets none', () => {
  const clock = new ManualClock()
  const reader = new Reader()
  reader.isSlow = true
  sendBytes(answerOf(reader), bodyOf(200_000), new Portions(clock, piecesPerTurn))
  clock.turn()
  assert.equal(reader.got.length, 1)
  reader.emit('drain')
  clock.turn()
  assert.equal(reader.got.length, 2)
  reader.emit('drain')
  reader.destroyed = true
  clock.turn()
  assert.equal(reader.got.length, 2)
  assert.ok(!reader.isOver)
})

test('a crowd of large bodies writes some pieces a turn, each body its share', () => {
  const runs: (() => void)[] = []
  const pieces = new Portions({ soon: (run) => void runs.push(run) }, piecesPerTurn)
  const readers = Array.from({ length: 100 }, () => new Reader())
  for (const reader of readers) sendBytes(answerOf(reader), bodyOf(200_000), pieces)
  for (let turn = 1; turn <= 50; turn++) {
    for (const run of runs.splice(0)) run()
    assert.equal(
      readers.reduce((sum, { got }) => sum + got.length, 0),
      turn * piecesPerTurn,
    )
  }
  assert.deepEqual(new Set(readers.map(({ got }) => got.length)), new Set([2]))
})
