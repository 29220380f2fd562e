/** What a doctor finds of one part of a gateway: all is well, or what ails it and what to do. */

export interface Finding {
  /** `upstream gpu1`, `model chat`, `state folder`, `port 5020`. */
  readonly about: string
  readonly level: 'well' | 'warning' | 'trouble'
  readonly words: string
  /** What to do; empty where all is well. */
  readonly cure: string
  /** The fault that calls would meet; null for none. */
  readonly code: string | null
}
