/**
 * The gate of a listener behind a load balancer that speaks the PROXY protocol: reads its header off each connection
 * before anything else, and remembers whose connection it is. Without a header nobody comes in.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../../ground/clock.ts'
import { plainAddress } from './address-list.ts'
import { readProxyHeader } from './proxy-header.ts'

/** Who is at the other end of a connection. */
export interface Gate {
  addressOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string
}

export interface ProxyGateParts {
  readonly clock: Clock
  /** A header that has not come by then does not come. */
  readonly headersMs: number
  /** Of connections whose header is awaited; what is beyond is closed. */
  readonly waitingMax: number
  /** Whether this peer may speak for others. */
  readonly isTrusted: (address: string) => boolean
  /** A connection was closed for what came, or did not come, in front of it. */
  readonly onRefused: (address: string, why: string) => void
}

/** A connection seen from both sides of TLS: the socket that asks is another object than the one that came. */
const keyOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string =>
  `${remoteAddress}|${remotePort}`

export class ProxyGate implements Gate {
  #parts: ProxyGateParts
  /** One an open connection. */
  #visitors = new Map<string, string>()
  #waiting = 0

  constructor(parts: ProxyGateParts) {
    this.#parts = parts
  }

  addressOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
    return this.#visitors.get(keyOf(socket)) ?? socket.remoteAddress ?? ''
  }

  /** Calls `next` once the header is read; the rest of what has come is still to be read from the socket. */
  enter(socket: Socket, next: () => void): void {
    const { clock, headersMs, waitingMax, isTrusted, onRefused } = this.#parts
    const peer = plainAddress(socket.remoteAddress ?? '')
    const refuse = (why: string): void => {
      onRefused(peer, why)
      socket.destroy()
    }
    socket.on('error', () => {}) // `close` follows
    if (!isTrusted(peer)) return refuse('it is none of `access.trustedProxies`')
    if (this.#waiting >= waitingMax) return refuse('too many connections wait for their header')
    this.#waiting++
    let held: Buffer = Buffer.alloc(0)
    const leave = (): void => {
      this.#waiting--
      late.cancel()
      socket.off('readable', read)
      socket.off('close', leave)
    }
    const read = (): void => {
      const bytes = socket.read() as Buffer | null
      if (bytes === null) return
      held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
      const header = readProxyHeader(held)
      if (header === 'more') return
      leave()
      if (header === 'bad') return refuse('what came first is no header of the PROXY protocol')
      if (header.address !== null) this.#remember(socket, plainAddress(header.address))
      if (held.length > header.lengthBytes) socket.unshift(held.subarray(header.lengthBytes))
      next()
    }
    const late = clock.after(headersMs, () => {
      leave()
      refuse('no header of the PROXY protocol came in time')
    })
    socket.on('close', leave)
    socket.on('readable', read)
  }

  #remember(socket: Socket, address: string): void {
    const key = keyOf(socket)
    this.#visitors.set(key, address)
    socket.on('close', () => this.#visitors.delete(key))
  }
}
