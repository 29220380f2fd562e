/** One request under way: who asked, what carries it now, and whether it is over. */
import { Fault } from '../../fault/fault.ts'
import type { Flight, WireReceiver, WireRequest } from './wire.ts'

const nothing: readonly Buffer[] = []

/** What a flight stands on: a connection, or a place in the queue for one. */
export interface Carrier {
  pause(): void
  resume(): void
  /** The flight is cancelled and wants nothing more. */
  drop(): void
}

export class HttpFlight implements Flight {
  readonly receiver: WireReceiver
  readonly connectMs: number
  /** The request as it goes out; kept until the answer begins, because it may have to go out twice. */
  bytes: readonly Buffer[]
  carrier: Carrier | null = null
  isSent = false
  sentMs: number | null = null
  isPaused = false
  /** Nothing may be told to the receiver any more. */
  isOver = false
  /** It has been moved to a fresh connection once; that is not done again. */
  isMoved = false

  constructor(request: WireRequest, receiver: WireReceiver, bytes: readonly Buffer[]) {
    this.receiver = receiver
    this.connectMs = request.connectMs
    this.bytes = bytes
  }

  /** The answer begins, which may take long: what was sent is let go, and with it the pool that it was cut from. */
  answered(): void {
    if (this.isSent) this.bytes = nothing
  }

  pause(): void {
    if (this.isPaused || this.isOver) return
    this.isPaused = true
    this.carrier?.pause()
  }

  resume(): void {
    if (!this.isPaused || this.isOver) return
    this.isPaused = false
    this.carrier?.resume()
  }

  cancel(): void {
    if (this.isOver) return
    this.isOver = true
    const carrier = this.carrier
    this.carrier = null
    carrier?.drop()
  }

  end(): void {
    this.isOver = true
    this.carrier = null
    this.receiver.onEnd()
  }

  fail(fault: Fault): void {
    if (this.isOver) return
    this.isOver = true
    this.carrier = null
    this.receiver.onFail(this.isMoved ? moved(fault) : fault)
  }
}

/** Whoever asks why is to know that the server may have seen the request before. */
const movedWords = 'sent before on a kept connection that was closed'

function moved({ code, detail, cause }: Fault): Fault {
  return new Fault(code, { detail: `${detail}, ${movedWords}`, wasSent: true, cause })
}
