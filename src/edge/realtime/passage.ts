/**
 * Two connections of a WebSocket that are one: what comes by either leaves by the other, no faster than it is taken. It
 * ends when either side ends, when both are silent for long, when one takes nothing for long, and politely when the
 * house closes: with a word to the caller between two frames.
 */
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../ground/clock.ts'
import { FrameWatch } from './frame-watch.ts'

const lookMs = 5000
/** Servers and clients ping each other far more often. */
const silentMsMax = 600_000
/** A frame under way has so long to end before the house closes over it. */
const closingMs = 1000
/** Close, 1012: the service restarts, come back (RFC 6455, section 7.4; the code is registered). */
const closeFrame = Buffer.from([0x88, 0x02, 1012 >> 8, 1012 & 255])

export interface PassageOptions {
  readonly clock: Clock
  /** How long one side may take nothing that waits for it. */
  readonly stalledMs: number
  /** Once: with the bytes that went to the caller and to the server. */
  readonly onEnd: (sentBytes: number, receivedBytes: number) => void
}

export class Passage {
  #caller: Socket
  #server: Socket
  #options: PassageOptions
  #watch = new FrameWatch()
  #toCallerBytes = 0
  #toServerBytes = 0
  /** When anything moved; monotonic. */
  #movedMs: number
  #isEnded = false
  #isClosing = false
  #looker: Timer

  /** `first`: what each has said before. */
  constructor(caller: Socket, server: Socket, first: { caller: Buffer; server: Buffer }, options: PassageOptions) {
    this.#caller = caller
    this.#server = server
    this.#options = options
    this.#movedMs = options.clock.monotonicMs()
    this.#looker = options.clock.every(lookMs, () => this.#look())
    for (const socket of [caller, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => {}) // `close` follows
      socket.on('close', () => this.#end())
      socket.on('end', () => this.#end())
      socket.on('drain', () => this.#drained())
    }
    server.on('data', (bytes: Buffer) => this.#toCaller(bytes))
    caller.on('data', (bytes: Buffer) => this.#toServer(bytes))
    if (first.server.length > 0) this.#toCaller(first.server)
    if (first.caller.length > 0) this.#toServer(first.caller)
  }

  /** Ends it with a word, between two frames. */
  close(): void {
    if (this.#isClosing || this.#isEnded) return
    this.#isClosing = true
    if (this.#watch.isBetween) return this.#sayGoodbye()
    this.#options.clock.after(closingMs, () => this.#end())
  }

  destroy(): void {
    this.#end()
  }

  #toCaller(bytes: Buffer): void {
    if (this.#isEnded) return
    this.#movedMs = this.#options.clock.monotonicMs()
    this.#toCallerBytes += bytes.length
    this.#watch.push(bytes)
    if (!this.#caller.write(bytes)) this.#server.pause()
    if (this.#isClosing && this.#watch.isBetween) this.#sayGoodbye()
  }

  #toServer(bytes: Buffer): void {
    if (this.#isEnded) return
    this.#movedMs = this.#options.clock.monotonicMs()
    this.#toServerBytes += bytes.length
    if (!this.#server.write(bytes)) this.#caller.pause()
  }

  #drained(): void {
    this.#movedMs = this.#options.clock.monotonicMs()
    if (!this.#caller.writableNeedDrain) this.#server.resume()
    if (!this.#server.writableNeedDrain) this.#caller.resume()
  }

  #look(): void {
    const stillMs = this.#options.clock.monotonicMs() - this.#movedMs
    const isHeldUp = this.#caller.writableNeedDrain || this.#server.writableNeedDrain
    if (stillMs >= (isHeldUp ? this.#options.stalledMs : silentMsMax)) this.#end()
  }

  #sayGoodbye(): void {
    this.#caller.write(closeFrame)
    this.#end()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#looker.cancel()
    // What was said last is still delivered.
    this.#caller.destroySoon()
    this.#server.destroySoon()
    this.#options.onEnd(this.#toCallerBytes, this.#toServerBytes)
  }
}
