/** What operators see of one deployment's scaling; plain JSON. */
export interface ScaleRow {
  readonly deployment: string
  /** Wished. */
  readonly replicas: number
  readonly why: string
  /** Why none is taken away now; null where one may be. */
  readonly heldBy: string | null
  readonly min: number
  readonly max: number
  readonly ready: number
  readonly starting: number
  /** Of the last step; null where it says nothing. */
  readonly load: number | null
  /** What loads are told in, and how much of it one replica bears. */
  readonly unit: string
  readonly perReplica: number
  /** P95 of the starts so far; the time allowed for one before the first. */
  readonly startMs: number
  readonly stepMs: number
  /** Steps of the past that are still to be read again after a start; until then nothing is taken away. */
  readonly stepsToRead: number
  /** Of the step in which a replica ordered now would be ready; null where nothing can be said yet. */
  readonly forecast: (Outlook & { readonly steps: number }) | null
  /** How right such forecasts were over about the last day of steps; null before any could be judged. */
  readonly judged: {
    /** Absolute errors as a share of the load. */
    readonly wape: number
    /** Share of the steps below the p90. */
    readonly below90: number
    readonly count: number
  } | null
}

/** The same with the load behind and before it. */
export interface ScaleView extends ScaleRow {
  /** The last steps, oldest first. */
  readonly recent: readonly StepSeen[]
  /** So many steps ahead, the nearest first; empty where nothing can be said yet. */
  readonly ahead: readonly (Outlook & { readonly steps: number })[]
}

/** Loads that 10, 50 and 90 % of the values lie below, as far as a forecast is believed. */
export interface Outlook {
  readonly p10: number
  readonly p50: number
  readonly p90: number
}

export interface StepSeen {
  /** When it ended, milliseconds since 1970. */
  readonly atMs: number
  /** Null where it says nothing. */
  readonly load: number | null
  /** As was said of it beforehand. */
  readonly said: Outlook | null
  readonly ready: number
}
