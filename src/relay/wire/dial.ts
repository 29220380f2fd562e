/**
 * Connects to the first of several addresses that answers ("happy eyeballs", RFC 8305): each gets a head start before
 * the next, and is not given up when that is over, so a dead address costs the head start and a slow one nothing.
 */
import type { LookupAddress } from 'node:dns'
import { connect, type OnReadOpts, type Socket } from 'node:net'
import type { Clock, Timer } from '../../ground/clock.ts'

/** RFC 8305, section 8. */
const headStartMs = 250

export interface DialOrder {
  readonly addresses: readonly LookupAddress[]
  readonly port: number
  readonly clock: Clock
  /** Where the bytes of the connection go; left out, they are the socket's own affair. */
  readonly onread: (() => OnReadOpts) | null
  readonly onUp: (socket: Socket, address: string) => void
  /** Every address has failed: with the last error. */
  readonly onFailed: (error: Error) => void
}

export class Dial {
  readonly #order: DialOrder
  readonly #trying = new Set<Socket>()
  #next = 0
  #timer: Timer | null = null

  /** Nothing is told before this has returned. There is at least one address. */
  constructor(order: DialOrder) {
    this.#order = order
    this.#tryNext()
  }

  /** Gives up; nothing is told any more. */
  cancel(): void {
    this.#next = Number.POSITIVE_INFINITY
    this.#timer?.cancel()
    for (const socket of this.#trying) socket.destroy()
    this.#trying.clear()
  }

  #tryNext(): void {
    const { addresses, port, clock, onread } = this.#order
    const place = addresses[this.#next++]
    this.#timer?.cancel()
    if (!place) return
    const { address } = place
    const socket = connect({ host: address, port, ...(onread && { onread: onread() }) })
    this.#trying.add(socket)
    socket.once('connect', () => this.#up(socket, address))
    socket.on('error', (error) => this.#failed(socket, error))
    if (this.#next < addresses.length) this.#timer = clock.after(headStartMs, () => this.#tryNext())
  }

  #up(socket: Socket, address: string): void {
    if (!this.#trying.delete(socket)) return
    socket.removeAllListeners('error')
    this.cancel()
    this.#order.onUp(socket, address)
  }

  #failed(socket: Socket, error: Error): void {
    if (!this.#trying.delete(socket)) return
    if (this.#next < this.#order.addresses.length) this.#tryNext()
    else if (this.#trying.size === 0) this.#order.onFailed(error)
  }
}
