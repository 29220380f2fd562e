/** What whoever meets an error is told of the service as a whole: what goes on, where to read more, when it is over. */

export interface Notice {
  /** Of the status page; empty where there is none. */
  readonly statusUrl: string
  /** The worst incident that goes on; null for none. */
  readonly incident: { readonly title: string; readonly words: string; readonly etaWords: string } | null
  /** Those whose end is minutes away, and surely so. A supervisor from before an update tells none. */
  readonly outages?: readonly Outage[]
}

/** Calls that hardly anybody answers just now, and when that is probably over. */
export interface Outage {
  /** Which calls: an empty list takes any. */
  readonly models: readonly string[]
  readonly routes: readonly string[]
  readonly tiers: readonly string[]
  /** Milliseconds since 1970. */
  readonly overAtMs: number
}

export const noNotice: Notice = { statusUrl: '', incident: null, outages: [] }
