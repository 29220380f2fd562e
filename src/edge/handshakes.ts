/** Connections on which TLS is not agreed upon yet, and the end of those that take their time when others need room. */
import type { Socket } from 'node:net'
import type { Clock } from '../ground/clock.ts'

/** One that is younger is none that lingers. */
const ageMsMin = 1000
/** At connections, for one to close. */
const looksMax = 32

export class Handshakes {
  #clock: Clock
  /** By the address of the other side, which a connection has with TLS as without it; the oldest first. */
  #open = new Map<string, { readonly socket: Socket; readonly sinceMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get count(): number {
    return this.#open.size
  }

  enter(socket: Socket): void {
    const name = nameOf(socket)
    const entry = { socket, sinceMs: this.#clock.monotonicMs() }
    this.#open.set(name, entry)
    socket.once('close', () => {
      if (this.#open.get(name) === entry) this.#open.delete(name)
    })
  }

  /** TLS is agreed upon. */
  done(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    this.#open.delete(nameOf(socket))
  }

  /** Closes the oldest. `mayStay`: whose it is not to be. False where there is none. */
  makeRoom(mayStay: (socket: Socket) => boolean): boolean {
    const beforeMs = this.#clock.monotonicMs() - ageMsMin
    let looks = 0
    for (const [name, { socket, sinceMs }] of this.#open) {
      if (sinceMs > beforeMs || ++looks > looksMax) return false
      if (mayStay(socket)) continue
      this.#open.delete(name)
      socket.destroy()
      return true
    }
    return false
  }
}

function nameOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`
}
