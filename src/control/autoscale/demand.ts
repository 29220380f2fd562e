/** What is asked of a pool, and what keeps its load from being as usual. */

/** What was asked of a pool since the last word. */
export interface DemandTold {
  /** Calls that arrived, each once; those too that were refused, or wait. */
  readonly requests: number
  readonly promptTokens: number
  readonly outputTokens: number
  /** At no server yet, now. */
  readonly waiting: number
  /** Turned away for want of room. */
  readonly refused: number
}

/** An incident goes on; or one in which most calls fail, so that what comes is not what callers want. */
export type Trouble = 'incident' | 'outage'
