/** One call and who asks: what the edge hands to the relay. */
import type { Call } from '../dialect/call.ts'
import type { Ray } from '../fault/ray.ts'
import type { Trace } from '../observe/trace-context.ts'
import type { CacheWish } from './cache-wish.ts'
import type { Tier } from './overload/tier.ts'

/** Times that the caller gives, from the arrival of the request; null for none. Milliseconds. */
export interface TimeLimits {
  /** For the first token of a streamed answer. */
  readonly firstTokenMs: number | null
  readonly wholeMs: number | null
}

export interface Order {
  readonly ray: Ray
  readonly call: Call
  /** `via` for the upstream: all that the request has passed, and our own name last. By it a loop is seen. */
  readonly via: string
  /** Name of the caller's key, empty for none. */
  readonly caller: string
  /** The credentials the caller sent, for upstreams that take the caller's own. */
  readonly callerKey: string | null
  /** The caller's own name for the request; null for none. */
  readonly requestId: string | null
  /** The trace that it belongs to, told to upstreams; null for none. */
  readonly trace: Trace | null
  /** Headers to be passed on as they are. */
  readonly passedHeaders: Readonly<Record<string, string>>
  /** When the request arrived, on the monotonic clock. */
  readonly beganMs: number
  readonly onDisconnect: 'cancel' | 'detach'
  readonly tier: Tier
  readonly timeLimits: TimeLimits
  /** The caller asked to store the answer: it is kept as long as any, and goes on without a reader. */
  readonly isStored: boolean
  /**
   * The id of the answer, where the caller has been told it before any upstream spoke: the call runs in the background.
   * Null where the upstream gives it.
   */
  readonly toldId: string | null
  /** What the caller wants of the answer cache; null for nothing. */
  readonly cache: CacheWish | null
  /** `Idempotency-Key`: calls of one caller with the same key are one call. Null for none. */
  readonly idempotencyKey: string | null
  /** The conversation that it belongs to, as the caller names it; null where it does not. */
  readonly session: string | null
  /** The client says that it has sent this call before (`x-stainless-retry-count`). */
  readonly isRepeated: boolean
  /** The caller wants seams to be told of in the answer. */
  readonly marksSeams: boolean
  /** A broken answer may go on with this very model only. */
  readonly mustSameModel: boolean
}
