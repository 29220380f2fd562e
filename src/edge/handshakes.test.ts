// Connections that have not agreed upon TLS: which of them make room for others.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import { Handshakes } from './handshakes.ts'

class Raw extends EventEmitter {
  readonly remoteAddress = '192.0.2.1'
  readonly remotePort: number
  isDestroyed = false

  constructor(remotePort: number) {
    super()
    this.remotePort = remotePort
  }

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }

  get socket(): Socket {
    return this as unknown as Socket
  }
}

test('the oldest that takes its time makes room; not one that has just come, is done, or may stay', () => {
  const clock = new ManualClock()
  const handshakes = new Handshakes(clock)
  const all = Array.from({ length: 4 }, (_, i) => new Raw(i))
  const [first, second, third, fourth] = all as [Raw, Raw, Raw, Raw]
  for (const each of [first, second, third]) handshakes.enter(each.socket)
  const isSecond = (socket: Socket): boolean => socket === second.socket
  assert.equal(handshakes.makeRoom(isSecond), false)
  clock.advance(1000)
  handshakes.enter(fourth.socket)
  // With TLS it is another object, of the same address.
  handshakes.done(new Raw(0).socket)
  assert.equal(handshakes.count, 3)
  assert.equal(handshakes.makeRoom(isSecond), true)
  assert.deepEqual(
    all.map(({ isDestroyed }) => isDestroyed),
    [false, false, true, false],
  )
  assert.equal(handshakes.makeRoom(isSecond), false)
  second.destroy()
  assert.equal(handshakes.count, 1)
})
