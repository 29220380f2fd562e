/** What the control loop knows of one replica beside what its driver says. */

import type { Driver, SeenReplica } from '../fleet/driver.ts'

/** After a death it is started again after this, doubling with each in a row, up to the maximum. */
const restMs = 1000
const restMsMax = 300_000
/** One that served for so long has not died in a row. */
const soundMs = 60_000

export class KnownReplica {
  readonly name: string
  /** Who runs it; null before it was seen. */
  driver: Driver | null = null
  membership: 'out' | 'in' | 'draining' = 'out'
  weight = 0
  /** With whom it has its share of the calls; null where all are alike. */
  cohort: string | null = null
  isReady = false
  isBusy = false
  isProbing = false
  /** Since it gets no new calls, on the monotonic clock. */
  drainedAtMs = 0
  /** Of the copy that runs now: when its driver says it was started, and when it was first seen, monotonic. */
  startedMs = 0
  seenAtMs = 0
  readyAtMs: number | null = null
  /** Deaths in a row. */
  deaths = 0
  restUntilMs = 0
  lastWords = ''
  /** The copy whose end was told. */
  toldStartedMs = -1
  /** Where it got calls when the control process before this one died; null once it was seen, and for all others. */
  adoptedUrl: string | null = null

  constructor(name: string) {
    this.name = name
  }

  stand({ weight, cohort }: { readonly weight: number; readonly cohort: string | null }): void {
    this.weight = weight
    this.cohort = cohort
  }

  /** Another copy than before runs under the name. */
  see({ startedMs, url }: Pick<SeenReplica, 'startedMs' | 'url'>, nowMs: number): void {
    if (startedMs === this.startedMs) return
    const isAdopted = this.adoptedUrl !== null && (url === null || this.adoptedUrl.startsWith(url))
    this.adoptedUrl = null
    this.startedMs = startedMs
    this.seenAtMs = nowMs
    this.readyAtMs = null
    if (isAdopted) return
    // It has to show that it is ready, as any newcomer.
    this.isReady = false
    this.membership = 'out'
  }

  /** It has died, or was not fit. Returns for how long it rests. */
  die(lastWords: string, nowMs: number): number {
    const wasSound = this.readyAtMs !== null && nowMs - this.readyAtMs >= soundMs
    this.deaths = wasSound ? 1 : this.deaths + 1
    this.isReady = false
    this.membership = 'out'
    this.readyAtMs = null
    this.lastWords = lastWords
    const waitMs = Math.min(restMsMax, restMs * 2 ** Math.min(20, this.deaths - 1))
    this.restUntilMs = nowMs + waitMs
    return waitMs
  }
}
