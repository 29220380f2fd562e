/** What is known of a call once it is settled: the one account that log, metrics and later the record read. */
import type { FaultCode } from '../fault/code.ts'
import type { Ray } from '../fault/ray.ts'
import type { Trace } from './trace-context.ts'

/** Route of requests for pages and applications beside the models: no calls, and told only where they fail. */
export const webRoute = 'web'

/** What a time until the first token depends on, beside the server. */
export interface AttemptSetting {
  /** Calls that the server had when this one was sent. */
  readonly callsInHand: number
  /** Of the prompt, as far as is known. */
  readonly unreadTokens: number
  /** Tools were offered. */
  readonly hasTools: boolean
  /** A tool call of its answer has arguments that nobody can read. Left out where none has. */
  readonly isToolCallBroken?: boolean
}

export interface AttemptFact {
  readonly upstream: string
  /** Null when the attempt gave the answer. */
  readonly code: FaultCode | null
  /** What happened, in technical words; for operators only. */
  readonly detail: string
  /** From the beginning of the call to that of the attempt, milliseconds. */
  readonly afterMs: number
  readonly durationMs: number
  /** Of its phases, from its beginning: until the request was sent on a connection; null while it was not. */
  readonly connectMs: number | null
  /** Until the first content of its stream; null where none came, and for an answer in one piece. */
  readonly firstTokenMs: number | null
  /** HTTP status that came from the upstream, if any. */
  readonly receivedStatus: number | null
  /** It ran beside another attempt that was slow to begin; left out where it did not. */
  readonly isHedge?: boolean
  /** At a replica of a deployment: in what setting it was sent. */
  readonly setting?: AttemptSetting
  /** Its span, where the trace is recorded, and the model as this upstream knows it. */
  readonly span?: { readonly id: string; readonly model: string }
}

export interface ExchangeFact {
  /** When it was settled, milliseconds since 1970. */
  readonly atMs: number
  readonly ray: Ray
  /** The caller's own name for the request; null for none. */
  readonly requestId: string | null
  readonly trace: Trace | null
  readonly route: string
  /** As the caller named it. */
  readonly model: string
  /** Whether the model is one that we know; only then may it be a metric's label. */
  readonly isModelKnown: boolean
  /** Name of the caller's key, empty for none. */
  readonly caller: string
  /** Whom it is served before and after; `standard` where nobody said. */
  readonly tier: string
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
  /** Of the time until then: in the line for a place. */
  readonly queueMs: number
  /**
   * From the beginning of the call to the head of its answer, without the wait in the line and without the time in
   * which an upstream had it in hand; null where no head was sent.
   */
  readonly overheadMs: number | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly finishReason: string | null
  readonly requestBytes: number
  readonly sentBytes: number
  readonly eventCount: number
  /** What the answer cache had to do with it; left out where it was not asked. */
  readonly cache?: 'hit' | 'semantic' | 'miss' | 'refreshed' | 'stale' | 'collapsed'
  /** Whose answer it got, where that was made for another call. */
  readonly answerRay?: Ray
  /** How near the question was to which that answer was given, 0 to 1; left out where it was the same. */
  readonly similarity?: number
}
