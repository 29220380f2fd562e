/** What is known of a call once it is settled: the one account that log, metrics and later the record read. */
import type { FaultCode } from '../fault/code.ts'
import type { Ray } from '../fault/ray.ts'

export interface AttemptFact {
  readonly upstream: string
  /** Null when the attempt gave the answer. */
  readonly code: FaultCode | null
  /** What happened, in technical words; for operators only. */
  readonly detail: string
  /** From the beginning of the call to that of the attempt, milliseconds. */
  readonly afterMs: number
  readonly durationMs: number
  /** HTTP status that came from the upstream, if any. */
  readonly receivedStatus: number | null
  /** It ran beside another attempt that was slow to begin; left out where it did not. */
  readonly isHedge?: boolean
}

export interface ExchangeFact {
  /** When it was settled, milliseconds since 1970. */
  readonly atMs: number
  readonly ray: Ray
  readonly route: string
  /** As the caller named it. */
  readonly model: string
  /** Whether the model is one that we know; only then may it be a metric's label. */
  readonly isModelKnown: boolean
  /** Name of the caller's key, empty for none. */
  readonly caller: string
  readonly isStream: boolean
  readonly outcome: 'complete' | 'failed' | 'cancelled'
  /** HTTP status sent, or 499 when the caller left before. */
  readonly status: number
  readonly code: FaultCode | null
  readonly detail: string
  readonly attempts: readonly AttemptFact[]
  /** Why the answer broke, each time that it went on behind a seam. */
  readonly seams: readonly string[]
  readonly durationMs: number
  /** From the beginning of the call to the first content handed to the caller. */
  readonly firstTokenMs: number | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly finishReason: string | null
  readonly requestBytes: number
  readonly sentBytes: number
  readonly eventCount: number
}
