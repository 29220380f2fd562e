/**
 * The front of a listener: serves plain requests by itself and leaves everything else to node:http. Measured (64
 * callers, a call of 1 KB each way): a call through node:http costs as much CPU as nginx needs for the whole of it.
 */
import type { Socket } from 'node:net'
import type { Timer } from '../../ground/clock.ts'
import { Portions } from '../../ground/portions.ts'
import { PlainConnection, type PlainParts } from './plain-connection.ts'

const sweepMs = 500
/** Who has not come to the end of a request by then is node:http's, which knows the limits. */
const patienceMs = 2000
/** Connections that are handed over, or closed, in one turn: some 0.05 ms each. */
const duesPerTurn = 16

export class PlainFront implements Disposable {
  #parts: PlainParts
  #open = new Map<Socket, PlainConnection>()
  /** Thousands that came together are due together. */
  #dues: Portions
  #sweeper: Timer

  constructor(parts: Omit<PlainParts, 'onGone'>) {
    this.#parts = { ...parts, onGone: ({ socket }) => this.#open.delete(socket) }
    this.#dues = new Portions(parts.clock, duesPerTurn)
    this.#sweeper = parts.clock.every(sweepMs, () => this.#sweep())
  }

  take(socket: Socket): void {
    this.#open.set(socket, new PlainConnection(socket, this.#parts))
  }

  /** A request is being answered on this connection. */
  isOn(socket: Socket): boolean {
    return this.#open.get(socket)?.isBusy ?? false
  }

  #sweep(): void {
    const { clock } = this.#parts
    // What has arrived meanwhile is read first: a process that was busy, or stopped, has not looked yet.
    clock.soon(() => {
      const nowMs = clock.monotonicMs()
      for (const connection of this.#open.values())
        if (connection.isDue(nowMs, patienceMs)) this.#dues.add(() => connection.look(clock.monotonicMs(), patienceMs))
    })
  }

  /** Closes every connection that is still its own, now. */
  [Symbol.dispose](): void {
    this.#sweeper.cancel()
    for (const socket of [...this.#open.keys()]) socket.destroy()
  }
}
