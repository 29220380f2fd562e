/** The contract of a connection to a model server: bytes out, bytes back, every way it can fail told as a fault. */
import type { Fault } from '../../fault/fault.ts'

export interface WireRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query, starting with a slash. */
  readonly path: string
  /** Lower-case names. Host, content-length and connection are the wire's own business and are refused here. */
  readonly headers: Readonly<Record<string, string>>
  /** Sent in this order with a content-length; the buffers must not change until the flight is over. */
  readonly body: readonly Buffer[]
  /** Limit for DNS, TCP and TLS together, milliseconds. */
  readonly connectMs: number
}

export interface WireHead {
  readonly status: number
  /** Lower-case names; repeated ones joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** True when the answer came on a connection that had carried an earlier one. */
  readonly isReused: boolean
}

/**
 * Gets what comes back. `onHead` at most once, then `onBody` any number of times, then exactly one of `onEnd` and
 * `onFail`;
 * `onFail` may come at any point before `onEnd`. After `Flight.cancel()` nothing is called any more.
 */
export interface WireReceiver {
  onHead(head: WireHead): void
  /** The bytes are valid only during the call: copy what is to be kept. */
  onBody(bytes: Buffer): void
  /** The body is complete as framed (content-length or last chunk); an EOF-framed body ends here too. */
  onEnd(): void
  /**
   * One of HF_DNS_*, HF_UPSTREAM_REFUSED, HF_CONNECT_TIMEOUT, HF_NO_ROUTE, HF_TLS_*, HF_UPSTREAM_RESET (no byte of an
   * answer came), HF_UPSTREAM_CUT (after the head, before the end), HF_UPSTREAM_GARBLED (not HTTP, or ambiguous HTTP).
   */
  onFail(fault: Fault): void
}

/** One request under way. */
export interface Flight {
  /** Stops reading from the upstream's socket (backpressure). Idempotent. */
  pause(): void
  resume(): void
  /**
   * Ends the flight now: the connection is closed, since the rest of the answer cannot be skipped cheaply.
   * Idempotent.
   */
  cancel(): void
  /** True once any byte of the request may have left. */
  readonly isSent: boolean
  /** When it was given to a connection that was up, monotonic; null before. */
  readonly sentMs: number | null
}

/** All connections to one origin. */
export interface Wire extends AsyncDisposable {
  send(request: WireRequest, receiver: WireReceiver): Flight
  readonly openCount: number
  readonly idleCount: number
}
