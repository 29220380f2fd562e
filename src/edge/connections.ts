/** The open connections of a listener, and the polite end of those on which nothing happens. */
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../ground/clock.ts'

/** Idle connections are looked at this often. */
const sweepMs = 1000
/** At connections, for one to close. */
const looksMax = 32

export class Connections implements Disposable {
  #clock: Clock
  #isAnswering: (socket: Socket) => boolean
  #idleSweepsMax: () => number
  #open = new Set<Socket>()
  #idle = new Map<Socket, Idle>()
  #sweeper: Timer

  /**
   * `isAnswering`: whether a request on this connection is under way; `idleSweepsMax`: how many looks in a row may find
   * that nothing moved on a connection, before it is closed. One whose answer has just ended is never closed: its next
   * request may be on the wire.
   */
  constructor(clock: Clock, isAnswering: (socket: Socket) => boolean, idleSweepsMax: () => number) {
    this.#clock = clock
    this.#isAnswering = isAnswering
    this.#idleSweepsMax = idleSweepsMax
    this.#sweeper = clock.every(sweepMs, () => this.#sweep())
  }

  get count(): number {
    return this.#open.size
  }

  enter(socket: Socket): void {
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
  }

  /**
   * Closes the oldest connection on which nothing is answered, for one that comes anew; who waits longest without
   * asking loses least. `mayStay`: whose it is not to be. Not all are looked at: those passed over are last next time.
   * False where none was found.
   */
  makeRoom(mayStay: (socket: Socket) => boolean): boolean {
    let looks = 0
    for (const socket of this.#open) {
      this.#open.delete(socket)
      if (!this.#isAnswering(socket) && !mayStay(socket)) {
        socket.destroy()
        return true
      }
      this.#open.add(socket)
      if (++looks >= looksMax) break
    }
    return false
  }

  [Symbol.dispose](): void {
    this.#sweeper.cancel()
  }

  #sweep(): void {
    const sweepsMax = this.#idleSweepsMax()
    if (sweepsMax === Number.POSITIVE_INFINITY) return this.#idle.clear()
    // What has arrived meanwhile is read first: a process that was busy, or stopped, has not looked yet.
    this.#clock.soon(() => {
      const now = new Map<Socket, Idle>()
      for (const socket of this.#open) {
        const { bytesRead } = socket
        // One that never asked has its own limit, `headersMs`.
        if (bytesRead === 0 || this.#isAnswering(socket)) continue
        const before = this.#idle.get(socket)
        const sweeps = before?.bytesRead === bytesRead ? before.sweeps + 1 : 0
        if (sweeps >= sweepsMax) socket.destroySoon()
        else now.set(socket, { bytesRead, sweeps })
      }
      this.#idle = now
    })
  }
}

/** What was seen of a connection on which nothing moves. */
interface Idle {
  readonly bytesRead: number
  /** Looks in a row that found it so, beside the first. */
  readonly sweeps: number
}
