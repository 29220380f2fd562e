/** One call and who asks: what the edge hands to the relay. */
import type { Call } from '../dialect/call.ts'
import type { Ray } from '../fault/ray.ts'

export interface Order {
  readonly ray: Ray
  readonly call: Call
  /** `via` for the upstream: all that the request has passed, and our own name last. By it a loop is seen. */
  readonly via: string
  /** Name of the caller's key, empty for none. */
  readonly caller: string
  /** The credentials the caller sent, for upstreams that take the caller's own. */
  readonly callerKey: string | null
  /** Headers to be passed on as they are (trace context). */
  readonly passedHeaders: Readonly<Record<string, string>>
  /** When the request arrived, on the monotonic clock. */
  readonly beganMs: number
  readonly onDisconnect: 'cancel' | 'detach'
}
