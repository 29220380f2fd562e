/** What the control loop knows of one replica beside what its driver says. */

import type { Driver, SeenReplica } from '../fleet/driver.ts'
import { countDeath } from './heal/crash-loop.ts'
import type { Deaths } from './heal/deaths.ts'

/** What was ordered and is not seen by then is ordered again. */
const unseenMs = 10_000
/** Characters that are kept of what it wrote at its end. */
export const lastWordsMax = 2000

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
  /** When a driver last took the order to start it, until it is seen; monotonic. */
  orderedAtMs = Number.NEGATIVE_INFINITY
  /** What is to be tried again, and of which its driver knows nothing; null once it runs. */
  resting: Pick<SeenReplica, 'deployment' | 'release'> | null = null
  /** When its health page was asked last, and since when it has not answered; monotonic. */
  askedAtMs = 0
  silentSinceMs: number | null = null
  /** In a row; null for none. */
  deathsSeen: Deaths | null = null
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
    this.resting = null
    if (startedMs === this.startedMs) return
    const isAdopted = this.adoptedUrl !== null && (url === null || this.adoptedUrl.startsWith(url))
    this.adoptedUrl = null
    this.orderedAtMs = Number.NEGATIVE_INFINITY
    this.startedMs = startedMs
    this.seenAtMs = nowMs
    this.readyAtMs = null
    this.silentSinceMs = null
    if (isAdopted) return
    // It has to show that it is ready, as any newcomer.
    this.isReady = false
    this.membership = 'out'
  }

  /** Its driver took the order, and does not tell of it yet: to order it again each second would help nobody. */
  isOrdered(nowMs: number): boolean {
    return nowMs - this.orderedAtMs < unseenMs
  }

  get deaths(): number {
    return this.deathsSeen?.inRow ?? 0
  }

  get restUntilMs(): number {
    return this.deathsSeen?.restUntilMs ?? 0
  }

  get lastWords(): string {
    return this.deathsSeen?.lastWords ?? ''
  }

  /** It has died, or was not fit. Returns for how long it rests. */
  die(how: string, lastWords: string, nowMs: number): number {
    const servedMs = this.readyAtMs === null ? 0 : nowMs - this.readyAtMs
    const { startedMs } = this
    this.deathsSeen = countDeath(this.deathsSeen, { startedMs, servedMs, how, lastWords }, nowMs)
    this.isReady = false
    this.membership = 'out'
    this.readyAtMs = null
    return Math.round(this.restUntilMs - nowMs)
  }
}
