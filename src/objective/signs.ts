/** What a worker tells now and then of itself, for objectives and early warnings: numbers only. */

/** Attempts on an upstream since the start of the worker. */
export interface QuotaCounts {
  readonly attempts: number
  /** Refused since they were too many. */
  readonly limited: number
  /** Refused since the money or the quota is used up. */
  readonly spent: number
}

export interface Signs {
  /** By objective, since the start of the worker. */
  readonly objectives: Readonly<Record<string, readonly [good: number, bad: number]>>
  /** Streams that began since the start, and the sum of the logarithms of their first token's milliseconds. */
  readonly firstTokens: { readonly count: number; readonly logSum: number }
  readonly callsLive: number
  /** Shares of what it may have, 0 to 1. */
  readonly heap: number
  readonly memory: number
  readonly pools: Readonly<Record<string, PoolSigns>>
  /** By upstream. */
  readonly quotas: Readonly<Record<string, QuotaCounts>>
  /** By upstream: the smallest share of its limits that it said was left, 0 to 1. */
  readonly quotasLeft: Readonly<Record<string, number>>
  /** How tight the shield against attacks is; 0, or left out by an older worker: there is none. */
  readonly shieldLevel?: number
}

export interface PoolSigns {
  /** Share of what its upstreams are given at once that is taken, 0 to 1; null while none is in use. */
  readonly saturation: number | null
  /** Calls that wait for a place. */
  readonly waiting: number
}
