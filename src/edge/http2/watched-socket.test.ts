// How the bytes of a connection reach node:http2: at once, in turns where they are many requests, or not at all.
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { setImmediate as soon } from 'node:timers/promises'
import { test } from 'node:test'
import { FrameWatch } from './frame-watch.ts'
import type { Tally } from './session-budget.ts'
import { WatchedSocket } from './watched-socket.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

function requests(first: number, count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => {
      const frame = Buffer.from([0, 0, 1, 1, 5, 0, 0, 0, 0, 0x82])
      frame.writeUInt32BE(first + 2 * i, 5)
      return frame
    }),
  )
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_bytes: Buffer, _encoding: string, done: () => void): void {
    done()
  }
}

function watchOver(): { wire: Wire; watched: WatchedSocket; turns: (() => void)[]; had: () => Buffer } {
  const wire = new Wire()
  const turns: (() => void)[] = []
  const watched = new WatchedSocket(wire as unknown as Socket, new FrameWatch(1000, 100), (run) => turns.push(run))
  const pieces: Buffer[] = []
  watched.on('data', (bytes: Buffer) => pieces.push(bytes))
  return { wire, watched, turns, had: () => Buffer.concat(pieces) }
}

test('a few requests go on at once; many wait for their turns, nothing is read meanwhile, and all come in order', async () => {
  const { wire, turns, had } = watchOver()
  const few = Buffer.concat([preface, requests(1, 3)])
  wire.push(few)
  await soon()
  assert.deepEqual(had(), few)
  assert.equal(turns.length, 0)
  const many = requests(7, 20)
  wire.push(many)
  await soon()
  const late = requests(1001, 1)
  wire.push(late)
  let count = 0
  for (let run = turns.shift(); run; run = turns.shift()) {
    assert.equal(had().length, few.length + count * 80)
    assert.ok(wire.isPaused())
    run()
    count++
    await soon()
  }
  assert.equal(count, 3)
  await soon()
  assert.deepEqual(had(), Buffer.concat([few, many, late]))
})

test('once it is stopped for what came, nothing of that is handed on and nothing more is read', async () => {
  const { wire, watched, had } = watchOver()
  const told: Tally[] = []
  watched.onFrames = (tally) => {
    told.push(tally)
    watched.stop()
  }
  wire.push(Buffer.concat([preface, requests(1, 3)]))
  await soon()
  for (let i = 0; i < 20; i++) wire.push(Buffer.alloc(16 * 1024))
  await soon()
  assert.equal(had().length, 0)
  assert.equal(told.length, 1)
  assert.ok(wire.readableLength > 0, 'it stays with the system')
})

test('behind our last word a client may finish its own, and no more', async () => {
  const { wire, watched } = watchOver()
  let isFinal = false
  watched.onFinal = () => (isFinal = true)
  wire.push(preface)
  await soon()
  watched.end()
  await soon()
  assert.ok(isFinal)
  const frame = Buffer.alloc(9 + 16_000) // DATA of no stream, which the watch leaves to nghttp2
  frame.writeUIntBE(16_000, 0, 3)
  wire.push(frame)
  await soon()
  assert.equal(wire.readableLength, 0)
  for (let i = 0; i < 10; i++) wire.push(frame)
  await soon()
  assert.ok(wire.readableLength > 0)
  watched.destroy()
  assert.ok(wire.destroyed)
})
