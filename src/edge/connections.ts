/** The open connections of a listener, and the polite end of those on which nothing happens. */
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../ground/clock.ts'

/**
 * An idle connection on which nothing moved for this long, and at most twice as long, is closed. One whose answer has
 * just ended is not: its next request may be on the wire.
 */
const idleGraceMs = 1000

export class Connections implements Disposable {
  #clock: Clock
  #isAnswering: (socket: Socket) => boolean
  #mayIdle: () => boolean
  #open = new Set<Socket>()
  #bytesRead = new Map<Socket, number>()
  #sweeper: Timer

  /** `isAnswering`: whether a request on this connection is under way; `mayIdle`: whether connections on which nothing happens stay open now. */
  constructor(clock: Clock, isAnswering: (socket: Socket) => boolean, mayIdle: () => boolean) {
    this.#clock = clock
    this.#isAnswering = isAnswering
    this.#mayIdle = mayIdle
    this.#sweeper = clock.every(idleGraceMs, () => this.#sweep())
  }

  get count(): number {
    return this.#open.size
  }

  enter(socket: Socket): void {
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
  }

  [Symbol.dispose](): void {
    this.#sweeper.cancel()
  }

  /** Those that were idle at the last sweep and have not read a byte since are closed by the next. */
  #sweep(): void {
    if (this.#mayIdle()) return this.#bytesRead.clear()
    // What has arrived meanwhile is read first: a process that was busy, or stopped, has not looked yet.
    this.#clock.soon(() => {
      const idle = [...this.#open].filter((socket) => !this.#isAnswering(socket))
      const now = new Map(idle.map((socket) => [socket, socket.bytesRead]))
      for (const [socket, bytesRead] of now) {
        // One that never asked has its own limit, `headersMs`.
        if (bytesRead > 0 && this.#bytesRead.get(socket) === bytesRead) socket.destroySoon()
      }
      this.#bytesRead = now
    })
  }
}
