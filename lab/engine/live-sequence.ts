/** One request inside a simulated engine: what it asked for, how far it is, and who hears of it. */
import type { KvLease } from './kv-room.ts'

export interface EngineRequest {
  readonly promptIds: readonly number[]
  /** Tokens to generate, and their ids. */
  readonly count: number
  idAt(at: number): number
  readonly endReason: 'stop' | 'length'
  /** Makes this one sequence so many times slower; 1 by default. */
  readonly slowness?: number
  /** Holds its first token back for so long after it got a slot. */
  readonly firstTokenDelayMs?: number
}

/** Hears of a sequence's progress; `onEnd` comes once, after the last tokens, and not at all after a cancel. */
export interface EngineSink {
  /** So many more tokens are ready. */
  onTokens(count: number): void
  onEnd(): void
}

export interface Sequence {
  /** Prompt tokens that were in memory already; known once it runs. */
  readonly cachedTokens: number
  /** Tokens generated so far. */
  readonly generated: number
  readonly isRunning: boolean
  /** Frees slot and memory now; nothing is called any more. Idempotent. */
  cancel(): void
}

/** A sequence as the engine itself sees it. */
export class LiveSequence implements Sequence {
  readonly request: EngineRequest
  readonly sink: EngineSink
  readonly #leave: (sequence: LiveSequence) => void
  readonly submittedMs: number
  lease: KvLease | null = null
  cachedTokens = 0
  generated = 0
  prefilled = 0
  /** Tokens since the sink last heard of any. */
  fresh = 0
  /** Share of the next token that is earned already, for a slowed sequence. */
  credit = 0
  /** The last token is made; its slot is free again, though the sink may not know yet. */
  isOver = false
  isCancelled = false
  startedMs = 0
  lastTokenMs = 0
  constructor(request: EngineRequest, sink: EngineSink, submittedMs: number, leave: (sequence: LiveSequence) => void) {
    this.request = request
    this.sink = sink
    this.submittedMs = submittedMs
    this.#leave = leave
  }
  get isRunning(): boolean {
    return this.lease !== null
  }
  /**
   * Tokens that must be computed before the next new one: the prompt, and after a preemption what was generated too.
   */
  get contextTokens(): number {
    return this.request.promptIds.length + this.generated
  }
  get contextIds(): readonly number[] {
    const { promptIds } = this.request
    if (this.generated === 0) return promptIds
    return [...promptIds, ...Array.from({ length: this.generated }, (_, at) => this.request.idAt(at))]
  }
  get isDecoding(): boolean {
    return this.prefilled >= this.contextTokens
  }
  cancel(): void {
    this.#leave(this)
  }
}
